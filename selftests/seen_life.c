// SPDX-License-Identifier: GPL-2.0
/*
 * Whose work is counted, and from when to when: threads, children, exec, two at
 * once, the receiver; a task that is killed, a tag taken back in the middle.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fixture.h"
#include "seen.h"

#define SIZE	(1 * MIB)
#define BLOCK	(16 * KIB)
#define CALLS	(SIZE / BLOCK)
#define THREADS 4
#define ROUNDS	6

FIXTURE(life)
{
	int device;
	struct testfile file;
	struct job job;
	unsigned int rest_ms;
};

FIXTURE_SETUP(life)
{
	const char *dir = test_dir(0);
	unsigned int i;

	for (i = 0; test_dir(i); i++) {
		if (dir_is_tmpfs(test_dir(i)))
			dir = test_dir(i);
	}
	self->rest_ms = rest_ms();
	self->device = device_open();
	testfile_create(&self->file, dir, SIZE, FILE_SEED);
	self->job = (struct job){
		.file = self->file.fd,
		.socket = -1,
		.size = SIZE,
		.block = BLOCK,
		.buffer = aligned_alloc(4096, BLOCK),
	};
	memset(self->job.buffer, 1, BLOCK);
}

FIXTURE_TEARDOWN(life)
{
	close(self->device);
	free(self->job.buffer);
	testfile_close(&self->file);
	expect_rest(_metadata, self->rest_ms);
}

/* Runs @run tagged and returns its figures; @calls: how many it counted itself, or NULL. */
static struct seen run(struct __test_metadata *_metadata, FIXTURE_DATA(life) * self,
		       int (*run)(struct job *j), uint32_t flags, uint64_t *calls)
{
	struct workload load = {
		.run = run, .job = self->job, .label = "test-life", .flags = flags
	};
	struct worker w;
	struct seen before, got;

	seen_read(&before, load.label);
	worker_start(&w, &load);
	EXPECT_EQ(0, worker_end(&w, &load));
	got = seen_since(&before, load.label);
	EXPECT_EQ(0, got.v[MISSED]);
	seen_print(&got, "seen");
	if (calls)
		*calls = w.shared->calls;
	return got;
}

/* --- threads and processes --- */

/* Threads of one worker: begun in the run before the tag, for their beginning isn't the job. */
static struct {
	bool begun;
	volatile bool go;
	volatile unsigned int ended;
	struct job *job;
	struct job each[THREADS];
	uint8_t buffers[THREADS][BLOCK];
} crew;

static void *crew_member(void *argument)
{
	struct job *j = argument;

	while (!crew.go)
		__builtin_ia32_pause();
	job_read(j);
	__atomic_add_fetch(&crew.ended, 1, __ATOMIC_SEQ_CST);
	while (1)
		__builtin_ia32_pause();
	return NULL;
}

static int job_threads(struct job *j)
{
	pthread_t thread;
	unsigned int i;

	if (!crew.begun) {
		crew.begun = true;
		memset(crew.buffers, 1, sizeof(crew.buffers));
		for (i = 0; i < THREADS; i++) {
			crew.each[i] = *j;
			crew.each[i].buffer = crew.buffers[i];
			crew.each[i].calls = 0;
			if (pthread_create(&thread, NULL, crew_member, crew.each + i))
				return -EAGAIN;
		}
		return 0;
	}
	crew.go = true;
	while (crew.ended < THREADS)
		__builtin_ia32_pause();
	for (i = 0; i < THREADS; i++)
		j->calls += crew.each[i].calls;
	return 0;
}

TEST_F(life, all_threads_of_a_process_are_counted_together)
{
	uint64_t calls;
	struct seen got = run(_metadata, self, job_threads, 0, &calls);

	EXPECT_EQ(THREADS * CALLS, calls);
	EXPECT_EQ(THREADS * CALLS, got.v[SYSCALLS]);
	EXPECT_EQ(THREADS * SIZE, got.v[TO_USER]);
	EXPECT_EQ(0, got.v[FROM_USER]);
	EXPECT_EQ(0, got.v[IN_KERNEL]);
}

/* The child reads the file, and so does its child, if @deeper. */
static int fork_and_read(struct job *j, bool deeper)
{
	struct job of_child = *j;
	pid_t pid;
	int status;

	j->calls++;
	pid = syscall(SYS_fork);
	if (!pid) {
		status = job_read(&of_child);
		if (deeper && !status)
			status = fork_and_read(&of_child, false);
		syscall(SYS_exit_group, status ? 1 : 0);
	}
	j->calls++;
	if (syscall(SYS_wait4, pid, &status, 0, NULL) != pid)
		return -errno;
	return status ? -EIO : 0;
}

