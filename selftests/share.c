// SPDX-License-Identifier: GPL-2.0
/*
 * Several callers: on one socket, on one device, on many sockets, in several
 * processes. Transfers on one socket never mix.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "fixture.h"

#define BLOCK	  100001
#define TAG_BYTES 16

/*
 * A block: a tag that names its sender and number, a range of the file, the
 * tag again. What arrives must be whole blocks.
 */
struct block {
	char head[TAG_BYTES];
	char tail[TAG_BYTES];
	struct pagewire_segment segments[3];
};

static void block_make(struct block *b, const struct testfile *f, unsigned int who,
		       unsigned int number)
{
	snprintf(b->head, TAG_BYTES, "<%03u %08u", who, number);
	snprintf(b->tail, TAG_BYTES, ">%03u %08u", who, number);
	b->segments[0] = memory_segment(b->head, TAG_BYTES);
	b->segments[1] = file_segment(f->fd, who * 1000 + number, BLOCK);
	b->segments[2] = memory_segment(b->tail, TAG_BYTES);
}

#define BLOCK_LENGTH (BLOCK + 2 * TAG_BYTES)

/* Checks the block at @bytes; tells whose it is. */
static void expect_block(struct __test_metadata *_metadata, const uint8_t *bytes,
			 const struct testfile *f, unsigned int *who, unsigned int *number)
{
	char head[TAG_BYTES + 1] = "", tail[TAG_BYTES + 1] = "";
	unsigned int tail_who, tail_number;

	memcpy(head, bytes, TAG_BYTES);
	memcpy(tail, bytes + TAG_BYTES + BLOCK, TAG_BYTES);
	ASSERT_EQ(2, sscanf(head, "<%u %u", who, number))
	{
		TH_LOG("no block begins here: '%s'", head);
	}
	ASSERT_EQ(2, sscanf(tail, ">%u %u", &tail_who, &tail_number))
	{
		TH_LOG("the block of %s has no end: '%s'", head, tail);
	}
	ASSERT_EQ(*who, tail_who);
	ASSERT_EQ(*number, tail_number);
	expect_bytes(_metadata, f->image + *who * 1000 + *number, bytes + TAG_BYTES, BLOCK, head);
}

struct crowd_member {
	pthread_t thread;
	int device, socket;
	uint32_t path;
	const struct testfile *file;
	unsigned int who, blocks;
	unsigned int failures;
};

static void *send_blocks(void *argument)
{
	struct crowd_member *m = argument;
	unsigned int i;

	for (i = 0; i < m->blocks; i++) {
		struct pagewire_send send;
		struct block b;

		block_make(&b, m->file, m->who, i);
		send = request(m->path, m->socket, b.segments, 3);
		if (device_send(m->device, &send) || send.result.status ||
		    send.result.bytes != BLOCK_LENGTH)
			m->failures++;
	}
	return NULL;
}

static void crowd_start(struct crowd_member *m, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		errno = pthread_create(&m[i].thread, NULL, send_blocks, m + i);
		if (errno)
			die("starting a thread");
	}
}

static void crowd_join(struct __test_metadata *_metadata, struct crowd_member *m, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pthread_join(m[i].thread, NULL);
		EXPECT_EQ(0, m[i].failures);
	}
}

/* @nr threads, @blocks each, on one socket. */
static void share_one_socket(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
			     uint32_t path, unsigned int nr, unsigned int blocks)
{
	struct crowd_member crowd[8];
	unsigned int i, next[8] = { 0 };
	struct receiver r;

	pair_close(&self->pair);
	self->pair = pair_open(AF_INET, 65536, 65536);
	for (i = 0; i < nr; i++)
		crowd[i] = (struct crowd_member){
			.device = self->device,
			.socket = self->pair.tx,
			.path = path,
			.file = &self->file,
			.who = i,
			.blocks = blocks,
		};
	crowd_start(crowd, nr);
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	crowd_join(_metadata, crowd, nr);
	shutdown(self->pair.tx, SHUT_WR);
	receiver_stop(&r, true);
	ASSERT_EQ(nr * blocks * BLOCK_LENGTH, r.length);
	for (i = 0; i < nr * blocks; i++) {
		unsigned int who, number;

		expect_block(_metadata, r.bytes + i * BLOCK_LENGTH, &self->file, &who, &number);
		ASSERT_GT(nr, who);
		EXPECT_EQ(next[who]++, number);
	}
}

