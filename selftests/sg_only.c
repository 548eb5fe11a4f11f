// SPDX-License-Identifier: GPL-2.0
/*
 * PAGEWIRE_SEND_SG_ONLY: file bytes go by descriptor or not at all, and the
 * caller is told how far it came. File systems and routes that need copies
 * are in fs_fallback.sh and net_routes.sh.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <sys/socket.h>

#define FIXTURE_ONLY_SG
#include "fixture.h"

static struct pagewire_send sg_only(FIXTURE_DATA(send) * self, const struct vector *v)
{
	struct pagewire_send send = request(PAGEWIRE_PATH_SG, self->pair.tx, v->segments, v->nr);

	send.flags = PAGEWIRE_SEND_SG_ONLY;
	return send;
}

static void expect_arrival(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
			   const struct vector *v, uint64_t bytes)
{
	uint8_t *seen = malloc(ROOM);

	shutdown(self->pair.tx, SHUT_WR);
	ASSERT_EQ((ssize_t)bytes, read_available(self->pair.rx, seen, ROOM, 2000));
	expect_bytes(_metadata, v->expected, seen, bytes, "what was sent");
	free(seen);
}

TEST_F(send, path_copy_with_sg_only_makes_no_sense_and_is_refused)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 100);
	struct pagewire_send send = request(PAGEWIRE_PATH_COPY, self->pair.tx, &segment, 1);

	send.flags = PAGEWIRE_SEND_SG_ONLY;
	expect_refused(_metadata, self->device, &send, EINVAL, PAGEWIRE_WHY_REQUEST, 1,
		       "path copy with SG_ONLY");
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, files_with_pages_pass_and_memory_is_still_copied)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;

	if (!dir_is_passed(self->file.dir))
		SKIP(return, "SG_ONLY: files in %s need copies", self->file.dir);
	vector_add_memory(v, "header", 6);
	vector_add_file(v, &self->file, 1, 1500000);
	vector_add_memory(v, "trailer", 7);
	send = sg_only(self, v);
	ASSERT_EQ(0, device_send(self->device, &send));
	expect_all_sent(_metadata, &send, v->length);
	EXPECT_EQ(1500000, send.result.passed_bytes);
	EXPECT_EQ(13, send.result.copied_bytes);
	EXPECT_EQ(1u << PAGEWIRE_WHY_MEMORY, send.result.copied_why);
	expect_arrival(_metadata, self, v, v->length);
}

static const char *tmpfs_dir(void)
{
	const char *dir;
	unsigned int i;

	for (i = 0; (dir = test_dir(i)); i++)
		if (dir_is_tmpfs(dir))
			return dir;
	return NULL;
}

TEST_F(send, a_hole_of_tmpfs_ends_the_transfer_right_before_it)
{
	struct vector *v = vector_new(ROOM);
	const char *dir = tmpfs_dir();
	struct pagewire_send send;
	struct testfile f;

	if (!dir)
		SKIP(return, "SG_ONLY at a hole: TEST_DIRS has no tmpfs");
	testfile_create(&f, dir, 100000, 3);
	testfile_punch(&f, 40960, 8192);
	vector_add_memory(v, "header", 6);
	vector_add_file(v, &f, 100, 0);
	vector_add_memory(v, "trailer", 7);
	send = sg_only(self, v);
	ASSERT_EQ(0, device_send(self->device, &send));
	expect_consistent(_metadata, &send);
	EXPECT_EQ(-EOPNOTSUPP, send.result.status);
	EXPECT_EQ(PAGEWIRE_WHY_SG_ONLY, send.result.reason);
	EXPECT_EQ(1, send.result.segment);
	EXPECT_EQ(40860, send.result.segment_bytes);
	EXPECT_EQ(40866, send.result.bytes);
	EXPECT_EQ(40860, send.result.passed_bytes);
	expect_arrival(_metadata, self, v, 40866);
	testfile_close(&f);
}

TEST_HARNESS_MAIN
