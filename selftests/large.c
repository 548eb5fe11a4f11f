// SPDX-License-Identifier: GPL-2.0
/*
 * Beyond 2 and 4 GiB: a sparse file of 5 GiB with data at a few places. The
 * receiver drops what it gets (MSG_TRUNC) except at these.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>

#include "fixture.h"

#define SIZE (5 * GIB)

/* Around the numbers at which 31, 32 bits and pages end, and the file. */
static const uint64_t places[] = {
	0,
	1 * MIB - 32,
	2 * GIB - 4096 - 32,
	2 * GIB - 32,
	3 * GIB + 4000,
	4 * GIB - 32,
	4 * GIB + MIB,
	SIZE - 64,
};
#define SPOT 64

static int sparse_file(const char *dir)
{
	char path[256];
	unsigned int i;
	int fd;

	snprintf(path, sizeof(path), "%s/pagewire-large-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, SIZE))
		die("a sparse file in %s", dir);
	unlink(path);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		uint8_t bytes[SPOT];

		pattern_fill(bytes, 42, places[i], SPOT);
		if (pwrite(fd, bytes, SPOT, places[i]) != SPOT)
			die("writing to a sparse file in %s", dir);
	}
	return fd;
}

struct spotter {
	int fd;
	uint64_t start; /* place in the file at which the stream begins */
	uint64_t bytes;
	unsigned int spots, wrong;
	pthread_t thread;
};

/* Drops bytes up to a place in the file, as far as the stream goes. */
static bool drop_until(struct spotter *s, uint64_t place)
{
	while (s->start + s->bytes < place) {
		uint64_t left = place - s->start - s->bytes;
		ssize_t n = recv(s->fd, NULL, left < MIB ? left : MIB, MSG_TRUNC);

		if (n <= 0)
			return false;
		s->bytes += n;
	}
	return true;
}

static void *spot_check(void *argument)
{
	struct spotter *s = argument;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		uint8_t expected[SPOT], seen[SPOT];

		if (places[i] < s->start)
			continue;
		if (!drop_until(s, places[i]) || recv(s->fd, seen, SPOT, MSG_WAITALL) != SPOT)
			break;
		pattern_fill(expected, 42, places[i], SPOT);
		s->spots++;
		s->wrong += !!memcmp(expected, seen, SPOT);
		s->bytes += SPOT;
	}
	drop_until(s, UINT64_MAX);
	return NULL;
}

static void send_large(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self, uint32_t path,
		       const char *dir, uint64_t offset, uint64_t length, unsigned int spots)
{
	int fd = sparse_file(dir);
	struct pagewire_segment segment = file_segment(fd, offset, length);
	uint64_t bytes = length ? length : SIZE - offset;
	struct pagewire_send send;
	uint64_t start = now_ms();
	struct spotter s;

	pair_close(&self->pair);
	self->pair = pair_open_large();
	s = (struct spotter){ .fd = self->pair.rx, .start = offset };
	send = request(path, self->pair.tx, &segment, 1);
	ASSERT_EQ(0, pthread_create(&s.thread, NULL, spot_check, &s));
	ASSERT_EQ(0, device_send(self->device, &send));
	expect_all_sent(_metadata, &send, bytes);
	shutdown(self->pair.tx, SHUT_WR);
	pthread_join(s.thread, NULL);
	EXPECT_EQ(bytes, s.bytes);
	EXPECT_EQ(spots, s.spots);
	EXPECT_EQ(0, s.wrong);
	note("%llu MiB from %s in %llu ms", bytes / MIB, dir,
	     (unsigned long long)(now_ms() - start));
	close(fd);
}

TEST_F_TIMEOUT(send, a_sparse_file_of_5_gib_goes_in_one_call, 300)
{
	send_large(_metadata, self, variant->path, test_dir(0), 0, 0, ARRAY_SIZE(places));
}

TEST_F_TIMEOUT(send, ranges_beyond_4_gib_begin_and_end_where_they_should, 60)
{
	const char *dir;
	unsigned int i;

	for (i = 0; (dir = test_dir(i)); i++) {
		send_large(_metadata, self, variant->path, dir, 4 * GIB - 32, 2 * MIB, 2);
		send_large(_metadata, self, variant->path, dir, SIZE - 64, 0, 1);
		send_large(_metadata, self, variant->path, dir, 2 * GIB - 4096 - 32, 64 * KIB, 2);
	}
}

TEST_HARNESS_MAIN
