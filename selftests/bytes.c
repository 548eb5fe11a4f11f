// SPDX-License-Identifier: GPL-2.0
/*
 * Every byte arrives, the right one, in the right place, and the result says
 * what happened to it. random.c does the same at random.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>

#include "fixture.h"

TEST_F(send, every_offset_around_a_page_border_arrives_right)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;
	struct receiver r;
	unsigned int start, end;

	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	for (start = 4094; start <= 4098; start++) {
		for (end = start + 1;
		     end<20000; end += end % 4096> 1 && end % 4096 < 4094 ? 1023 : 1) {
			vector_reset(v);
			vector_add_file(v, &self->file, start, end - start);
			send_vector(_metadata, self, variant, v, &r, self->file.dir, &send);
			if (!_metadata->passed)
				vector_print(v);
			ASSERT_TRUE(_metadata->passed);
		}
	}
	receiver_stop(&r, false);
}

/* Sends one vector on each test folder; @build fills it. */
static void on_every_dir(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
			 const FIXTURE_VARIANT(send) * variant, size_t size,
			 void (*build)(struct vector *v, const struct testfile *f))
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;
	struct receiver r;
	const char *dir;
	unsigned int i;

	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	for (i = 0; (dir = test_dir(i)); i++) {
		struct testfile f;

		testfile_create(&f, dir, size, i + 20);
		vector_reset(v);
		build(v, &f);
		send_vector(_metadata, self, variant, v, &r, dir, &send);
		testfile_close(&f);
	}
	receiver_stop(&r, false);
	expect_silence(_metadata, self->pair.rx);
	vector_free(v);
}

static void header_file_trailer(struct vector *v, const struct testfile *f)
{
	vector_add_memory(v, "HTTP/1.1 200 OK\r\n\r\n", 19);
	vector_add_file(v, f, 0, 0);
	vector_add_memory(v, "that was all", 12);
}

TEST_F(send, header_file_and_trailer_arrive_in_order)
{
	on_every_dir(_metadata, self, variant, 300001, header_file_trailer);
}

static void file_to_the_end(struct vector *v, const struct testfile *f)
{
	vector_add_file(v, f, 0, 0);
	vector_add_file(v, f, 777, 0);
	vector_add_file(v, f, f->size - 1, 0);
	vector_add_file(v, f, f->size, 0);
}

TEST_F(send, a_length_of_0_means_to_the_end_of_the_file)
{
	on_every_dir(_metadata, self, variant, 20480, file_to_the_end);
	on_every_dir(_metadata, self, variant, 20481, file_to_the_end);
}

static void past_the_end(struct vector *v, const struct testfile *f)
{
	vector_add_file(v, f, f->size - 10, 11);
}

static void far_past_the_end(struct vector *v, const struct testfile *f)
{
	vector_add_file(v, f, f->size + 5000, 1);
}

static void past_the_end_and_on(struct vector *v, const struct testfile *f)
{
	vector_add_memory(v, "<", 1);
	vector_add_file(v, f, f->size - 100, 1000000);
	vector_add_memory(v, ">", 1);
	vector_add_file(v, f, 0, 100);
}

TEST_F(send, a_range_past_the_end_sends_what_is_there_and_says_so)
{
	on_every_dir(_metadata, self, variant, 20000, past_the_end);
	on_every_dir(_metadata, self, variant, 20000, far_past_the_end);
}

TEST_F(send, a_short_range_does_not_stop_the_segments_behind_it)
{
	on_every_dir(_metadata, self, variant, 20000, past_the_end_and_on);
}

static void empty_file(struct vector *v, const struct testfile *f)
{
	vector_add_file(v, f, 0, 0);
}

static void empty_file_between(struct vector *v, const struct testfile *f)
{
	vector_add_memory(v, "<", 1);
	vector_add_file(v, f, 0, 0);
	vector_add_memory(v, ">", 1);
	vector_add_file(v, f, 0, 0);
}

static void empty_file_asked_for_more(struct vector *v, const struct testfile *f)
{
	vector_add_file(v, f, 0, 1);
}

TEST_F(send, an_empty_file_sends_nothing)
{
	on_every_dir(_metadata, self, variant, 0, empty_file);
	on_every_dir(_metadata, self, variant, 0, empty_file_between);
	on_every_dir(_metadata, self, variant, 0, empty_file_asked_for_more);
}

