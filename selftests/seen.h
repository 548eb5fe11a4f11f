/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module saw tagged processes do, and workers that do known work
 * while they are tagged.
 */
#ifndef PAGEWIRE_TEST_SEEN_H
#define PAGEWIRE_TEST_SEEN_H

#include "jobs.h"
#include "lib.h"

/* The order of the lines in path/LABEL. */
enum seen_name {
	SYSCALLS,
	USER_FAULTS,
	KERNEL_FAULTS,
	MODE_SWITCHES,
	CTX_SWITCHES,
	CTX_INVOLUNTARY,
	TO_USER,
	FROM_USER,
	IN_KERNEL,
	COPIES,
	UNDONE,
	PASSED,
	TX_KERNEL,
	TX_LINEAR,
	RETRANSMITTED,
	DMA_IN,
	DMA_IN_CACHE,
	DMA_IN_USER,
	MISSED,
	NR_SEEN,
};

extern const char *const seen_names[NR_SEEN];

struct seen {
	uint64_t v[NR_SEEN];
	uint32_t hidden; /* bits 1u << enum seen_name: n/a */
};

/* A label that nobody has used yet is all zero. */
void seen_read(struct seen *s, const char *label);
/* How far the figures went since @before. */
struct seen seen_since(const struct seen *before, const char *label);
/* All figures on one line, for a test that failed. */
void seen_print(const struct seen *s, const char *what);

/*
 * A process that tags itself, does a job, waits (without a system call) until it may go on,
 * and takes the tag back: the figures are those of the job alone. The job
 * runs once before the tag, so that no page is met for the first time.
 */
struct shared {
	volatile uint32_t done;
	volatile uint32_t go_on;
	int error;
	uint64_t calls;
};

struct worker {
	pid_t pid;
	int device;
	struct shared *shared;
};

struct workload {
	int (*run)(struct job *j);
	struct job job;
	bool cold; /* no run before the tag */
	const char *label;
	uint32_t flags;
};

/* @device: a descriptor of the device that only this worker uses, opened by this. */
void worker_start(struct worker *w, const struct workload *load);
/* Waits until the job is done, and everything sent has been acknowledged; then the tag goes. */
int worker_end(struct worker *w, const struct workload *load);

#endif
