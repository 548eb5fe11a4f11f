// SPDX-License-Identifier: GPL-2.0
/*
 * A transfer of known size by a tagged process: what the probes say it cost is
 * exact. Everything goes over loopback, from a file on tmpfs that is hot.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/wait.h>

#include <linux/tls.h>

#include "fixture.h"
#include "seen.h"

#define SIZE	  (2 * MIB)
#define BLOCK	  (64 * KIB)
#define CALLS	  (SIZE / BLOCK)
#define SEEN_ROOM (2 * SIZE)
#define RECORDS	  (SIZE / 16384)

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

FIXTURE(seen)
{
	struct testfile file;
	struct pair pair;
	struct receiver receiver;
	struct workload load;
	struct seen got;
	uint64_t calls;
	unsigned int rest_ms;
};

FIXTURE_SETUP(seen)
{
	const char *dir = test_dir(0);
	unsigned int i;

	for (i = 0; test_dir(i); i++) {
		if (dir_is_tmpfs(test_dir(i)))
			dir = test_dir(i);
	}
	self->rest_ms = rest_ms();
	testfile_create(&self->file, dir, SIZE, FILE_SEED);
	self->pair = pair_open(AF_INET, 4 << 20, 4 << 20);
	self->load = (struct workload){
		.label = "test-seen",
		.job = {
			.file = self->file.fd,
			.socket = self->pair.tx,
			.size = SIZE,
			.block = BLOCK,
			.buffer = aligned_alloc(4096, BLOCK),
		},
	};
	if (!self->load.job.buffer || pipe(self->load.job.pipe))
		die("a buffer and a pipe");
	fcntl(self->load.job.pipe[1], F_SETPIPE_SZ, BLOCK);
	memset(self->load.job.buffer, 1, BLOCK);
}

FIXTURE_TEARDOWN(seen)
{
	free(self->load.job.buffer);
	close(self->load.job.pipe[0]);
	close(self->load.job.pipe[1]);
	pair_close(&self->pair);
	testfile_close(&self->file);
	expect_rest(_metadata, self->rest_ms);
}

/* Runs the job and takes its figures: what every job must show is checked here. */
static void run(struct __test_metadata *_metadata, FIXTURE_DATA(seen) * self,
		int (*job)(struct job *j))
{
	struct worker w;
	struct seen before;

	seen_read(&before, self->load.label);
	receiver_start(&self->receiver, self->pair.rx, SEEN_ROOM, 0, 0);
	self->load.run = job;
	worker_start(&w, &self->load);
	ASSERT_EQ(0, worker_end(&w, &self->load));
	EXPECT_EQ(SEEN_ROOM, receiver_wait(&self->receiver, SEEN_ROOM));
	receiver_stop(&self->receiver, false);
	expect_bytes(_metadata, self->file.image, self->receiver.bytes + SIZE, SIZE, "counted");
	self->calls = w.shared->calls;
	self->got = seen_since(&before, self->load.label);
	EXPECT_EQ(0, self->got.v[MISSED]);
	EXPECT_EQ(self->calls, self->got.v[SYSCALLS]);
	EXPECT_EQ(2 * (self->got.v[SYSCALLS] + self->got.v[USER_FAULTS]),
		  self->got.v[MODE_SWITCHES]);
	EXPECT_LE(self->got.v[CTX_INVOLUNTARY], self->got.v[CTX_SWITCHES]);
	/* The file is hot, and the receiver's reading is the receiver's own. */
	EXPECT_EQ(0, self->got.v[DMA_IN]);
}

static void expect_figures(struct __test_metadata *_metadata, FIXTURE_DATA(seen) * self,
			   uint64_t to_user, uint64_t from_user, uint64_t in_kernel)
{
	EXPECT_EQ(to_user, self->got.v[TO_USER]);
	EXPECT_EQ(from_user, self->got.v[FROM_USER]);
	EXPECT_EQ(in_kernel, self->got.v[IN_KERNEL]);
}

