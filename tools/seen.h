/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's probes saw a process do (the meters of a label), as the
 * figures that people ask for. -1: the kernel hides what it takes.
 */
#ifndef PAGEWIRE_TOOLS_SEEN_H
#define PAGEWIRE_TOOLS_SEEN_H

#include <stdint.h>

#include "meters.h"

/* Payload that TCP transmitted, each byte once. */
int64_t seen_sent(const struct meters *meters);

/* Copied by the CPU, a byte that is copied twice twice; undone zero-copy among it. */
int64_t seen_copied(const struct meters *meters);

/*
 * What of the bytes sent the CPU copied on their way into the socket; the rest went by
 * descriptor. Pages of the kernel's own were copied into, unless a direct read filled them.
 */
int64_t seen_sent_copied(const struct meters *meters);

/* A value of these, or "n/a". */
#define SEEN_TEXT_SIZE 32
const char *seen_number(char text[SEEN_TEXT_SIZE], int64_t value);
const char *seen_bytes(char text[SEEN_TEXT_SIZE], int64_t value);

#endif
