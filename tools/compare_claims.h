/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What articles on zero-copy say of the paths -- that read and write take 4 switches and 4
 * copies, for one -- held against what was counted.
 */
#ifndef PAGEWIRE_TOOLS_COMPARE_CLAIMS_H
#define PAGEWIRE_TOOLS_COMPARE_CLAIMS_H

#include "compare.h"

struct json_object;

enum agreement {
	AGREES,
	DIFFERS,
	NOT_SHOWN, /* the kernel hides it */
	NO_CLAIM,
};

struct claim {
	const char *path;
	const char *of;		/* as the article calls it */
	int switches;		/* of a transfer between user and kernel; -1: no claim */
	int cpu_copies;		/* of each byte; -1 */
	int dma_copies;		/* of each byte, from the disk and to the network; -1 */
	bool past_cache;	/* the page cache has no part in it */
	const char *more_calls; /* why the path makes more of them than the article counts */
};

struct claim_check {
	const struct claim *claim;
	double switches, copies, dma_in; /* counted, in the same units; -1: hidden */
	enum agreement on_switches, on_copies, on_cache;
	char why[768]; /* what doesn't agree, and why; or "" */
};

/* False: there is no claim about this path, or nothing was counted. */
bool claim_check(const struct trial *trial, const struct series *series, struct claim_check *check);

/* Below the table of a trial: all paths that have a claim. */
void claims_table(const struct comparison *comparison, const struct trial *trial);

/* NULL where claim_check() says false. */
struct json_object *claims_json(const struct trial *trial, const struct series *series);

#endif