static void expect_sent(struct __test_metadata *_metadata, FIXTURE_DATA(seen) * self,
			uint64_t passed, uint64_t tx_kernel)
{
	EXPECT_EQ(passed, self->got.v[PASSED]);
	EXPECT_EQ(tx_kernel, self->got.v[TX_KERNEL] + self->got.v[TX_LINEAR]);
	seen_print(&self->got, _metadata->passed ? "seen" : "seen, and something is wrong");
}

TEST_F(seen, read_write_copies_twice)
{
	run(_metadata, self, job_read_write);
	EXPECT_EQ(2 * CALLS, self->calls);
	expect_figures(_metadata, self, SIZE, SIZE, 0);
	expect_sent(_metadata, self, 0, SIZE);
	/* At least one operation for each call; at most one for each page and direction, and ends. */
	EXPECT_LE(2 * CALLS, self->got.v[COPIES]);
	EXPECT_GE(2 * (SIZE / 4096 + CALLS), self->got.v[COPIES]);
	EXPECT_EQ(0, self->got.v[UNDONE]);
}

TEST_F(seen, reading_alone_sends_nothing)
{
	struct worker w;
	struct seen before;

	seen_read(&before, self->load.label);
	self->load.run = job_read;
	worker_start(&w, &self->load);
	ASSERT_EQ(0, worker_end(&w, &self->load));
	self->got = seen_since(&before, self->load.label);
	EXPECT_EQ(CALLS, self->got.v[SYSCALLS]);
	expect_figures(_metadata, self, SIZE, 0, 0);
	expect_sent(_metadata, self, 0, 0);
}

TEST_F(seen, mmap_write_copies_once_and_faults_in_the_kernel)
{
	run(_metadata, self, job_mmap_write);
	EXPECT_EQ(CALLS + 2, self->calls);
	expect_figures(_metadata, self, 0, SIZE, 0);
	expect_sent(_metadata, self, 0, SIZE);
	/* The fresh mapping is met by the kernel's copy: fault-around maps 16 pages at a time. */
	EXPECT_LE(SIZE / (64 * KIB), self->got.v[KERNEL_FAULTS]);
	EXPECT_GE(SIZE / 4096 + 8, self->got.v[KERNEL_FAULTS]);
}

TEST_F(seen, one_sendfile_is_one_call_and_no_copy)
{
	run(_metadata, self, job_sendfile);
	EXPECT_EQ(1, self->calls);
	EXPECT_EQ(1, self->got.v[SYSCALLS]);
	EXPECT_EQ(0, self->got.v[USER_FAULTS]);
	EXPECT_EQ(2, self->got.v[MODE_SWITCHES]);
	expect_figures(_metadata, self, 0, 0, 0);
	expect_sent(_metadata, self, SIZE, 0);
	EXPECT_EQ(0, self->got.v[COPIES]);
	EXPECT_EQ(0, self->got.v[UNDONE]);
}

TEST_F(seen, splice_through_a_pipe_copies_nothing)
{
	run(_metadata, self, job_splice);
	EXPECT_LE(2 * CALLS, self->calls);
	expect_figures(_metadata, self, 0, 0, 0);
	expect_sent(_metadata, self, SIZE, 0);
}

TEST_F(seen, zerocopy_is_undone_on_loopback)
{
	set_option(self->pair.tx, SOL_SOCKET, SO_ZEROCOPY, 1);
	run(_metadata, self, job_zerocopy);
	EXPECT_EQ(0, self->got.v[FROM_USER]);
	EXPECT_EQ(0, self->got.v[IN_KERNEL]);
	EXPECT_EQ(SIZE, self->got.v[UNDONE]);
	EXPECT_EQ(SIZE, self->got.v[PASSED]);
	EXPECT_EQ(0, self->got.v[TX_KERNEL]);
	/* The notices of completion go to user space: control messages of some bytes each. */
	EXPECT_GE(CALLS * 64, self->got.v[TO_USER]);
	seen_print(&self->got, "seen");
}

