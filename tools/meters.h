/* SPDX-License-Identifier: GPL-2.0 */
/* The module's counters in debugfs: the only place that reads or resets them. */
#ifndef PAGEWIRE_TOOLS_METERS_H
#define PAGEWIRE_TOOLS_METERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METERS_DEBUGFS	 "/sys/kernel/debug"
#define METERS_DIRECTORY METERS_DEBUGFS "/pagewire"

#define METERS_MAX	 64
#define METERS_NAME_SIZE 40
/* Paths of the module and labels of processes that were tagged. */
#define METERS_MAX_PATHS 96

/* Counters in the order in which the module lists them. */
struct meters {
	char path[METERS_NAME_SIZE]; /* which path or label they are of; "" for gauges and totals */
	size_t count;
	struct meter {
		char name[METERS_NAME_SIZE];
		uint64_t value;
		bool hidden; /* "n/a": this kernel doesn't show it; value is 0 */
	} list[METERS_MAX];
};

/* The meter called @name, or NULL if there is none. */
const struct meter *meters_find(const struct meters *meters, const char *name);

/* Its value, 0 if there is none. */
uint64_t meters_get(const struct meters *meters, const char *name);

/* Its value, -1 if there is none or the kernel hides it. */
int64_t meters_known(const struct meters *meters, const char *name);

/* Those of a path of the module; else of a label. */
bool meters_of_path(const struct meters *meters);

/* Adds @other to @sum, by name. What is hidden in one is hidden in the sum. */
void meters_add(struct meters *sum, const struct meters *other);

/* How far each got from @before to @now, those that a reset made smaller from 0. */
void meters_delta(const struct meters *before, const struct meters *now, struct meters *delta);

/*
 * Names of the paths and labels that have counters, sorted. Returns how many, or -errno
 * when they can't be read: meters_error() explains that one.
 */
int meters_paths(char names[METERS_MAX_PATHS][METERS_NAME_SIZE]);

/* All three: 0 or -errno. -ENOENT: no such path or label yet. */
int meters_read_path(const char *path, struct meters *meters);
int meters_read_gauges(struct meters *meters);
int meters_reset(void);

/* Who asked for copies: a function of the kernel. */
struct meters_place {
	char function[64];
	uint64_t calls, bytes;
};

#define METERS_MAX_PLACES 64

/* Those of a label. Returns how many, or -errno. */
int meters_places(const char *label, struct meters_place places[METERS_MAX_PLACES]);

/* The most bytes first. */
void meters_sort_places(struct meters_place *places, int count);

/* Tells the user why one of the above gave @error (negative), and what to do. */
void meters_error(int error);

/* What stands in the way of reading them. */
enum meters_state {
	METERS_READABLE,
	METERS_NOT_MOUNTED,
	METERS_NO_PERMISSION,
	METERS_NO_MODULE,
};
enum meters_state meters_state(void);
const char *meters_state_text(enum meters_state state);
const char *meters_state_remedy(enum meters_state state);

#endif
