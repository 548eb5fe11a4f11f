/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/pagewire: the only place that opens it and speaks its ioctls. */
#ifndef PAGEWIRE_TOOLS_DEV_H
#define PAGEWIRE_TOOLS_DEV_H

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

/* What an enum pagewire_reason means, in words; never NULL. */
const char *dev_reason(unsigned int reason);

/* What to do about it, or NULL. */
const char *dev_reason_remedy(unsigned int reason);

/* Short name of a reason for bytes being copied, as debugfs spells it. */
const char *dev_reason_name(unsigned int reason);

#endif
