// SPDX-License-Identifier: GPL-2.0
/*
 * Thousands of random vectors of files and memory: every byte arrives, and
 * results and counters agree exactly.
 */
#define _GNU_SOURCE
#include <sys/socket.h>

#include "fixture.h"

static const uint64_t borders[] = { 4096, 4096, 4096, 16384, 65536, 1 << 20, 2 << 20 };

/* A place at or near a border of a page, a folio or a batch, or anywhere. */
static uint64_t random_place(struct random *r, uint64_t limit)
{
	uint64_t border = borders[random_below(r, ARRAY_SIZE(borders))];
	uint64_t place = random_below(r, limit / border + 1) * border;

	switch (random_below(r, 4)) {
	case 0:
		return random_below(r, limit);
	case 1:
		return place;
	case 2:
		return place + random_below(r, 4);
	default:
		return place - (place ? 1 + random_below(r, 3) : 0);
	}
}

static void random_file_range(struct vector *v, struct random *r, const struct testfile *f)
{
	uint64_t offset = random_place(r, f->size + 8192);
	uint64_t length;

	switch (random_below(r, 16)) {
	case 0:
		/* Up to the end, or past it. */
		length = random_below(r, 2) ? 0 : f->size;
		break;
	case 1:
	case 2:
		length = 1 + random_place(r, 300000);
		break;
	case 3:
	case 4:
	case 5:
		length = 1 + random_below(r, 5);
		break;
	default:
		/* Ends near a border. */
		length = random_place(r, 20000);
		length += offset | 4095;
		length = length > offset ? length - offset : 1;
	}
	if (v->length + f->size > v->room || (length > 65536 && v->length > MIB))
		length = 1 + random_below(r, 4096);
	vector_add_file(v, f, offset, length);
}

static void random_vector(struct vector *v, struct random *r, const struct testfile files[2],
			  const uint8_t *memory)
{
	unsigned int i, nr = 1 + random_below(r, random_below(r, 20) ? 6 : 60);

	vector_reset(v);
	for (i = 0; i < nr; i++) {
		uint64_t length =
			random_below(r, 30) ? random_below(r, 300) : random_place(r, 65536 - 4096);

		if (random_below(r, 3))
			random_file_range(v, r, files + random_below(r, 2));
		else if (v->memory_bytes + length <= PAGEWIRE_MAX_MEMORY)
			vector_add_memory(v, memory + random_below(r, 5000), length);
		else
			vector_add_memory(v, memory, 0);
	}
}

struct sums {
	uint64_t transfers, segments, bytes, passed, copied, descriptors, copies, hits, misses;
	uint64_t disk_waits, socket_waits, file, memory;
};

static void sums_add(struct sums *s, const struct pagewire_result *r, const struct vector *v)
{
	s->transfers++;
	s->segments += v->nr;
	s->bytes += r->bytes;
	s->passed += r->passed_bytes;
	s->copied += r->copied_bytes;
	s->descriptors += r->descriptors;
	s->copies += r->copies;
	s->hits += r->cache_hits;
	s->misses += r->cache_misses;
	s->disk_waits += r->disk_waits;
	s->socket_waits += r->socket_waits;
	s->file += v->file_bytes;
	s->memory += v->memory_bytes;
}

#define EXPECT_DELTA(name, value)                                                    \
	EXPECT_EQ(value, counter(&after, name) - counter(before, name))              \
	{                                                                            \
		TH_LOG("that was: counter %s against the sum of the results", name); \
	}

