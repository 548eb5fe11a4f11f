// SPDX-License-Identifier: GPL-2.0
/*
 * Peers that close, reset, stall or read slowly, and sockets with all sorts of
 * options: the transfer ends as send(2) would end, and says exactly how far
 * it came.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "fixture.h"

/* A header and more of the file than a small pair takes. */
static struct vector *long_vector(const struct testfile *f)
{
	struct vector *v = vector_new(ROOM);

	vector_add_memory(v, "header", 6);
	vector_add_file(v, f, 1, 100);
	vector_add_file(v, f, 0, 0);
	vector_add_memory(v, "trailer", 7);
	return v;
}

/* Replaces the pair by a small one. */
static struct pagewire_send small_request(FIXTURE_DATA(send) * self, uint32_t path,
					  struct vector *v)
{
	pair_close(&self->pair);
	self->pair = pair_open_small();
	return request(path, self->pair.tx, v->segments, v->nr);
}

/* Where the vector was cut, by its own account. */
static void expect_cut_at(struct __test_metadata *_metadata, const struct vector *v,
			  const struct pagewire_result *r)
{
	uint64_t before = 0;
	unsigned int i;

	ASSERT_GT(v->nr, r->segment);
	for (i = 0; i < r->segment; i++)
		before += v->segments[i].length ? v->segments[i].length : FILE_SIZE;
	EXPECT_EQ(r->bytes, before + r->segment_bytes);
}

static void expect_ended(struct __test_metadata *_metadata, const struct vector *v,
			 const struct pagewire_send *send, int error)
{
	expect_consistent(_metadata, send);
	EXPECT_EQ(-error, send->result.status);
	EXPECT_EQ(0, send->result.reason);
	EXPECT_EQ(0, send->result.flags);
	EXPECT_GT(v->length, send->result.bytes);
	expect_cut_at(_metadata, v, &send->result);
	if (!_metadata->passed)
		TH_LOG(RESULT_FORMAT, RESULT_VALUES(&send->result));
}

/* Nobody has read yet: what the peer finds now is what the result says. */
static void expect_prefix(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
			  const struct vector *v, uint64_t bytes)
{
	uint8_t *seen = malloc(ROOM);

	shutdown(self->pair.tx, SHUT_WR);
	ASSERT_EQ((ssize_t)bytes, read_available(self->pair.rx, seen, ROOM, 5000));
	expect_bytes(_metadata, v->expected, seen, bytes, "prefix");
	free(seen);
}

static void expect_gone(struct __test_metadata *_metadata, const struct sender *s)
{
	const struct pagewire_result *r = &s->send.result;

	EXPECT_EQ(0, s->answer);
	EXPECT_TRUE(r->status == -EPIPE || r->status == -ECONNRESET)
	{
		TH_LOG("status %d", r->status);
	}
	EXPECT_LE(50000, r->bytes);
	expect_consistent(_metadata, &s->send);
}

static void expect_error_counters(struct __test_metadata *_metadata, uint32_t path,
				  const struct counters *before, const char *end, const char *kind)
{
	struct counters after;

	counters_read(&after, path_file(path));
	EXPECT_EQ(1, counter(&after, "transfers") - counter(before, "transfers"));
	EXPECT_EQ(1, counter(&after, "errors") - counter(before, "errors"));
	EXPECT_EQ(1, counter(&after, end) - counter(before, end));
	EXPECT_EQ(1, counter(&after, kind) - counter(before, kind));
}