TEST_F(seen, path_sg_of_the_module_copies_nothing)
{
	self->load.job.path = PAGEWIRE_PATH_SG;
	run(_metadata, self, job_module);
	EXPECT_EQ(1, self->got.v[SYSCALLS]);
	expect_figures(_metadata, self, 0, 0, 0);
	expect_sent(_metadata, self, SIZE, 0);
}

TEST_F(seen, path_copy_of_the_module_copies_once_in_the_kernel)
{
	self->load.job.path = PAGEWIRE_PATH_COPY;
	run(_metadata, self, job_module);
	EXPECT_EQ(1, self->got.v[SYSCALLS]);
	expect_figures(_metadata, self, 0, 0, SIZE);
	expect_sent(_metadata, self, 0, SIZE);
}

/* The label of a path of the module: the probes' lines follow the path's own counters. */
TEST_F(seen, a_path_s_own_name_may_be_the_label)
{
	struct counters before, after;

	self->load.label = "sg";
	self->load.job.path = PAGEWIRE_PATH_SG;
	counters_read(&before, "path/sg");
	run(_metadata, self, job_module);
	counters_read(&after, "path/sg");
	expect_figures(_metadata, self, 0, 0, 0);
	/* passed_bytes is the path's own: both runs, tagged or not. */
	EXPECT_EQ(2 * SIZE, self->got.v[PASSED]);
	EXPECT_EQ(2 * SIZE, counter(&after, "passed_bytes") - counter(&before, "passed_bytes"));
	EXPECT_EQ(1, self->got.v[SYSCALLS]);
}

static bool tls_start(struct pair pair)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info = { .version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
		.iv = "iviviviv",
		.key = "keykeykeykeykeyk",
		.salt = "salt",
	};

	return !setsockopt(pair.tx, IPPROTO_TCP, TCP_ULP, "tls", 4) &&
	       !setsockopt(pair.rx, IPPROTO_TCP, TCP_ULP, "tls", 4) &&
	       !setsockopt(pair.tx, SOL_TLS, TLS_TX, &info, sizeof(info)) &&
	       !setsockopt(pair.rx, SOL_TLS, TLS_RX, &info, sizeof(info));
}

#define NO_TLS "kTLS: no module tls, or no AES-GCM, on this kernel"

/* A record of 16 KiB has 5 bytes of header, the type and a tag: 22 bytes. */
static void expect_records(struct __test_metadata *_metadata, FIXTURE_DATA(seen) * self)
{
	uint64_t sent = self->got.v[TX_KERNEL] + self->got.v[TX_LINEAR];

	EXPECT_EQ(0, self->got.v[PASSED]);
	EXPECT_LE(SIZE + 22 * RECORDS, sent);
	/* A record may end early, where a page or a call does. */
	EXPECT_GE(SIZE + 22 * (RECORDS + SIZE / 4096), sent);
	seen_print(&self->got, "seen");
}

TEST_F(seen, tls_write_encrypts_what_was_copied)
{
	if (!tls_start(self->pair))
		SKIP(return, NO_TLS);
	run(_metadata, self, job_read_write);
	/* The CPU writes each byte once more when it encrypts; records may be encrypted in place. */
	EXPECT_EQ(SIZE, self->got.v[TO_USER]);
	EXPECT_LE(SIZE, self->got.v[FROM_USER] + self->got.v[IN_KERNEL]);
	expect_records(_metadata, self);
}

TEST_F(seen, tls_sendfile_shows_its_copy)
{
	if (!tls_start(self->pair))
		SKIP(return, NO_TLS);
	run(_metadata, self, job_sendfile);
	EXPECT_EQ(0, self->got.v[TO_USER]);
	EXPECT_EQ(0, self->got.v[FROM_USER]);
	/* Header, type and tag may be counted with the payload. */
	EXPECT_LE(SIZE, self->got.v[IN_KERNEL]);
	EXPECT_GE(SIZE + 22 * (RECORDS + SIZE / 4096), self->got.v[IN_KERNEL]);
	expect_records(_metadata, self);
}

TEST_HARNESS_MAIN