static void expect_counters(struct __test_metadata *_metadata, uint32_t path, const char *dir,
			    const struct counters *before, const struct sums *s)
{
	uint32_t why = allowed_reasons(path, dir);
	struct counters after;

	counters_read(&after, path_file(path));
	EXPECT_DELTA("transfers", s->transfers);
	EXPECT_DELTA("completed", s->transfers);
	EXPECT_DELTA("failed", 0);
	EXPECT_DELTA("cancelled", 0);
	EXPECT_DELTA("refused", 0);
	EXPECT_DELTA("errors", 0);
	EXPECT_DELTA("segments", s->segments);
	EXPECT_DELTA("bytes", s->bytes);
	EXPECT_DELTA("passed_bytes", s->passed);
	EXPECT_DELTA("copied_bytes", s->copied);
	EXPECT_DELTA("descriptors", s->descriptors);
	EXPECT_DELTA("copies", s->copies);
	EXPECT_DELTA("copied_memory_bytes", s->memory);
	EXPECT_DELTA("copied_asked_bytes", why & 1u << PAGEWIRE_WHY_ASKED ? s->file : 0);
	EXPECT_DELTA("copied_filesystem_bytes", why & 1u << PAGEWIRE_WHY_FILESYSTEM ? s->file : 0);
	EXPECT_DELTA("cache_hits", s->hits);
	EXPECT_DELTA("cache_misses", s->misses);
	EXPECT_DELTA("disk_waits", s->disk_waits);
	EXPECT_DELTA("socket_waits", s->socket_waits);
}

static void run_random_cases(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
			     const FIXTURE_VARIANT(send) * variant, const char *dir,
			     struct random *random, unsigned int cases)
{
	struct vector *v = vector_new(ROOM);
	struct testfile files[2];
	struct counters before;
	struct sums sums = { 0 };
	struct pagewire_send send;
	uint8_t *memory = malloc(80000);
	struct receiver r;
	unsigned int i;

	ASSERT_NE(NULL, memory);
	pattern_fill(memory, 99, 0, 80000);
	testfile_create(files, dir, 2 * MIB + 5000 + random_below(random, 9000), 1);
	testfile_create(files + 1, dir, 1 + random_below(random, 20000), 2);
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	if (counters_available())
		counters_read(&before, path_file(variant->path));
	for (i = 0; i < cases && _metadata->passed; i++) {
		if (!random_below(random, 50))
			testfile_make_cold(files);
		random_vector(v, random, files, memory);
		send_vector(_metadata, self, variant, v, &r, dir, &send);
		sums_add(&sums, &send.result, v);
	}
	if (!_metadata->passed)
		vector_print(v);
	if (counters_available())
		expect_counters(_metadata, variant->path, dir, &before, &sums);
	note("%u cases in %s, %llu segments, %llu bytes", i, dir, (unsigned long long)sums.segments,
	     (unsigned long long)sums.bytes);
	receiver_stop(&r, false);
	testfile_close(files);
	testfile_close(files + 1);
	vector_free(v);
}

TEST_F_TIMEOUT(send, thousands_of_random_vectors_arrive_right_and_are_counted_right, 400)
{
	const char *wish = getenv("PAGEWIRE_CASES");
	unsigned int cases = wish ? strtoul(wish, NULL, 0) : 2000;
	struct random random = random_start();
	const char *dir;
	unsigned int i;

	for (i = 0; (dir = test_dir(i)); i++)
		run_random_cases(_metadata, self, variant, dir, &random, cases);
}

TEST_F(send, every_counter_moves_by_exactly_what_the_result_says)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_send send;
	struct counters before;
	struct receiver r;
	unsigned int i;

	if (!counters_available())
		SKIP(return, "counters against results: no debugfs");
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	for (i = 0; i < 20; i++) {
		struct sums sums = { 0 };

		vector_reset(v);
		vector_add_memory(v, self->file.image, i * 100);
		vector_add_file(v, &self->file, i * 5000, 1 + i * 7001);
		counters_read(&before, path_file(variant->path));
		send_vector(_metadata, self, variant, v, &r, self->file.dir, &send);
		sums_add(&sums, &send.result, v);
		expect_counters(_metadata, variant->path, self->file.dir, &before, &sums);
	}
	receiver_stop(&r, false);
	vector_free(v);
}

TEST_HARNESS_MAIN