/* SIGPIPE keeps its default action in all of these: it would kill the test. */
static void peer_goes_midway(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
			     uint32_t path, bool reset)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, path, v);
	struct linger at_once = { .l_onoff = 1 };
	uint8_t *seen = malloc(50000);
	struct counters before;
	struct sender s;

	if (counters_available())
		counters_read(&before, path_file(path));
	sender_start(&s, self->device, &send);
	ASSERT_EQ(50000, read_available(self->pair.rx, seen, 50000, 5000));
	expect_bytes(_metadata, v->expected, seen, 50000, "before the peer went");
	ASSERT_TRUE(sender_blocks(&s));
	if (reset)
		setsockopt(self->pair.rx, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(self->pair.rx);
	self->pair.rx = -1;
	EXPECT_TRUE(sender_ends_within(&s, 5000));
	sender_join(&s);
	expect_gone(_metadata, &s);
	expect_cut_at(_metadata, v, &s.send.result);
	if (counters_available())
		expect_error_counters(_metadata, path, &before, "failed", "errors_peer");
	/* Once more, now that it is known to be gone: as send(2), never ENOTCONN. */
	EXPECT_EQ(0, device_send(self->device, &send));
	EXPECT_TRUE(send.result.status == -EPIPE || send.result.status == -ECONNRESET)
	{
		TH_LOG("the second time: status %d", send.result.status);
	}
	EXPECT_EQ(0, send.result.bytes);
	EXPECT_EQ(0, send.result.segment);
}

TEST_F(send, a_peer_that_closes_midway_ends_the_transfer_without_sigpipe)
{
	peer_goes_midway(_metadata, self, variant->path, false);
}

TEST_F(send, a_peer_that_resets_midway_ends_the_transfer_without_sigpipe)
{
	peer_goes_midway(_metadata, self, variant->path, true);
}

TEST_F(send, a_peer_that_only_shut_down_its_own_side_gets_everything)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, variant->path, v);
	struct receiver r;

	shutdown(self->pair.rx, SHUT_WR);
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	EXPECT_EQ(0, device_send(self->device, &send));
	expect_all_sent(_metadata, &send, v->length);
	ASSERT_EQ(v->length, receiver_wait(&r, v->length));
	expect_bytes(_metadata, v->expected, r.bytes, v->length, "all");
	receiver_stop(&r, false);
}

TEST_F(send, a_full_nonblocking_socket_gives_eagain_and_the_exact_bytes)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, variant->path, v);
	struct counters before;
	uint64_t bytes;

	set_nonblocking(self->pair.tx);
	if (counters_available())
		counters_read(&before, path_file(variant->path));
	ASSERT_EQ(0, device_send(self->device, &send));
	expect_ended(_metadata, v, &send, EAGAIN);
	if (counters_available())
		expect_error_counters(_metadata, variant->path, &before, "failed", "errors_again");
	bytes = send.result.bytes;
	EXPECT_LT(0, bytes);
	expect_prefix(_metadata, self, v, bytes);
}

TEST_F(send, a_socket_that_is_full_already_takes_nothing)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, variant->path, v);
	unsigned int i;

	set_nonblocking(self->pair.tx);
	/* What the peer's side takes in the background may free some room once or twice. */
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, device_send(self->device, &send));
		if (!send.result.bytes)
			break;
		sleep_ms(20);
	}
	expect_ended(_metadata, v, &send, EAGAIN);
	EXPECT_EQ(0, send.result.bytes);
	EXPECT_EQ(0, send.result.segment);
	EXPECT_EQ(0, send.result.segment_bytes);
}

TEST_F(send, a_transfer_resumed_from_segment_and_segment_bytes_arrives_whole)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, variant->path, v);
	struct pagewire_segment *segments = v->segments;
	uint32_t left = v->nr, pieces = 0;
	uint64_t bytes = 0, until = now_ms() + 20000;
	struct receiver r;

	set_nonblocking(self->pair.tx);
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	while (left && now_ms() < until) {
		send = request(variant->path, self->pair.tx, segments, left);
		ASSERT_EQ(0, device_send(self->device, &send));
		expect_consistent(_metadata, &send);
		ASSERT_TRUE(_metadata->passed);
		ASSERT_TRUE(send.result.status == 0 || send.result.status == -EAGAIN);
		ASSERT_EQ(!send.result.status, send.result.segment == left);
		bytes += send.result.bytes;
		pieces++;
		left = segments_advance(&segments, left, &send.result);
		if (!send.result.bytes)
			sleep_ms(1);
	}
	EXPECT_EQ(0, left);
	EXPECT_LT(1, pieces);
	EXPECT_EQ(v->length, bytes);
	ASSERT_EQ(v->length, receiver_wait(&r, v->length));
	expect_bytes(_metadata, v->expected, r.bytes, v->length, "all pieces");
	receiver_stop(&r, false);
}