TEST_F(send, two_threads_on_one_socket_never_mix)
{
	share_one_socket(_metadata, self, variant->path, 2, 40);
}

TEST_F(send, eight_threads_on_one_socket_never_mix)
{
	share_one_socket(_metadata, self, variant->path, 8, 10);
}

TEST_F(send, transfers_to_one_socket_go_out_in_the_order_of_the_calls)
{
	struct block b[6];
	struct sender s[6];
	struct receiver r;
	unsigned int i;

	pair_close(&self->pair);
	self->pair = pair_open_small();
	for (i = 0; i < 6; i++) {
		struct pagewire_send send;

		block_make(b + i, &self->file, i, 0);
		send = request(variant->path, self->pair.tx, b[i].segments, 3);
		/* The first must fill the socket by itself. */
		if (!i) {
			b[0].segments[1].length = 2 * MIB;
			b[0].segments[1].offset = 0;
		}
		sender_start(s + i, self->device, &send);
		ASSERT_TRUE(sender_blocks(s + i));
	}
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	for (i = 0; i < 6; i++) {
		sender_join(s + i);
		EXPECT_EQ(0, s[i].answer);
		EXPECT_EQ(0, s[i].send.result.status);
		if (i) {
			EXPECT_LT(0, s[i].send.result.socket_waits);
		}
	}
	shutdown(self->pair.tx, SHUT_WR);
	receiver_stop(&r, true);
	ASSERT_EQ(2 * MIB + 2 * TAG_BYTES + 5 * BLOCK_LENGTH, r.length);
	for (i = 1; i < 6; i++) {
		unsigned int who, number;
		size_t place = 2 * MIB + 2 * TAG_BYTES + (i - 1) * BLOCK_LENGTH;

		expect_block(_metadata, r.bytes + place, &self->file, &who, &number);
		EXPECT_EQ(i, who);
	}
}

TEST_F(send, a_nonblocking_socket_that_is_busy_gives_eagain_and_sends_nothing)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 0);
	struct pagewire_send first, second;
	struct receiver r;
	struct sender s;

	pair_close(&self->pair);
	self->pair = pair_open_small();
	first = request(variant->path, self->pair.tx, &segment, 1);
	second = first;
	sender_start(&s, self->device, &first);
	ASSERT_TRUE(sender_blocks(&s));
	set_nonblocking(self->pair.tx);
	EXPECT_EQ(0, device_send(self->device, &second));
	EXPECT_EQ(-EAGAIN, second.result.status);
	EXPECT_EQ(0, second.result.bytes);
	EXPECT_EQ(0, second.result.segment);
	expect_consistent(_metadata, &second);
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	EXPECT_TRUE(sender_ends_within(&s, 20000));
	sender_join(&s);
	shutdown(self->pair.tx, SHUT_WR);
	receiver_stop(&r, true);
	EXPECT_EQ(s.send.result.bytes, r.length);
	expect_bytes(_metadata, self->file.image, r.bytes, r.length, "the first transfer");
}

static void on_signal(int number)
{
	(void)number;
}

