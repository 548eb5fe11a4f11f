/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A comparison: every path sends the same bytes in every round. Measuring
 * (compare.c) is apart from showing (compare_table.c, compare_data.c).
 */
#ifndef PAGEWIRE_TOOLS_COMPARE_H
#define PAGEWIRE_TOOLS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare_count.h"
#include "meters.h"
#include "path.h"
#include "place.h"

#define COMPARE_MAX_SIZES 16

/* What one path did in one round. */
struct sample {
	bool valid;
	double seconds;	     /* from the first call until the receiver has all */
	double cpu;	     /* seconds of the sending process, user and system */
	double receiver_cpu; /* likewise of the receiving process */
	double cached;	     /* part of the bytes in the page cache before; -1: unknown */
	uint64_t syscalls;
	uint64_t voluntary, involuntary; /* context switches of the sender */
	int64_t copied, passed;		 /* bytes, -1: unknown */
};

/* One path at one size. */
struct series {
	const struct path *path;
	struct sample *samples;	 /* one for each round */
	bool verified;		 /* every byte compared, in a round of its own */
	bool differs;		 /* the receiver got other bytes */
	int error;		 /* 0 or -errno: it takes no part any more */
	const char *unavailable; /* why it takes no part at all, or NULL */
	const char *note;	 /* what the path said last, or NULL */
	bool was_counted;	 /* by the module's probes, in a round of its own */
	struct meters counted;	 /* of that round */
};

/* All paths at one size of a transfer. */
struct trial {
	uint64_t size;	       /* bytes of one transfer */
	uint64_t transfers;    /* in a round, one after the other */
	uint64_t bytes;	       /* of a round */
	uint64_t checksum;     /* of these */
	struct series *series; /* one for each path */
};

struct comparison {
	/* asked for */
	const char *file_name;
	uint64_t sizes[COMPARE_MAX_SIZES]; /* 0: the whole file */
	size_t nr_sizes;
	const struct path **paths;
	size_t nr_paths;
	bool paths_named; /* by the user: a missing one is an error */
	unsigned int repeat;
	bool cold, verify;
	/* found */
	int file;
	uint64_t file_size;
	struct place place;
	double cached; /* part of the file in the page cache, hot: at the start; -1: unknown */
	int sender_cpu, receiver_cpu; /* -1: not bound */
	struct counter counter;
	const char *counting; /* label of the path that is being counted, or NULL */
	struct trial trials[COMPARE_MAX_SIZES];
	size_t nr_trials;
};

/* Measures everything. An enum exit_code, after any error was told. */
int compare_run(struct comparison *comparison);

/* Median over the valid samples; false if there are none, or none is known. */
bool compare_median(const struct comparison *comparison, const struct series *series,
		    double (*figure)(const struct trial *, const struct sample *),
		    const struct trial *trial, double *median);

/* Median of the ratios of CPU time to sendfile's in the same round. */
bool compare_ratio(const struct comparison *comparison, const struct trial *trial,
		   const struct series *series, double *ratio);

/* Figures of a sample for compare_median(); negative: unknown. */
double compare_rate(const struct trial *trial, const struct sample *sample);	    /* bytes/s */
double compare_cpu_per_gib(const struct trial *trial, const struct sample *sample); /* ms */
double compare_syscalls(const struct trial *trial, const struct sample *sample);
double compare_switches(const struct trial *trial, const struct sample *sample);
double compare_copied(const struct trial *trial, const struct sample *sample);
double compare_passed(const struct trial *trial, const struct sample *sample);

/* Cold: the largest part that stayed in the page cache before any round; -1: unknown. */
double compare_stayed(const struct comparison *comparison);

/* Counted by the probes or, without them, the median of what the path says; false: unknown. */
bool compare_syscalls_of(const struct comparison *comparison, const struct trial *trial,
			 const struct series *series, double *syscalls);
bool compare_copied_of(const struct comparison *comparison, const struct trial *trial,
		       const struct series *series, double *bytes);
bool compare_passed_of(const struct comparison *comparison, const struct trial *trial,
		       const struct series *series, double *bytes);

/* Text that may be long, in lines that are not, each one indented. */
void compare_paragraph(const char *text);

/* The ways of showing it. */
void compare_table(const struct comparison *comparison);
void compare_json(const struct comparison *comparison);
void compare_csv(const struct comparison *comparison);

#endif