static void empty_memory(struct vector *v, const struct testfile *f)
{
	vector_add_memory(v, NULL, 0);
	vector_add_file(v, f, 5, 5);
	vector_add_memory(v, NULL, 0);
}

static void only_empty_memory(struct vector *v, const struct testfile *f)
{
	(void)f;
	vector_add_memory(v, NULL, 0);
}

TEST_F(send, empty_memory_sends_nothing)
{
	on_every_dir(_metadata, self, variant, 10, empty_memory);
	on_every_dir(_metadata, self, variant, 10, only_empty_memory);
}

static void one_mib_of_memory(struct vector *v, const struct testfile *f)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		vector_add_memory(v, f->image + 70001 * i, PAGEWIRE_MAX_MEMORY_SEGMENT);
}

TEST_F(send, sixteen_memory_segments_of_64_kib_arrive_right)
{
	on_every_dir(_metadata, self, variant, 2 * MIB, one_mib_of_memory);
}

static void most_segments(struct vector *v, const struct testfile *f)
{
	unsigned int i;

	for (i = 0; i < PAGEWIRE_MAX_SEGMENTS; i++) {
		if (i % 3 == 2)
			vector_add_memory(v, f->image + i, i % 7);
		else
			vector_add_file(v, f, i * 1371, 1 + i * 37 % 6000);
	}
}

TEST_F(send, segments_1_to_1024_arrive_in_order)
{
	on_every_dir(_metadata, self, variant, 2 * MIB, most_segments);
}

static void many_tiny_segments(struct vector *v, const struct testfile *f)
{
	unsigned int i;

	for (i = 0; i < PAGEWIRE_MAX_SEGMENTS; i++)
		vector_add_file(v, f, 4090 + i * 4099 % 65536, 1);
}

TEST_F(send, ranges_of_one_byte_1024_of_them_arrive_in_order)
{
	on_every_dir(_metadata, self, variant, 70000, many_tiny_segments);
}

TEST_F(send, holes_arrive_as_zeros)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;
	struct receiver r;
	const char *dir;
	unsigned int i;

	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	for (i = 0; (dir = test_dir(i)); i++) {
		bool hole_is_copied = dir_is_tmpfs(dir) && variant->path == PAGEWIRE_PATH_SG;
		struct testfile f;

		testfile_create(&f, dir, 512 * KIB, 5);
		testfile_punch(&f, 0, 64 * KIB);
		testfile_punch(&f, 100 * KIB, 40 * KIB);
		testfile_punch(&f, 448 * KIB, 64 * KIB);
		testfile_make_cold(&f);
		vector_reset(v);
		vector_add_file(v, &f, 10, 0);
		vector_add_file(v, &f, 100 * KIB + 1, 50 * KIB);
		send = request(variant->path, self->pair.tx, v->segments, v->nr);
		receiver_reset(&r);
		ASSERT_EQ(0, device_send(self->device, &send));
		expect_all_sent(_metadata, &send, v->length);
		if (hole_is_copied) {
			/* Page borders of tmpfs: what lies in a hole, and nothing else. */
			EXPECT_EQ(1u << PAGEWIRE_WHY_NO_PAGE, send.result.copied_why);
			EXPECT_EQ((64 + 40 + 64 + 40) * KIB - 10 - 1, send.result.copied_bytes);
		} else {
			uint32_t why = send.result.copied_why;

			/* A hole of tmpfs would be copied by either path: both reasons are true. */
			if (dir_is_tmpfs(dir))
				why &= ~(1u << PAGEWIRE_WHY_NO_PAGE);
			EXPECT_EQ(allowed_reasons(variant->path, dir), why);
		}
		ASSERT_EQ(v->length, receiver_wait(&r, v->length));
		expect_bytes(_metadata, v->expected, r.bytes, v->length, dir);
		testfile_close(&f);
	}
	receiver_stop(&r, false);
	vector_free(v);
}

TEST_F(send, a_cold_file_arrives_right_and_its_misses_are_counted)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;
	struct receiver r;

	if (dir_is_tmpfs(self->file.dir) || !dir_is_passed(self->file.dir))
		SKIP(return, "a cold file: %s isn't a disk with a page cache", self->file.dir);
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	vector_add_file(v, &self->file, 1, 0);
	testfile_make_cold(&self->file);
	send_vector(_metadata, self, variant, v, &r, self->file.dir, &send);
	/* Whether it has to sleep for them depends on how fast the disk is. */
	EXPECT_LT(0, send.result.cache_misses);
	send_vector(_metadata, self, variant, v, &r, self->file.dir, &send);
	EXPECT_EQ(0, send.result.cache_misses);
	EXPECT_EQ(0, send.result.disk_waits);
	EXPECT_LT(0, send.result.cache_hits);
	receiver_stop(&r, false);
	vector_free(v);
}