TEST_F(send, a_signal_ends_the_wait_for_a_turn)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 0);
	struct sigaction action = { .sa_handler = on_signal };
	struct pagewire_send send;
	struct sender first, second;

	pair_close(&self->pair);
	self->pair = pair_open_small();
	send = request(variant->path, self->pair.tx, &segment, 1);
	sigaction(SIGUSR1, &action, NULL);
	sender_start(&first, self->device, &send);
	ASSERT_TRUE(sender_blocks(&first));
	sender_start(&second, self->device, &send);
	ASSERT_TRUE(sender_blocks(&second));
	pthread_kill(second.thread, SIGUSR1);
	EXPECT_TRUE(sender_ends_within(&second, 5000));
	sender_join(&second);
	EXPECT_EQ(0, second.answer);
	EXPECT_EQ(-EINTR, second.send.result.status);
	EXPECT_EQ(0, second.send.result.bytes);
	EXPECT_FALSE(first.done);
	pthread_kill(first.thread, SIGUSR1);
	sender_join(&first);
	EXPECT_EQ(-EINTR, first.send.result.status);
}

TEST_F(send, eight_threads_on_eight_sockets_send_right_bytes)
{
	struct crowd_member crowd[8];
	struct receiver r[8];
	struct pair pairs[8];
	unsigned int i, k;

	for (i = 0; i < 8; i++) {
		pairs[i] = pair_open(i % 2 ? AF_INET : AF_INET6, 65536, 65536);
		crowd[i] = (struct crowd_member){
			.device = self->device,
			.socket = pairs[i].tx,
			.path = i % 4 < 2 ? variant->path : PAGEWIRE_PATH_COPY,
			.file = &self->file,
			.who = i,
			.blocks = 10,
		};
		receiver_start(r + i, pairs[i].rx, 2 * MIB, 0, 0);
	}
	crowd_start(crowd, 8);
	crowd_join(_metadata, crowd, 8);
	for (i = 0; i < 8; i++) {
		shutdown(pairs[i].tx, SHUT_WR);
		receiver_stop(r + i, true);
		ASSERT_EQ(10 * BLOCK_LENGTH, r[i].length);
		for (k = 0; k < 10; k++) {
			unsigned int who, number;

			expect_block(_metadata, r[i].bytes + k * BLOCK_LENGTH, &self->file, &who,
				     &number);
			EXPECT_EQ(i, who);
			EXPECT_EQ(k, number);
		}
		pair_close(pairs + i);
	}
}

/* Sends 1000 bytes by @device; whoever calls, they must arrive. */
static bool send_works(FIXTURE_DATA(send) * self, uint32_t path, int device)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 10, 1000);
	struct pagewire_send send = request(path, self->pair.tx, &segment, 1);
	uint8_t seen[1000];

	return !device_send(device, &send) && !send.result.status && send.result.bytes == 1000 &&
	       read_available(self->pair.rx, seen, 1000, 2000) == 1000 &&
	       first_difference(self->file.image + 10, seen, 1000) == -1;
}

TEST_F(send, a_duplicate_of_the_device_works_after_the_original_is_closed)
{
	int copy = dup(self->device);

	close(self->device);
	EXPECT_TRUE(send_works(self, variant->path, copy));
	self->device = copy;
}

TEST_F(send, a_child_may_use_the_device_that_it_inherited)
{
	int status;
	pid_t child = fork();

	if (!child) {
		/* Not before the parent has closed its own. */
		sleep_ms(100);
		_exit(send_works(self, variant->path, self->device) ? 0 : 1);
	}
	close(self->device);
	self->device = -1;
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(send, a_device_that_another_thread_closes_midway_ends_no_transfer_wrongly)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 0);
	struct pagewire_send send;
	struct receiver r;
	struct sender s;

	pair_close(&self->pair);
	self->pair = pair_open_small();
	send = request(variant->path, self->pair.tx, &segment, 1);
	sender_start(&s, self->device, &send);
	ASSERT_TRUE(sender_blocks(&s));
	close(self->device);
	self->device = -1;
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	EXPECT_TRUE(sender_ends_within(&s, 20000));
	sender_join(&s);
	shutdown(self->pair.tx, SHUT_WR);
	receiver_stop(&r, true);
	EXPECT_EQ(0, s.answer);
	EXPECT_EQ(s.send.result.bytes, r.length);
	expect_bytes(_metadata, self->file.image, r.bytes, r.length, "file");
}

TEST_HARNESS_MAIN
