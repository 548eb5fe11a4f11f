// SPDX-License-Identifier: GPL-2.0
/*
 * kTLS on the socket: the peer decrypts the right bytes, and they count as
 * copied, for the CPU encrypts.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <linux/tls.h>

#include "fixture.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* One key for this direction; the other isn't used. */
static bool tls_start(struct pair pair)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info = { .version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
		.iv = "iviviviv",
		.key = "keykeykeykeykeyk",
		.salt = "salt",
		.rec_seq = { 0 },
	};

	return !setsockopt(pair.tx, IPPROTO_TCP, TCP_ULP, "tls", 4) &&
	       !setsockopt(pair.rx, IPPROTO_TCP, TCP_ULP, "tls", 4) &&
	       !setsockopt(pair.tx, SOL_TLS, TLS_TX, &info, sizeof(info)) &&
	       !setsockopt(pair.rx, SOL_TLS, TLS_RX, &info, sizeof(info));
}

/* Returns false when this kernel has no kTLS. */
static bool start_tls(FIXTURE_DATA(send) * self)
{
	pair_close(&self->pair);
	self->pair = pair_open(AF_INET, 0, 0);
	return tls_start(self->pair);
}

#define NO_TLS "kTLS: no module tls, or no AES-GCM, on this kernel"

static void expect_tls(struct __test_metadata *_metadata, const struct pagewire_send *send,
		       const struct vector *v)
{
	uint32_t allowed = 1u << PAGEWIRE_WHY_TLS;

	if (v->memory_bytes)
		allowed |= 1u << PAGEWIRE_WHY_MEMORY;
	if (send->path == PAGEWIRE_PATH_COPY)
		allowed |= 1u << PAGEWIRE_WHY_ASKED;
	EXPECT_EQ(0, send->result.passed_bytes);
	EXPECT_EQ(v->length, send->result.copied_bytes);
	EXPECT_EQ(0, send->result.copied_why & ~allowed);
	if (send->path == PAGEWIRE_PATH_SG)
		EXPECT_NE(0, send->result.copied_why & 1u << PAGEWIRE_WHY_TLS);
}

TEST_F(send, the_peer_decrypts_the_right_bytes)
{
	struct vector *v = vector_new(ROOM);
	struct counters before, after;
	struct pagewire_send send;
	struct receiver r;
	unsigned int i;

	if (!start_tls(self))
		SKIP(return, NO_TLS);
	receiver_start(&r, self->pair.rx, ROOM, 0, 0);
	for (i = 0; i < 4; i++) {
		vector_reset(v);
		if (i & 1)
			vector_add_memory(v, "header", 6);
		vector_add_file(v, &self->file, i * 4097, i < 2 ? 100000 : 0);
		vector_add_file(v, &self->file, 16383, 2);
		if (i & 2)
			vector_add_memory(v, "trailer", 7);
		if (counters_available())
			counters_read(&before, path_file(variant->path));
		send = request(variant->path, self->pair.tx, v->segments, v->nr);
		receiver_reset(&r);
		EXPECT_EQ(0, device_send(self->device, &send));
		expect_all_sent(_metadata, &send, v->length);
		expect_tls(_metadata, &send, v);
		ASSERT_EQ(v->length, receiver_wait(&r, v->length));
		expect_bytes(_metadata, v->expected, r.bytes, v->length, "decrypted");
		if (counters_available() && variant->path == PAGEWIRE_PATH_SG) {
			counters_read(&after, path_file(variant->path));
			EXPECT_LE(v->file_bytes, counter(&after, "copied_tls_bytes") -
							 counter(&before, "copied_tls_bytes"));
			EXPECT_EQ(v->length, counter(&after, "copied_bytes") -
						     counter(&before, "copied_bytes"));
		}
	}
	receiver_stop(&r, false);
	vector_free(v);
}

TEST_F(send, a_full_nonblocking_tls_socket_loses_no_byte)
{
	struct vector *v = vector_new(ROOM);
	struct pagewire_segment *segments = v->segments;
	uint64_t until = now_ms() + 20000;
	struct pagewire_send send;
	struct receiver r;
	uint32_t left;

	pair_close(&self->pair);
	self->pair = pair_open(AF_INET, 65536, 65536);
	if (!tls_start(self->pair))
		SKIP(return, NO_TLS);
	set_nonblocking(self->pair.tx);
	receiver_start(&r, self->pair.rx, ROOM, 20000, 1);
	vector_add_memory(v, "header", 6);
	vector_add_file(v, &self->file, 1, 0);
	left = v->nr;
	while (left && now_ms() < until) {
		send = request(variant->path, self->pair.tx, segments, left);
		ASSERT_EQ(0, device_send(self->device, &send));
		ASSERT_TRUE(send.result.status == 0 || send.result.status == -EAGAIN);
		left = segments_advance(&segments, left, &send.result);
		if (!send.result.bytes)
			sleep_ms(1);
	}
	EXPECT_EQ(0, left);
	ASSERT_EQ(v->length, receiver_wait(&r, v->length));
	expect_bytes(_metadata, v->expected, r.bytes, v->length, "decrypted");
	receiver_stop(&r, false);
}

TEST_F(send, sg_only_refuses_tls_and_sends_nothing)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 1000);
	struct pagewire_send send;

	if (!start_tls(self))
		SKIP(return, NO_TLS);
	/* Path copy takes the flag nowhere: sg_only.c. */
	send = request(PAGEWIRE_PATH_SG, self->pair.tx, &segment, 1);
	send.flags = PAGEWIRE_SEND_SG_ONLY;
	expect_refused(_metadata, self->device, &send, EOPNOTSUPP, PAGEWIRE_WHY_SG_ONLY, 1,
		       "SG_ONLY with kTLS");
	expect_silence(_metadata, self->pair.rx);
}

TEST_HARNESS_MAIN