static void set_send_timeout(int fd, unsigned int ms)
{
	struct timeval t = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)))
		die("SO_SNDTIMEO");
}

TEST_F(send, so_sndtimeo_ends_a_stalled_transfer_with_eagain)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, variant->path, v);
	struct sender s;

	set_send_timeout(self->pair.tx, 300);
	sender_start(&s, self->device, &send);
	EXPECT_TRUE(sender_ends_within(&s, 10000));
	sender_join(&s);
	EXPECT_EQ(0, s.answer);
	EXPECT_LE(290, s.took_ms);
	expect_ended(_metadata, v, &s.send, EAGAIN);
	expect_prefix(_metadata, self, v, s.send.result.bytes);
}

TEST_F(send, so_sndtimeo_does_not_end_a_transfer_that_makes_progress)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send;
	struct receiver r;
	uint64_t start;

	pair_close(&self->pair);
	self->pair = pair_open(AF_INET, 65536, 65536);
	send = request(variant->path, self->pair.tx, v->segments, v->nr);
	set_send_timeout(self->pair.tx, 1000);
	receiver_start(&r, self->pair.rx, ROOM, 100000, 100);
	start = now_ms();
	EXPECT_EQ(0, device_send(self->device, &send));
	EXPECT_LT(1500, now_ms() - start);
	expect_all_sent(_metadata, &send, v->length);
	receiver_stop(&r, false);
}

static void on_signal(int number)
{
	(void)number;
}

static void signal_midway(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
			  uint32_t path, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, path, v);
	struct counters before;
	struct sender s;

	sigaction(SIGUSR1, &action, NULL);
	if (counters_available())
		counters_read(&before, path_file(path));
	sender_start(&s, self->device, &send);
	ASSERT_TRUE(sender_blocks(&s));
	pthread_kill(s.thread, SIGUSR1);
	ASSERT_TRUE(sender_ends_within(&s, 5000));
	sender_join(&s);
	EXPECT_EQ(0, s.answer);
	expect_ended(_metadata, v, &s.send, EINTR);
	EXPECT_LT(0, s.send.result.bytes);
	if (counters_available())
		expect_error_counters(_metadata, path, &before, "cancelled", "errors_interrupted");
	expect_prefix(_metadata, self, v, s.send.result.bytes);
}

TEST_F(send, a_signal_midway_ends_the_transfer_with_eintr_and_the_exact_bytes)
{
	signal_midway(_metadata, self, variant->path, 0);
}

TEST_F(send, a_transfer_is_never_restarted_after_a_signal)
{
	signal_midway(_metadata, self, variant->path, SA_RESTART);
}

TEST_F(send, a_signal_before_the_first_byte_ends_the_transfer_with_eintr)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, variant->path, v);
	uint8_t *filler = calloc(1, MIB);
	struct sender s;
	unsigned int i;

	sigaction(SIGUSR1, &action, NULL);
	for (i = 0; i < 20; i++) {
		sendto(self->pair.tx, filler, MIB, MSG_DONTWAIT, NULL, 0);
		sleep_ms(10);
	}
	sender_start(&s, self->device, &send);
	ASSERT_TRUE(sender_blocks(&s));
	pthread_kill(s.thread, SIGUSR1);
	ASSERT_TRUE(sender_ends_within(&s, 5000));
	sender_join(&s);
	EXPECT_EQ(0, s.answer);
	expect_ended(_metadata, v, &s.send, EINTR);
	EXPECT_EQ(0, s.send.result.bytes);
}

