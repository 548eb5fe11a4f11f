// SPDX-License-Identifier: GPL-2.0
/*
 * Files that change while they are being sent. The promise: bytes of the file
 * as it was or as it is, or zeros where it was cut off; never anything else,
 * and never more than the file holds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>

#include "fixture.h"

/* A transfer of @length bytes (0: all) of the file that sits in a full socket. */
static void start_blocked(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
			  uint32_t path, uint64_t length, struct sender *s)
{
	static struct pagewire_segment segment;
	struct pagewire_send send;

	segment = file_segment(self->file.fd, 0, length);
	pair_close(&self->pair);
	self->pair = pair_open_small();
	send = request(path, self->pair.tx, &segment, 1);
	sender_start(s, self->device, &send);
	ASSERT_TRUE(sender_blocks(s));
}

/* Lets the peer read everything, then the transfer must have ended well. */
static void finish(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self, struct sender *s,
		   struct receiver *r)
{
	receiver_start(r, self->pair.rx, ROOM, 0, 0);
	EXPECT_TRUE(sender_ends_within(s, 20000));
	sender_join(s);
	shutdown(self->pair.tx, SHUT_WR);
	receiver_stop(r, true);
	EXPECT_EQ(0, s->answer);
	EXPECT_EQ(0, s->send.result.status);
	EXPECT_EQ(s->send.result.bytes, r->length);
	expect_consistent(_metadata, &s->send);
}

static void append_bytes(struct testfile *f, size_t length)
{
	uint8_t *bytes = malloc(length);

	pattern_fill(bytes, FILE_SEED, f->size, length);
	if (pwrite(f->wfd, bytes, length, f->size) != (ssize_t)length)
		die("appending to a file in %s", f->dir);
	free(bytes);
}

/* Up to @limit the pattern; behind it the pattern or zeros. */
static void expect_pattern_or_zeros(struct __test_metadata *_metadata, const uint8_t *image,
				    const struct receiver *r, size_t limit)
{
	size_t i, sure = r->length < limit ? r->length : limit;

	expect_bytes(_metadata, image, r->bytes, sure, "up to the new end");
	for (i = sure; i < r->length && (r->bytes[i] == image[i] || !r->bytes[i]); i++)
		;
	EXPECT_EQ(r->length, i)
	{
		TH_LOG("that was: first byte that was neither the file's nor 0");
	}
}

TEST_F(send, a_file_that_grows_is_sent_up_to_the_end_it_had)
{
	struct receiver r;
	struct sender s;

	start_blocked(_metadata, self, variant->path, 0, &s);
	append_bytes(&self->file, MIB);
	finish(_metadata, self, &s, &r);
	EXPECT_EQ(FILE_SIZE, s.send.result.bytes);
	EXPECT_EQ(0, s.send.result.flags);
	ASSERT_EQ(FILE_SIZE, r.length);
	expect_bytes(_metadata, self->file.image, r.bytes, FILE_SIZE, "file");
}

TEST_F(send, a_file_that_grows_into_a_range_past_its_end_is_sent_as_far_as_it_is_there)
{
	uint8_t *grown = malloc(FILE_SIZE + MIB);
	struct receiver r;
	struct sender s;

	pattern_fill(grown, FILE_SEED, 0, FILE_SIZE + MIB);
	start_blocked(_metadata, self, variant->path, FILE_SIZE + 2 * MIB, &s);
	append_bytes(&self->file, MIB);
	finish(_metadata, self, &s, &r);
	EXPECT_LE(FILE_SIZE, r.length);
	ASSERT_GE(FILE_SIZE + MIB, r.length);
	EXPECT_EQ(PAGEWIRE_RESULT_SHORT, s.send.result.flags);
	expect_bytes(_metadata, grown, r.bytes, r.length, "file and what was appended");
}

static void truncate_midway(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
			    uint32_t path, size_t size)
{
	struct receiver r;
	struct sender s;

	start_blocked(_metadata, self, path, 0, &s);
	ASSERT_EQ(0, ftruncate(self->file.wfd, size));
	finish(_metadata, self, &s, &r);
	EXPECT_EQ(PAGEWIRE_RESULT_SHORT, s.send.result.flags);
	EXPECT_GT(FILE_SIZE, r.length);
	EXPECT_LE(size, r.length);
	expect_pattern_or_zeros(_metadata, self->file.image, &r, size);
}

TEST_F(send, a_file_that_is_truncated_midway_ends_there)
{
	truncate_midway(_metadata, self, variant->path, 2 * MIB);
}

TEST_F(send, a_file_that_is_truncated_within_a_page_ends_there)
{
	truncate_midway(_metadata, self, variant->path, 2 * MIB + 1001);
}

TEST_F(send, a_file_that_is_truncated_to_nothing_ends_the_transfer)
{
	truncate_midway(_metadata, self, variant->path, 0);
}