TEST_F(send, bytes_written_before_the_call_are_sent)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;
	struct receiver r;
	const char *dir;
	unsigned int i;

	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	for (i = 0; (dir = test_dir(i)); i++) {
		struct testfile f;
		uint8_t *mapped;

		testfile_create(&f, dir, 100000, 9);
		testfile_make_cold(&f);
		pattern_fill(f.image + 5000, 10, 0, 10000);
		ASSERT_EQ(10000, pwrite(f.wfd, f.image + 5000, 10000, 5000));
		mapped = mmap(NULL, f.size, PROT_READ | PROT_WRITE, MAP_SHARED, f.wfd, 0);
		ASSERT_NE(MAP_FAILED, mapped);
		pattern_fill(f.image + 50000, 11, 0, 10000);
		memcpy(mapped + 50000, f.image + 50000, 10000);
		vector_reset(v);
		vector_add_file(v, &f, 0, 0);
		send_vector(_metadata, self, variant, v, &r, dir, &send);
		munmap(mapped, f.size);
		testfile_close(&f);
	}
	receiver_stop(&r, false);
	vector_free(v);
}

TEST_F(send, a_file_opened_with_o_direct_arrives_right)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;
	struct receiver r;
	int direct;

	/* Where the file's own read is used, that asks for alignment. */
	if (dir_is_tmpfs(self->file.dir) || !dir_is_passed(self->file.dir))
		SKIP(return, "O_DIRECT: %s isn't a disk with a page cache", self->file.dir);
	direct = testfile_open(&self->file, O_RDONLY | O_DIRECT);
	close(self->file.fd);
	self->file.fd = direct;
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	vector_add_file(v, &self->file, 4097, 100001);
	send_vector(_metadata, self, variant, v, &r, self->file.dir, &send);
	receiver_stop(&r, false);
	vector_free(v);
}

/* Merging may make them fewer, never more. */
TEST_F(send, descriptors_are_no_more_than_pages)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;
	struct receiver r;

	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	vector_add_file(v, &self->file, 4095, 1000002);
	send_vector(_metadata, self, variant, v, &r, self->file.dir, &send);
	EXPECT_GE((4095 + 1000002 + 4095) / 4096, send.result.descriptors);
	receiver_stop(&r, false);
	vector_free(v);
}

TEST_F(send, memory_may_be_reused_as_soon_as_the_call_returns)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;
	uint8_t *memory = malloc(60000), *seen = malloc(60000);

	pattern_fill(memory, 3, 0, 60000);
	vector_add_memory(v, memory, 60000);
	send = request(variant->path, self->pair.tx, v->segments, v->nr);
	ASSERT_EQ(0, device_send(self->device, &send));
	expect_all_sent(_metadata, &send, 60000);
	memset(memory, 0, 60000);
	ASSERT_EQ(60000, read_available(self->pair.rx, seen, 60000, 2000));
	expect_bytes(_metadata, v->expected, seen, 60000, "memory");
	vector_free(v);
}

TEST_F(send, the_file_position_is_neither_used_nor_moved)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 100, 200);
	struct pagewire_send send = request(variant->path, self->pair.tx, &segment, 1);
	uint8_t seen[200];

	ASSERT_EQ(12345, lseek(self->file.fd, 12345, SEEK_SET));
	ASSERT_EQ(0, device_send(self->device, &send));
	EXPECT_EQ(12345, lseek(self->file.fd, 0, SEEK_CUR));
	ASSERT_EQ(200, read_available(self->pair.rx, seen, 200, 2000));
	expect_bytes(_metadata, self->file.image + 100, seen, 200, "file");
}

TEST_F(send, ipv6_works_as_ipv4_does)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;
	struct receiver r;

	pair_close(&self->pair);
	self->pair = pair_open(AF_INET6, 4 << 20, 4 << 20);
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	vector_add_memory(v, "six", 3);
	vector_add_file(v, &self->file, 6, 0);
	send_vector(_metadata, self, variant, v, &r, self->file.dir, &send);
	receiver_stop(&r, false);
	vector_free(v);
}

TEST_HARNESS_MAIN