TEST_F(send, a_process_that_is_blocked_in_a_transfer_can_be_killed)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, variant->path, v);
	uint64_t until;
	int status;
	pid_t child = fork();

	if (!child) {
		device_send(self->device, &send);
		_exit(0);
	}
	/* Until it has filled the socket, and some. */
	sleep_ms(500);
	ASSERT_EQ(0, waitpid(child, &status, WNOHANG));
	ASSERT_EQ(0, kill(child, SIGKILL));
	until = now_ms() + 5000;
	while (!waitpid(child, &status, WNOHANG) && now_ms() < until)
		sleep_ms(10);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST_F(send, a_socket_that_was_shut_down_before_gives_epipe)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, variant->path, v);

	shutdown(self->pair.tx, SHUT_WR);
	EXPECT_EQ(0, device_send(self->device, &send));
	expect_ended(_metadata, v, &send, EPIPE);
	EXPECT_EQ(0, send.result.bytes);
}

TEST_F(send, a_socket_that_is_shut_down_midway_gives_epipe_and_the_exact_bytes)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, variant->path, v);
	struct sender s;

	sender_start(&s, self->device, &send);
	ASSERT_TRUE(sender_blocks(&s));
	shutdown(self->pair.tx, SHUT_WR);
	EXPECT_TRUE(sender_ends_within(&s, 5000));
	sender_join(&s);
	EXPECT_EQ(0, s.answer);
	expect_ended(_metadata, v, &s.send, EPIPE);
	expect_prefix(_metadata, self, v, s.send.result.bytes);
}

/* Newer kernels refuse to disconnect a socket that somebody waits in. */
TEST_F(send, a_socket_that_is_disconnected_midway_ends_the_transfer)
{
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send = small_request(self, variant->path, v);
	struct sender s;

	sender_start(&s, self->device, &send);
	ASSERT_TRUE(sender_blocks(&s));
	connect(self->pair.tx, &nowhere, sizeof(nowhere));
	close(self->pair.rx);
	self->pair.rx = -1;
	EXPECT_TRUE(sender_ends_within(&s, 5000));
	sender_join(&s);
	EXPECT_EQ(0, s.answer);
	EXPECT_GT(0, s.send.result.status);
	expect_consistent(_metadata, &s.send);
}

/* One transfer over a socket of the given make; the peer compares. */
static void send_all(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self, uint32_t path,
		     struct pair pair, size_t chunk, unsigned int pause_ms)
{
	struct vector *v = long_vector(&self->file);
	struct pagewire_send send;
	struct receiver r;

	pair_close(&self->pair);
	self->pair = pair;
	send = request(path, pair.tx, v->segments, v->nr);
	receiver_start(&r, pair.rx, ROOM, chunk, pause_ms);
	EXPECT_EQ(0, device_send(self->device, &send));
	expect_all_sent(_metadata, &send, v->length);
	/* Some options hold the last bytes back until the socket is closed. */
	shutdown(pair.tx, SHUT_WR);
	ASSERT_EQ(v->length, receiver_wait(&r, v->length));
	expect_bytes(_metadata, v->expected, r.bytes, v->length, "all");
	receiver_stop(&r, true);
	EXPECT_EQ(v->length, r.length);
}

TEST_F(send, a_peer_that_reads_slowly_gets_every_byte)
{
	send_all(_metadata, self, variant->path, pair_open(AF_INET, 65536, 65536), 10000, 1);
}

TEST_F(send, a_tiny_send_buffer_does_for_every_byte)
{
	send_all(_metadata, self, variant->path, pair_open(AF_INET, 1, 0), 0, 0);
}

TEST_F(send, a_tiny_send_buffer_over_ipv6_does_for_every_byte)
{
	send_all(_metadata, self, variant->path, pair_open(AF_INET6, 1, 0), 0, 0);
}

TEST_F(send, tcp_nodelay_changes_no_byte)
{
	struct pair pair = pair_open(AF_INET, 0, 0);

	set_option(pair.tx, IPPROTO_TCP, TCP_NODELAY, 1);
	send_all(_metadata, self, variant->path, pair, 0, 0);
}

TEST_F(send, tcp_cork_changes_no_byte)
{
	struct pair pair = pair_open(AF_INET, 0, 0);

	set_option(pair.tx, IPPROTO_TCP, TCP_CORK, 1);
	send_all(_metadata, self, variant->path, pair, 0, 0);
}

TEST_HARNESS_MAIN
