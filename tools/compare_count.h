/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The counting round of a comparison: the sending process is tagged with the
 * path's name while it sends, and only then.
 */
#ifndef PAGEWIRE_TOOLS_COMPARE_COUNT_H
#define PAGEWIRE_TOOLS_COMPARE_COUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "meters.h"

struct counter {
	int device;    /* tags the sender, -1: nothing is counted */
	int keeper;    /* tags the receiver all the time: so the probes stay where they are */
	char why[160]; /* nothing is counted, or "" */
	struct meters before;
};

/* Makes ready, or sets counter->why. */
void counter_open(struct counter *counter, pid_t receiver);
void counter_close(struct counter *counter);

/* Reads the counters of @label as they are before, and after all that was sent has arrived. */
bool counter_before(struct counter *counter, const char *label);
bool counter_after(struct counter *counter, const char *label, struct meters *delta);

/* Around the work itself; neither call is counted. */
void counter_begin(struct counter *counter, const char *label);
void counter_end(struct counter *counter);

#endif
