// SPDX-License-Identifier: GPL-2.0
/* Requests, known files, clocks and random numbers for the test programs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/falloc.h>
#include <linux/magic.h>

#include "lib.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	printf("Bail out! ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(" (errno: %s)\n", strerror(error));
	fflush(stdout);
	_exit(1);
}

void note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

void sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000l };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

struct random random_start(void)
{
	const char *wish = getenv("PAGEWIRE_SEED");
	struct random r = { 0 };

	if (wish)
		r.state = strtoull(wish, NULL, 0);
	else if (getrandom(&r.state, 4, 0) != 4)
		die("getrandom");
	note("seed: PAGEWIRE_SEED=%llu repeats this", (unsigned long long)r.state);
	return r;
}

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

uint64_t random_next(struct random *r)
{
	r->state += 0x9e3779b97f4a7c15;
	return mix(r->state);
}

uint64_t random_below(struct random *r, uint64_t limit)
{
	return random_next(r) % limit;
}

void pattern_fill(uint8_t *bytes, uint64_t seed, uint64_t offset, size_t length)
{
	size_t done = 0;

	while (done < length) {
		uint64_t at = offset + done;
		uint64_t word = mix(seed * 0x9e3779b97f4a7c15 + at / 8);
		size_t n = 8 - at % 8;

		if (n > length - done)
			n = length - done;
		memcpy(bytes + done, (uint8_t *)&word + at % 8, n);
		done += n;
	}
}

const char *test_dir(unsigned int i)
{
	static char list[1024];
	static const char *dirs[16];
	static unsigned int nr;

	if (!nr) {
		const char *wish = getenv("TEST_DIRS");
		char *word, *rest = list;

		snprintf(list, sizeof(list), "%s", wish ? wish : "/mnt/disk /tmp");
		while ((word = strsep(&rest, " ")) && nr < 15) {
			/* Without a wish, what this machine has will do. */
			if (*word && (wish || !access(word, W_OK)))
				dirs[nr++] = word;
		}
		if (!nr)
			die("TEST_DIRS names no folder");
	}
	return i < nr ? dirs[i] : NULL;
}

static unsigned long dir_magic(const char *dir)
{
	struct statfs s;

	if (statfs(dir, &s))
		die("statfs of %s, a folder to test on (TEST_DIRS)", dir);
	return (unsigned long)s.f_type;
}

bool dir_is_tmpfs(const char *dir)
{
	return dir_magic(dir) == TMPFS_MAGIC;
}

bool dir_is_passed(const char *dir)
{
	unsigned long magic = dir_magic(dir);

	return magic == EXT4_SUPER_MAGIC || magic == XFS_SUPER_MAGIC || magic == TMPFS_MAGIC;
}

static void write_all(int fd, const uint8_t *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = pwrite(fd, bytes + done, length - done, done);

		if (n <= 0)
			die("writing a test file of %zu bytes", length);
		done += n;
	}
}

void testfile_create(struct testfile *f, const char *dir, size_t size, uint64_t seed)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/pagewire-test-XXXXXX", dir);
	f->wfd = mkostemp(path, O_CLOEXEC);
	if (f->wfd < 0)
		die("creating a file in %s, a folder to test on (TEST_DIRS)", dir);
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		die("opening %s", path);
	unlink(path);
	f->size = size;
	f->dir = dir;
	f->image = malloc(size ? size : 1);
	if (!f->image)
		die("%zu bytes of memory", size);
	pattern_fill(f->image, seed, 0, size);
	write_all(f->wfd, f->image, size);
}

void testfile_punch(struct testfile *f, size_t offset, size_t length)
{
	if (fallocate(f->wfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length))
		die("punching a hole into a file in %s", f->dir);
	memset(f->image + offset, 0, length);
}

void testfile_make_cold(struct testfile *f)
{
	if (fsync(f->wfd) || posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED))
		die("dropping a file in %s from the page cache", f->dir);
}

int testfile_open(const struct testfile *f, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->wfd);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die("opening %s again", path);
	return fd;
}

void testfile_close(struct testfile *f)
{
	close(f->fd);
	close(f->wfd);
	free(f->image);
}

ssize_t first_difference(const uint8_t *a, const uint8_t *b, size_t length)
{
	size_t i;

	if (!memcmp(a, b, length))
		return -1;
	for (i = 0; a[i] == b[i]; i++)
		;
	return i;
}

int device_open(void)
{
	int fd = open("/dev/pagewire", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/pagewire: is the module loaded, and may you use it?");
	return fd;
}

struct pagewire_segment file_segment(int fd, uint64_t offset, uint64_t length)
{
	return (struct pagewire_segment){
		.kind = PAGEWIRE_SEGMENT_FILE,
		.fd = fd,
		.offset = offset,
		.length = length,
	};
}

struct pagewire_segment memory_segment(const void *bytes, uint64_t length)
{
	return (struct pagewire_segment){
		.kind = PAGEWIRE_SEGMENT_MEMORY,
		.length = length,
		.addr = (uintptr_t)bytes,
	};
}

struct pagewire_send request(uint32_t path, int socket, const struct pagewire_segment *segments,
			     uint32_t nr)
{
	return (struct pagewire_send){
		.segments = (uintptr_t)segments,
		.nr_segments = nr,
		.socket = socket,
		.path = path,
		.cookie = 0x0123456789abcdef,
	};
}

int device_send(int device, struct pagewire_send *send)
{
	memset(&send->result, 0xa5, sizeof(send->result));
	return ioctl(device, PAGEWIRE_IOC_SEND, send) ? -errno : 0;
}

uint32_t segments_advance(struct pagewire_segment **segments, uint32_t nr,
			  const struct pagewire_result *result)
{
	struct pagewire_segment *s;

	if (result->segment > nr)
		die("result.segment is %u of %u", result->segment, nr);
	*segments += result->segment;
	nr -= result->segment;
	if (!nr)
		return 0;
	s = *segments;
	/* A length of 0 keeps its meaning, up to the end; any other shrinks. */
	if (s->length && result->segment_bytes >= s->length)
		die("segment %u went out whole, but result.segment names it", result->segment);
	if (s->length)
		s->length -= result->segment_bytes;
	if (s->kind == PAGEWIRE_SEGMENT_FILE)
		s->offset += result->segment_bytes;
	else
		s->addr += result->segment_bytes;
	return nr;
}
