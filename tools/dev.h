/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/pagewire: the only place that opens it and speaks its ioctls. */
#ifndef PAGEWIRE_TOOLS_DEV_H
#define PAGEWIRE_TOOLS_DEV_H

#include <stdbool.h>
#include <sys/types.h>

#include <linux/pagewire.h>

#define DEV_NAME "/dev/pagewire"

/* A descriptor of the device, or -errno. Says nothing. */
int dev_open(void);

/* Tells the user why dev_open() gave @error (negative), and what to do. */
void dev_open_error(int error);

/* 0, or -errno: -ENOTTY from something that isn't this module. */
int dev_features(int dev, struct pagewire_features *features);

/*
 * Runs one transfer. 0: it ran, and request->result says how it ended.
 * -errno: it was refused and nothing was sent; request->result names the rule
 * and the segment, except after -ENOTTY and an -EFAULT on the structure.
 */
int dev_send(int dev, struct pagewire_send *request);

/*
 * Counts what process @pid does (0: this one) under @label until dev_untag() or the last
 * close of @dev; @children: those that it forks from now on as well. 0 or -errno.
 */
int dev_tag(int dev, const char *label, pid_t pid, bool children);
int dev_untag(int dev);

/* Tells the user why dev_tag() gave @error (negative), and what to do. */
void dev_tag_error(int error, const char *label, pid_t pid);

/* What an enum pagewire_reason means, in words; never NULL. */
const char *dev_reason(unsigned int reason);

/* What to do about it, or NULL. */
const char *dev_reason_remedy(unsigned int reason);

/* Short name of a reason for bytes being copied, as debugfs spells it. */
const char *dev_reason_name(unsigned int reason);

#endif
