/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fixture of most tests: the device, a socket pair and a file, once for
 * each path (FIXTURE_ONLY_SG, defined before: for path sg). Its teardown
 * asserts the module's law, after every test.
 */
#ifndef PAGEWIRE_TEST_FIXTURE_H
#define PAGEWIRE_TEST_FIXTURE_H

#include "kselftest_harness.h"

#include "lib.h"

/* An odd size: the last page isn't full. */
#define FILE_SIZE (3 * MIB + 1234)
#define FILE_SEED 7
/* Of a receiver or a vector: more than two such files. */
#define ROOM	  (16 * MIB)

/* How long the module may take to come to rest. What an earlier test has broken stays so: don't wait. */
static inline unsigned int rest_ms(void)
{
	return counters_available() && module_unrest(0) ? 300 : 5000;
}

static inline void expect_rest(struct __test_metadata *_metadata, unsigned int ms)
{
	const char *broken = counters_available() ? module_unrest(ms) : NULL;

	/* Left over from the assertion that ended the test, if one did. */
	_metadata->trigger = 0;
	EXPECT_EQ(NULL, broken)
	{
		TH_LOG("%s", broken);
	}
}

FIXTURE(send)
{
	int device;
	struct pair pair;
	struct testfile file;
	unsigned int rest_ms;
};

FIXTURE_VARIANT(send)
{
	uint32_t path;
};

/* clang-format off */
#ifndef FIXTURE_ONLY_SG
FIXTURE_VARIANT_ADD(send, copy) { .path = PAGEWIRE_PATH_COPY };
#endif
FIXTURE_VARIANT_ADD(send, sg) { .path = PAGEWIRE_PATH_SG };
/* clang-format on */

FIXTURE_SETUP(send)
{
	self->rest_ms = rest_ms();
	self->device = device_open();
	self->pair = pair_open_large();
	testfile_create(&self->file, test_dir(0), FILE_SIZE, FILE_SEED);
}

FIXTURE_TEARDOWN(send)
{
	pair_close(&self->pair);
	testfile_close(&self->file);
	close(self->device);
	expect_rest(_metadata, self->rest_ms);
}

#define RESULT_FORMAT \
	"status %d reason %u segment %u+%llu bytes %llu passed %llu copied %llu why %#x flags %#x"
#define RESULT_VALUES(r)                                                                \
	(r)->status, (r)->reason, (r)->segment, (unsigned long long)(r)->segment_bytes, \
		(unsigned long long)(r)->bytes, (unsigned long long)(r)->passed_bytes,  \
		(unsigned long long)(r)->copied_bytes, (r)->copied_why, (r)->flags

/*
 * What holds of every result, whatever ended the transfer.
 */
static inline void expect_consistent(struct __test_metadata *_metadata,
				     const struct pagewire_send *send)
{
	const struct pagewire_result *r = &send->result;
	unsigned int i;

	EXPECT_EQ(send->cookie, r->cookie);
	EXPECT_EQ(send->path, r->path);
	EXPECT_EQ(r->bytes, r->passed_bytes + r->copied_bytes);
	EXPECT_EQ(!!r->passed_bytes, !!r->descriptors);
	EXPECT_EQ(!!r->copied_bytes, !!r->copies);
	/* SG_ONLY: why bytes would have had to be copied. */
	if (r->reason != PAGEWIRE_WHY_SG_ONLY) {
		EXPECT_EQ(!!r->copied_bytes, !!r->copied_why);
	}
	EXPECT_LE(r->segment, send->nr_segments);
	EXPECT_LE(r->status, 0);
	EXPECT_EQ(0, r->flags & ~PAGEWIRE_RESULT_SHORT);
	for (i = 0; i < ARRAY_SIZE(r->reserved); i++)
		EXPECT_EQ(0, r->reserved[i]);
	if (!_metadata->passed)
		TH_LOG(RESULT_FORMAT, RESULT_VALUES(r));
}

/* The transfer ran, all of it went out. */
static inline void expect_all_sent(struct __test_metadata *_metadata,
				   const struct pagewire_send *send, uint64_t bytes)
{
	const struct pagewire_result *r = &send->result;

	expect_consistent(_metadata, send);
	EXPECT_EQ(0, r->status);
	EXPECT_EQ(0, r->reason);
	EXPECT_EQ(bytes, r->bytes);
	EXPECT_EQ(send->nr_segments, r->segment);
	EXPECT_EQ(0, r->segment_bytes);
	if (!_metadata->passed)
		TH_LOG(RESULT_FORMAT, RESULT_VALUES(r));
}

/* The transfer was refused, nothing was sent. */
static inline void expect_refused(struct __test_metadata *_metadata, int device,
				  struct pagewire_send *send, int error, uint32_t reason,
				  uint32_t segment, const char *what)
{
	const struct pagewire_result *r = &send->result;
	bool before = _metadata->passed;

	_metadata->passed = 1;
	EXPECT_EQ(-error, device_send(device, send));
	EXPECT_EQ(-error, r->status);
	EXPECT_EQ(reason, r->reason);
	EXPECT_EQ(segment, r->segment);
	EXPECT_EQ(0, r->bytes);
	expect_consistent(_metadata, send);
	if (!_metadata->passed)
		TH_LOG("that was: %s", what);
	_metadata->passed &= before;
}

static inline void expect_bytes(struct __test_metadata *_metadata, const uint8_t *expected,
				const uint8_t *seen, size_t length, const char *what)
{
	EXPECT_EQ(-1, first_difference(expected, seen, length))
	{
		TH_LOG("that was: %s, first of %zu bytes to differ", what, length);
	}
}

/* Nothing of this test has arrived at the peer. */
static inline void expect_silence(struct __test_metadata *_metadata, int rx)
{
	uint8_t byte;

	EXPECT_EQ(0, read_available(rx, &byte, 1, 0))
	{
		TH_LOG("bytes have arrived that nobody should have sent");
	}
}

/*
 * Why bytes of files in @dir are copied: what no choice of path could have
 * avoided comes before the choice.
 */
static inline uint32_t allowed_reasons(uint32_t path, const char *dir)
{
	if (!dir_is_passed(dir))
		return 1u << PAGEWIRE_WHY_FILESYSTEM;
	return path == PAGEWIRE_PATH_COPY ? 1u << PAGEWIRE_WHY_ASKED : 0;
}

/* Sends the vector and checks answer and bytes; files have no holes. */
static inline void send_vector(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
			       const FIXTURE_VARIANT(send) * variant, struct vector *v,
			       struct receiver *r, const char *dir, struct pagewire_send *send)
{
	bool passed = variant->path == PAGEWIRE_PATH_SG && dir_is_passed(dir);
	uint32_t why = allowed_reasons(variant->path, dir);

	*send = request(variant->path, self->pair.tx, v->segments, v->nr);
	send->cookie = v->length;
	receiver_reset(r);
	ASSERT_EQ(0, device_send(self->device, send));
	expect_all_sent(_metadata, send, v->length);
	EXPECT_EQ(v->is_short, send->result.flags);
	EXPECT_EQ(passed ? v->file_bytes : 0, send->result.passed_bytes);
	if (!v->file_bytes || passed)
		why = 0;
	if (v->memory_bytes)
		why |= 1u << PAGEWIRE_WHY_MEMORY;
	EXPECT_EQ(why, send->result.copied_why);
	ASSERT_EQ(v->length, receiver_wait(r, v->length));
	expect_bytes(_metadata, v->expected, r->bytes, v->length, dir);
}

#endif
