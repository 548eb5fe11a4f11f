/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers on the command line. */
#ifndef PAGEWIRE_TOOLS_ARGS_H
#define PAGEWIRE_TOOLS_ARGS_H

#include <stdbool.h>
#include <stdint.h>

/* "4096", "4K", "4KiB", "1M", "5G", "1T": powers of 1024. False if it is no such number. */
bool args_size(const char *text, uint64_t *size);

/* A number of at least @least, without a unit. */
bool args_count(const char *text, unsigned int least, unsigned int *count);

/* Seconds, a fraction allowed, more than 0. */
bool args_seconds(const char *text, double *seconds);

#endif
