/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs share: requests, files whose every byte is known,
 * connected socket pairs, a receiver thread, and the module's counters.
 *
 * Nothing here knows the test harness. What can't be set up at all (no
 * device, no room on the disk) ends the program with a message: then there
 * is nothing to test.
 */
#ifndef PAGEWIRE_TEST_LIB_H
#define PAGEWIRE_TEST_LIB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/pagewire.h>

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* Ends the program: "Bail out!" and exit status 1. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* A line "# ..." on standard output, at once. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Milliseconds of the monotonic clock. */
uint64_t now_ms(void);
void sleep_ms(unsigned int ms);

/*
 * Random numbers. A test takes its seed from random_start(), which prints it;
 * PAGEWIRE_SEED=... in the environment repeats a run.
 */
struct random {
	uint64_t state;
};

struct random random_start(void);
uint64_t random_next(struct random *r);
uint64_t random_below(struct random *r, uint64_t limit);

/* The folders to test on, from TEST_DIRS; NULL past the last one. */
const char *test_dir(unsigned int i);
/* Does the module pass the page cache of files in @dir, or must it copy? */
bool dir_is_passed(const char *dir);
bool dir_is_tmpfs(const char *dir);

/*
 * A file, already unlinked, and what it holds. Changes of the file belong
 * into @image too.
 */
struct testfile {
	int fd;	 /* read only */
	int wfd; /* read and write */
	size_t size;
	uint8_t *image;
	const char *dir;
};

void testfile_create(struct testfile *f, const char *dir, size_t size, uint64_t seed);
void testfile_punch(struct testfile *f, size_t offset, size_t length);
/* Written to the disk and dropped from the page cache, as far as it can be. */
void testfile_make_cold(struct testfile *f);
void testfile_close(struct testfile *f);
/* Another descriptor of the same file. */
int testfile_open(const struct testfile *f, int flags);
/* Bytes that depend on @seed and place, so that a shifted or swapped one shows. */
void pattern_fill(uint8_t *bytes, uint64_t seed, uint64_t offset, size_t length);

/* Connected TCP sockets over loopback. */
struct pair {
	int tx;
	int rx;
};

/* @sndbuf, @rcvbuf: 0 for the system's default. */
struct pair pair_open(int family, int sndbuf, int rcvbuf);
/* A pair that fills up soon when nobody reads. */
struct pair pair_open_small(void);
/* A pair that takes a few MiB even when nobody reads. */
struct pair pair_open_large(void);
void pair_close(struct pair *p);
void set_nonblocking(int fd);
void set_option(int fd, int level, int option, int value);

/*
 * A thread that reads a socket into @bytes, as long as there is room. @chunk
 * and @pause_ms slow it down.
 */
struct receiver {
	int fd;
	uint8_t *bytes;
	size_t room;
	size_t length; /* how many are there */
	size_t chunk;
	unsigned int pause_ms;
	bool ended; /* end of stream, or error */
	int error;  /* errno of the read that failed */
	bool stop;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

void receiver_start(struct receiver *r, int fd, size_t room, size_t chunk, unsigned int pause_ms);
/* Waits for @length bytes, the end, or 20 s without a new byte; returns how many are there. */
size_t receiver_wait(struct receiver *r, size_t length);
/* Forgets what has arrived. */
void receiver_reset(struct receiver *r);
/* Ends the thread; with @drain it reads up to the end of the stream before. */
void receiver_stop(struct receiver *r, bool drain);

/* Reads what is there or comes within @quiet_ms; returns the number of bytes, or -errno. */
ssize_t read_available(int fd, uint8_t *bytes, size_t room, unsigned int quiet_ms);
/* Position of the first difference, or -1. */
ssize_t first_difference(const uint8_t *a, const uint8_t *b, size_t length);

/* Requests */
int device_open(void);
struct pagewire_segment file_segment(int fd, uint64_t offset, uint64_t length);
struct pagewire_segment memory_segment(const void *bytes, uint64_t length);
struct pagewire_send request(uint32_t path, int socket, const struct pagewire_segment *segments,
			     uint32_t nr);
/* The ioctl, after filling the result with rubbish. Returns 0 or -errno. */
int device_send(int device, struct pagewire_send *send);

/*
 * What went out of segments [@first, ...): drops it from the vector by the
 * result, so that the same request can be made again for the rest. Returns
 * how many segments are left.
 */
uint32_t segments_advance(struct pagewire_segment **segments, uint32_t nr,
			  const struct pagewire_result *result);

/* A thread that makes one request. */
struct sender {
	int device;
	struct pagewire_send send;
	int answer; /* 0 or -errno */
	uint64_t took_ms;
	pid_t tid;
	volatile bool done;
	pthread_t thread;
};

void sender_start(struct sender *s, int device, const struct pagewire_send *send);
/* Waits until it sleeps for the peer: false when it has ended instead. */
bool sender_blocks(struct sender *s);
bool sender_ends_within(struct sender *s, unsigned int ms);
void sender_join(struct sender *s);

/*
 * A vector of segments, and the bytes that the peer must get for it. Ranges
 * are cut at the file's end, as the module does.
 */
struct vector {
	struct pagewire_segment segments[PAGEWIRE_MAX_SEGMENTS];
	unsigned int nr;
	uint8_t *expected;
	size_t room;
	size_t length;
	size_t file_bytes;
	size_t memory_bytes;
	bool is_short;
};

struct vector *vector_new(size_t room);
void vector_reset(struct vector *v);
void vector_add_file(struct vector *v, const struct testfile *f, uint64_t offset, uint64_t length);
void vector_add_memory(struct vector *v, const void *bytes, size_t length);
void vector_print(const struct vector *v);
void vector_free(struct vector *v);

/* Counters: `name value` lines of /sys/kernel/debug/pagewire. */
#define MAX_COUNTERS 64
struct counters {
	unsigned int nr;
	struct {
		char name[40];
		uint64_t value;
	} entry[MAX_COUNTERS];
};

bool counters_available(void);
/* @file: "path/sg", "path/copy", "gauges" */
void counters_read(struct counters *c, const char *file);
uint64_t counter(const struct counters *c, const char *name);
const char *path_name(uint32_t path);
const char *path_file(uint32_t path);
/*
 * The law, and all gauges 0, within @ms: NULL, or what is broken. It holds
 * when nothing uses the device.
 */
const char *module_unrest(unsigned int ms);

/* A module parameter. The setter returns the old value. */
bool parameter_writable(const char *name);
uint64_t parameter_get(const char *name);
uint64_t parameter_set(const char *name, uint64_t value);

#endif