static int job_fork(struct job *j)
{
	return fork_and_read(j, true);
}

TEST_F(life, a_child_is_not_counted_unless_asked_for)
{
	struct seen got = run(_metadata, self, job_fork, 0, NULL);

	EXPECT_EQ(2, got.v[SYSCALLS]);
	EXPECT_EQ(0, got.v[TO_USER]);
}

TEST_F(life, children_and_their_children_are_counted_if_asked_for)
{
	struct seen got = run(_metadata, self, job_fork, PAGEWIRE_TAG_CHILDREN, NULL);

	/* fork and wait, twice; two processes that read and exit. */
	EXPECT_EQ(4 + 2 * CALLS + 2, got.v[SYSCALLS]);
	EXPECT_EQ(2 * SIZE, got.v[TO_USER]);
	/* A fork ends twice, an exit not at all. */
	EXPECT_EQ(2 * (got.v[SYSCALLS] + got.v[USER_FAULTS]), got.v[MODE_SWITCHES]);
}

TEST_F(life, a_child_that_outlives_its_parent_is_counted)
{
	struct shared *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct seen before, got;
	pid_t pid;

	seen_read(&before, "test-life");
	pid = fork();
	if (!pid) {
		if (job_tag(self->device, "test-life", 0, PAGEWIRE_TAG_CHILDREN))
			_exit(1);
		if (!fork()) {
			while (!s->go_on)
				sleep_ms(5);
			s->error = job_read(&self->job);
			s->done = 1;
		}
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &s->error, 0));
	EXPECT_EQ(0, s->error);
	s->go_on = 1;
	while (!s->done)
		sleep_ms(5);
	EXPECT_EQ(0, s->error);
	got = seen_since(&before, "test-life");
	EXPECT_EQ(SIZE, got.v[TO_USER]);
}