TEST_F(send, a_range_of_a_truncated_file_ends_there_too)
{
	struct receiver r;
	struct sender s;

	start_blocked(_metadata, self, variant->path, FILE_SIZE, &s);
	ASSERT_EQ(0, ftruncate(self->file.wfd, MIB + 1));
	finish(_metadata, self, &s, &r);
	EXPECT_EQ(PAGEWIRE_RESULT_SHORT, s.send.result.flags);
	EXPECT_LE(MIB + 1, r.length);
	EXPECT_GT(FILE_SIZE, r.length);
	expect_pattern_or_zeros(_metadata, self->file.image, &r, MIB + 1);
}

TEST_F(send, a_file_that_is_overwritten_midway_sends_old_or_new_bytes)
{
	uint8_t *new = malloc(FILE_SIZE);
	struct receiver r;
	struct sender s;
	size_t i;

	pattern_fill(new, 77, 0, FILE_SIZE);
	start_blocked(_metadata, self, variant->path, 0, &s);
	ASSERT_EQ((ssize_t)FILE_SIZE, pwrite(self->file.wfd, new, FILE_SIZE, 0));
	finish(_metadata, self, &s, &r);
	ASSERT_EQ(FILE_SIZE, r.length);
	for (i = 0; i < r.length && (r.bytes[i] == self->file.image[i] || r.bytes[i] == new[i]);
	     i++)
		;
	EXPECT_EQ(FILE_SIZE, i);
	/* More than any socket buffers here: this was read after the write. */
	expect_bytes(_metadata, new + FILE_SIZE - MIB, r.bytes + FILE_SIZE - MIB, MIB, "the end");
}

TEST_F(send, a_descriptor_that_is_closed_midway_does_not_matter)
{
	struct receiver r;
	struct sender s;

	start_blocked(_metadata, self, variant->path, 0, &s);
	close(self->file.fd);
	self->file.fd = open("/dev/null", O_RDONLY);
	finish(_metadata, self, &s, &r);
	ASSERT_EQ(FILE_SIZE, r.length);
	expect_bytes(_metadata, self->file.image, r.bytes, FILE_SIZE, "file");
}

TEST_F(send, a_socket_descriptor_that_is_closed_midway_does_not_matter)
{
	struct receiver r;
	struct sender s;

	start_blocked(_metadata, self, variant->path, 0, &s);
	close(self->pair.tx);
	self->pair.tx = -1;
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	EXPECT_TRUE(sender_ends_within(&s, 20000));
	sender_join(&s);
	receiver_stop(&r, true);
	EXPECT_EQ(0, s.answer);
	EXPECT_EQ(0, s.send.result.status);
	ASSERT_EQ(FILE_SIZE, r.length);
	expect_bytes(_metadata, self->file.image, r.bytes, FILE_SIZE, "file");
}

struct shrinker {
	struct testfile *file;
	volatile bool stop;
	unsigned int rounds;
	struct random random;
};

/* Cuts the file off and puts the same bytes back, again and again. */
static void *shrink_and_grow(void *argument)
{
	struct shrinker *k = argument;

	while (!k->stop) {
		size_t at = random_below(&k->random, k->file->size);

		if (ftruncate(k->file->wfd, at) ||
		    pwrite(k->file->wfd, k->file->image + at, k->file->size - at, at) !=
			    (ssize_t)(k->file->size - at))
			die("truncating a file in %s", k->file->dir);
		k->rounds++;
	}
	return NULL;
}

/* On one folder; every byte that arrives is the file's or 0. */
static void send_while_shrinking(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
				 uint32_t path, const char *dir, struct random *random)
{
	struct shrinker k = { .random = *random };
	struct testfile f;
	struct receiver r;
	pthread_t thread;
	unsigned int i;

	testfile_create(&f, dir, 200000, FILE_SEED);
	k.file = &f;
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, shrink_and_grow, &k));
	for (i = 0; i < 300 && _metadata->passed; i++) {
		uint64_t offset = random_below(random, f.size);
		struct pagewire_segment segment = file_segment(f.fd, offset, f.size - offset);
		struct pagewire_send send = request(path, self->pair.tx, &segment, 1);

		receiver_reset(&r);
		EXPECT_EQ(0, device_send(self->device, &send));
		EXPECT_EQ(0, send.result.status);
		expect_consistent(_metadata, &send);
		EXPECT_EQ(send.result.bytes < f.size - offset, send.result.flags);
		ASSERT_EQ(send.result.bytes, receiver_wait(&r, send.result.bytes));
		expect_pattern_or_zeros(_metadata, f.image + offset, &r, 0);
	}
	k.stop = true;
	pthread_join(thread, NULL);
	receiver_stop(&r, false);
	note("%u transfers, truncated %u times, in %s", i, k.rounds, dir);
	testfile_close(&f);
}

TEST_F_TIMEOUT(send, a_file_that_shrinks_and_grows_all_the_time_sends_its_bytes_or_zeros, 120)
{
	struct random random = random_start();
	const char *dir;
	unsigned int i;

	for (i = 0; (dir = test_dir(i)); i++)
		send_while_shrinking(_metadata, self, variant->path, dir, &random);
}

TEST_HARNESS_MAIN
