// SPDX-License-Identifier: GPL-2.0
/*
 * Limits that the administrator sets: over them a transfer is refused with
 * EAGAIN, and works again as soon as there is room.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "fixture.h"

FIXTURE(limit)
{
	int device;
	struct testfile file;
	uint64_t max_transfers;
	uint64_t max_user_bytes;
	unsigned int rest_ms;
};

FIXTURE_VARIANT(limit)
{
	uint32_t path;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(limit, copy) { .path = PAGEWIRE_PATH_COPY };
FIXTURE_VARIANT_ADD(limit, sg) { .path = PAGEWIRE_PATH_SG };
/* clang-format on */

FIXTURE_SETUP(limit)
{
	self->rest_ms = rest_ms();
	self->device = device_open();
	testfile_create(&self->file, test_dir(0), FILE_SIZE, FILE_SEED);
	self->max_transfers = parameter_get("max_transfers");
	self->max_user_bytes = parameter_get("max_user_bytes");
}

FIXTURE_TEARDOWN(limit)
{
	parameter_set("max_transfers", self->max_transfers);
	parameter_set("max_user_bytes", self->max_user_bytes);
	testfile_close(&self->file);
	close(self->device);
	expect_rest(_metadata, self->rest_ms);
}

/* Transfers that sit in full sockets, each on a pair of its own. */
struct stuck {
	struct pair pair;
	struct sender sender;
};

static void stuck_start(struct __test_metadata *_metadata, struct stuck *k, int device,
			uint32_t path, const struct pagewire_segment *segment)
{
	struct pagewire_send send;

	k->pair = pair_open_small();
	send = request(path, k->pair.tx, segment, 1);
	sender_start(&k->sender, device, &send);
	ASSERT_TRUE(sender_blocks(&k->sender));
}

static void stuck_end(struct __test_metadata *_metadata, struct stuck *k, const struct testfile *f)
{
	struct receiver r;

	receiver_start(&r, k->pair.rx, ROOM, 0, 0);
	EXPECT_TRUE(sender_ends_within(&k->sender, 20000));
	sender_join(&k->sender);
	EXPECT_EQ(0, k->sender.answer);
	EXPECT_EQ(0, k->sender.send.result.status);
	shutdown(k->pair.tx, SHUT_WR);
	receiver_stop(&r, true);
	ASSERT_EQ(f->size, r.length);
	expect_bytes(_metadata, f->image, r.bytes, r.length, "a transfer within the limit");
	pair_close(&k->pair);
}

TEST_F(limit, max_transfers_of_an_open_device_refuses_one_more)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 0);
	struct pagewire_features features;
	struct pair pair = pair_open_large();
	struct pagewire_send send = request(variant->path, pair.tx, &segment, 1);
	struct stuck stuck[3];
	int other = device_open();
	unsigned int i;

	parameter_set("max_transfers", 3);
	ASSERT_EQ(0, ioctl(self->device, PAGEWIRE_IOC_GET_FEATURES, &features));
	EXPECT_EQ(3, features.max_transfers);
	for (i = 0; i < 3; i++)
		stuck_start(_metadata, stuck + i, self->device, variant->path, &segment);
	expect_refused(_metadata, self->device, &send, EAGAIN, PAGEWIRE_WHY_LIMIT, 1,
		       "one more than max_transfers");
	expect_silence(_metadata, pair.rx);
	/* Another open of the device has a limit of its own. */
	segment.length = 1000;
	EXPECT_EQ(0, device_send(other, &send));
	expect_all_sent(_metadata, &send, 1000);
	stuck_end(_metadata, stuck, &self->file);
	EXPECT_EQ(0, device_send(self->device, &send));
	expect_all_sent(_metadata, &send, 1000);
	stuck_end(_metadata, stuck + 1, &self->file);
	stuck_end(_metadata, stuck + 2, &self->file);
	close(other);
	pair_close(&pair);
}

TEST_F(limit, max_user_bytes_refuses_memory_beyond_it)
{
	static uint8_t bytes[PAGEWIRE_MAX_MEMORY_SEGMENT];
	struct pagewire_segment segment = memory_segment(bytes, sizeof(bytes));
	struct pair pair = pair_open_large();
	struct pagewire_send send = request(variant->path, pair.tx, &segment, 1);
	struct pagewire_features features;
	uint8_t *seen = malloc(sizeof(bytes));

	pattern_fill(bytes, 5, 0, sizeof(bytes));
	parameter_set("max_user_bytes", 4096);
	ASSERT_EQ(0, ioctl(self->device, PAGEWIRE_IOC_GET_FEATURES, &features));
	EXPECT_EQ(4096, features.max_user_bytes);
	EXPECT_EQ(-EAGAIN, device_send(self->device, &send));
	EXPECT_EQ(-EAGAIN, send.result.status);
	EXPECT_EQ(PAGEWIRE_WHY_LIMIT, send.result.reason);
	EXPECT_EQ(0, send.result.bytes);
	expect_silence(_metadata, pair.rx);
	parameter_set("max_user_bytes", self->max_user_bytes);
	EXPECT_EQ(0, device_send(self->device, &send));
	expect_all_sent(_metadata, &send, sizeof(bytes));
	ASSERT_EQ((ssize_t)sizeof(bytes), read_available(pair.rx, seen, sizeof(bytes), 2000));
	expect_bytes(_metadata, bytes, seen, sizeof(bytes), "memory");
	pair_close(&pair);
}

TEST_F(limit, what_stuck_transfers_hold_of_a_user_is_counted_and_given_back)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 0);
	struct counters gauges;
	struct stuck stuck[4];
	unsigned int i;

	if (!counters_available())
		SKIP(return, "gauges while transfers are stuck: no debugfs");
	for (i = 0; i < 4; i++)
		stuck_start(_metadata, stuck + i, self->device, variant->path, &segment);
	counters_read(&gauges, "gauges");
	EXPECT_EQ(4, counter(&gauges, "transfers"));
	EXPECT_LE(4, counter(&gauges, "files"));
	EXPECT_LE(4, counter(&gauges, "sockets"));
	EXPECT_LE(1, counter(&gauges, "opens"));
	EXPECT_GE(self->max_user_bytes, counter(&gauges, "user_bytes"));
	for (i = 0; i < 4; i++)
		stuck_end(_metadata, stuck + i, &self->file);
}

TEST_HARNESS_MAIN