TEST_F(life, a_tag_outlives_exec)
{
	struct seen before, got;
	int status;
	pid_t pid;

	seen_read(&before, "test-life");
	pid = fork();
	if (!pid) {
		/* The parent holds the same description: the close by exec isn't the last. */
		if (dup2(self->file.fd, 0) || lseek(0, 0, SEEK_SET) ||
		    job_tag(self->device, "test-life", 0, 0))
			_exit(1);
		execlp("dd", "dd", "of=/dev/null", "bs=16k", "status=none", NULL);
		_exit(2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	got = seen_since(&before, "test-life");
	seen_print(&got, "seen");
	/* What the loader of programs reads comes on top: headers, tables of locales. */
	EXPECT_LE(SIZE, got.v[TO_USER]);
	EXPECT_GE(SIZE + 256 * KIB, got.v[TO_USER]);
	EXPECT_LE(CALLS, got.v[SYSCALLS]);
	EXPECT_GE(CALLS + 300, got.v[SYSCALLS]);
}

/* --- two at once --- */

static int job_receive(struct job *j)
{
	size_t got = 0;

	while (got < j->size) {
		ssize_t n = recv(j->socket, j->buffer, j->block, 0);

		j->calls++;
		if (n <= 0)
			return n ? -errno : -EPIPE;
		got += n;
	}
	return 0;
}

TEST_F(life, two_tagged_processes_don_t_mix)
{
	struct pair pair = pair_open(AF_INET, 4 << 20, 4 << 20);
	struct workload loads[2] = {
		{ .run = job_sendfile, .job = self->job, .label = "test-sender", .cold = true },
		{ .run = job_receive, .job = self->job, .label = "test-receiver", .cold = true },
	};
	struct worker workers[2];
	struct seen before[2], got[2];
	unsigned int i;

	loads[0].job.socket = pair.tx;
	loads[1].job.socket = pair.rx;
	for (i = 0; i < 2; i++) {
		seen_read(before + i, loads[i].label);
		worker_start(workers + i, loads + i);
	}
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, worker_end(workers + i, loads + i));
	for (i = 0; i < 2; i++) {
		got[i] = seen_since(before + i, loads[i].label);
		seen_print(got + i, loads[i].label);
		EXPECT_EQ(workers[i].shared->calls, got[i].v[SYSCALLS]);
		EXPECT_EQ(0, got[i].v[FROM_USER]);
		EXPECT_EQ(0, got[i].v[IN_KERNEL]);
		EXPECT_EQ(0, got[i].v[MISSED]);
	}
	EXPECT_EQ(0, got[0].v[TO_USER]);
	EXPECT_EQ(SIZE, got[0].v[PASSED]);
	EXPECT_EQ(SIZE, got[1].v[TO_USER]);
	EXPECT_EQ(0, got[1].v[PASSED] + got[1].v[TX_KERNEL] + got[1].v[TX_LINEAR]);
	pair_close(&pair);
}

/* --- a process on strings: it reads as often as it is told to --- */

struct puppet {
	pid_t pid;
	volatile uint64_t *budget;
	volatile uint64_t *calls;
};

static struct puppet puppet_start(struct job *job)
{
	uint64_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct puppet p = { .budget = page, .calls = page + 8 };

	if (page == MAP_FAILED)
		die("a page of memory");
	p.pid = fork();
	if (p.pid) {
		/* What a child does before it stands still would be counted, too. */
		while (!p.calls[1])
			sleep_ms(1);
		return p;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	p.calls[1] = 1;
	while (1) {
		while (!*p.budget)
			__builtin_ia32_pause();
		if (pread(job->file, job->buffer, job->block, 0) != (ssize_t)job->block)
			_exit(1);
		++*p.calls;
		--*p.budget;
	}
}

static void puppet_run(struct puppet *p, uint64_t calls)
{
	*p->budget = calls;
	while (*p->budget)
		sleep_ms(2);
}

static void puppet_kill(struct puppet *p)
{
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
}

static void expect_reads(struct __test_metadata *_metadata, const struct seen *before,
			 uint64_t reads)
{
	struct seen got = seen_since(before, "test-life");

	EXPECT_EQ(reads, got.v[SYSCALLS]);
	EXPECT_EQ(reads * BLOCK, got.v[TO_USER]);
}

TEST_F(life, counted_from_tag_to_untag_and_not_before_or_after)
{
	struct puppet p = puppet_start(&self->job);
	struct seen before;
	unsigned int round;

	puppet_run(&p, 5);
	for (round = 0; round < 3; round++) {
		seen_read(&before, "test-life");
		ASSERT_EQ(0, job_tag(self->device, "test-life", p.pid, 0));
		expect_reads(_metadata, &before, 0);
		puppet_run(&p, 7);
		expect_reads(_metadata, &before, 7);
		ASSERT_EQ(0, job_untag(self->device));
		puppet_run(&p, 11);
		expect_reads(_metadata, &before, 7);
	}
	puppet_kill(&p);
}

TEST_F(life, closing_the_device_takes_the_tag_back)
{
	struct puppet p = puppet_start(&self->job);
	int device = device_open(), again = dup(device);
	struct seen before;

	seen_read(&before, "test-life");
	ASSERT_EQ(0, job_tag(device, "test-life", p.pid, 0));
	/* Not the last close of the description. */
	close(device);
	puppet_run(&p, 3);
	expect_reads(_metadata, &before, 3);
	close(again);
	puppet_run(&p, 5);
	expect_reads(_metadata, &before, 3);
	EXPECT_EQ(0, job_tag(self->device, "test-life", p.pid, 0));
	puppet_kill(&p);
}

TEST_F(life, untag_takes_back_all_tags_of_the_description)
{
	struct puppet p = puppet_start(&self->job), q = puppet_start(&self->job);
	struct seen before;

	seen_read(&before, "test-life");
	ASSERT_EQ(0, job_tag(self->device, "test-life", p.pid, 0));
	ASSERT_EQ(0, job_tag(self->device, "test-life", q.pid, 0));
	puppet_run(&p, 3);
	puppet_run(&q, 4);
	expect_reads(_metadata, &before, 7);
	ASSERT_EQ(0, job_untag(self->device));
	puppet_run(&p, 3);
	puppet_run(&q, 4);
	expect_reads(_metadata, &before, 7);
	EXPECT_EQ(0, job_tag(self->device, "test-life", q.pid, 0));
	puppet_kill(&p);
	puppet_kill(&q);
}

TEST_F(life, a_task_killed_in_the_middle_leaves_nothing)
{
	struct seen before, got;
	unsigned int round;
	struct puppet p;

	for (round = 0; round < 5; round++) {
		seen_read(&before, "test-life");
		p = puppet_start(&self->job);
		ASSERT_EQ(0, job_tag(self->device, "test-life", p.pid, 0));
		*p.budget = UINT64_MAX;
		while (*p.calls < 20)
			sleep_ms(2);
		puppet_kill(&p);
		got = seen_since(&before, "test-life");
		/* The last call may have been cut short, in any place. */
		EXPECT_LE(*p.calls, got.v[SYSCALLS]);
		EXPECT_GE(*p.calls + 1, got.v[SYSCALLS]);
		EXPECT_LE(*p.calls * BLOCK, got.v[TO_USER]);
		EXPECT_GE((*p.calls + 1) * BLOCK, got.v[TO_USER]);
		EXPECT_EQ(-ESRCH, job_tag(self->device, "test-life", p.pid, 0));
	}
	ASSERT_EQ(0, job_untag(self->device));
}

TEST_F_TIMEOUT(life, a_tag_that_comes_and_goes_while_calls_are_in_flight, 120)
{
	struct seen start, got, last;
	struct puppet p = puppet_start(&self->job), other = puppet_start(&self->job);
	int second = device_open();
	unsigned int round, i;

	seen_read(&start, "test-life");
	last = start;
	*p.budget = UINT64_MAX;
	for (round = 0; round < 2 * ROUNDS; round++) {
		/* Half of the rounds, another tag keeps the probes armed meanwhile. */
		if (round == ROUNDS)
			ASSERT_EQ(0, job_tag(second, "test-other", other.pid, 0));
		ASSERT_EQ(0, job_tag(self->device, "test-life", p.pid, 0));
		sleep_ms(round % 4);
		ASSERT_EQ(0, job_untag(self->device));
		seen_read(&got, "test-life");
		for (i = 0; i < NR_SEEN; i++)
			EXPECT_LE(last.v[i], got.v[i]);
		last = got;
	}
	got = seen_since(&start, "test-life");
	seen_print(&got, "seen");
	EXPECT_LE(got.v[SYSCALLS], *p.calls + 1);
	EXPECT_LE(got.v[TO_USER], (*p.calls + 1) * BLOCK);
	/* Of each round, one call may have been cut at its beginning and one at its end. */
	EXPECT_LE(got.v[TO_USER], (got.v[SYSCALLS] + 2 * ROUNDS) * BLOCK);
	EXPECT_GE(got.v[TO_USER] + 2 * ROUNDS * BLOCK, got.v[SYSCALLS] * BLOCK);
	EXPECT_LE(got.v[MODE_SWITCHES], 2 * (got.v[SYSCALLS] + got.v[USER_FAULTS]) + 2 * ROUNDS);
	puppet_kill(&p);
	puppet_kill(&other);
	close(second);
}

/* It sleeps in a call when the tag comes, and in the next when it goes. */
TEST_F(life, a_call_that_sleeps_over_tag_and_untag)
{
	int there[2], back[2];
	struct seen before, got;
	uint8_t byte = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(there));
	ASSERT_EQ(0, pipe(back));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
			;
		_exit(0);
	}
	seen_read(&before, "test-life");
	sleep_ms(50);
	ASSERT_EQ(0, job_tag(self->device, "test-life", pid, 0));
	ASSERT_EQ(1, write(there[1], &byte, 1));
	ASSERT_EQ(1, read(back[0], &byte, 1));
	sleep_ms(50);
	ASSERT_EQ(0, job_untag(self->device));
	got = seen_since(&before, "test-life");
	seen_print(&got, "seen");
	/* The write, and the second read; of the first read, the tag saw the end at most. */
	EXPECT_EQ(2, got.v[SYSCALLS]);
	EXPECT_LE(2, got.v[MODE_SWITCHES]);
	EXPECT_GE(4, got.v[MODE_SWITCHES] - 2 * got.v[USER_FAULTS]);
	EXPECT_GE(1, got.v[TO_USER]);
	EXPECT_EQ(1, got.v[FROM_USER]);
	/* Woken after the tag is gone: nothing more. */
	ASSERT_EQ(1, write(there[1], &byte, 1));
	ASSERT_EQ(1, read(back[0], &byte, 1));
	got = seen_since(&before, "test-life");
	EXPECT_EQ(2, got.v[SYSCALLS]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(life, reset_forgets_the_figures_of_labels)
{
	struct puppet p = puppet_start(&self->job);
	struct seen got;
	unsigned int i;
	int fd;

	ASSERT_EQ(0, job_tag(self->device, "test-life", p.pid, 0));
	puppet_run(&p, 5);
	fd = open("/sys/kernel/debug/pagewire/reset", O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, write(fd, "1", 1));
	close(fd);
	seen_read(&got, "test-life");
	for (i = 0; i < NR_SEEN; i++) {
		/* A process that waits here is given the CPU and loses it all the time. */
		if (i == CTX_SWITCHES || i == CTX_INVOLUNTARY)
			continue;
		EXPECT_EQ(0, got.v[i]);
	}
	puppet_run(&p, 3);
	seen_read(&got, "test-life");
	EXPECT_EQ(3, got.v[SYSCALLS]);
	EXPECT_EQ(3 * BLOCK, got.v[TO_USER]);
	puppet_kill(&p);
}

TEST_HARNESS_MAIN
