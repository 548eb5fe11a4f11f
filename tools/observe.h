/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process did while it was tagged, and what that means. Observing
 * (cmd_observe.c) is apart from judging and showing (observe.c).
 */
#ifndef PAGEWIRE_TOOLS_OBSERVE_H
#define PAGEWIRE_TOOLS_OBSERVE_H

#include <sys/types.h>

#include "meters.h"

struct observation {
	const char *label;
	pid_t pid;
	char **command;	   /* NULL: a process that ran already */
	double seconds;	   /* that it was tagged */
	const char *ended; /* how that ended: "exited", "killed", "interrupted" */
	int status;	   /* of the command, 128 + signal if one killed it; -1: unknown */
	struct meters counts;
	struct meters_place places[METERS_MAX_PLACES];
	int nr_places;
};

/* At the end. */
void observe_text(const struct observation *observation);
void observe_json(const struct observation *observation);

/* What was counted between two moments, @seconds after the tag. */
void observe_interval_heading(void);
void observe_interval_text(double seconds, const struct meters *delta);
void observe_interval_json(double seconds, const struct meters *delta);

#endif
