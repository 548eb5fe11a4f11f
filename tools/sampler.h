/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Feeds a progress bar from what the socket has taken, as a thread of its own:
 * a path that moves everything in one call needn't be cut into pieces for it.
 */
#ifndef PAGEWIRE_TOOLS_SAMPLER_H
#define PAGEWIRE_TOOLS_SAMPLER_H

#include "out.h"

struct sampler;

/* NULL when there is no bar to feed, or no thread to be had. */
struct sampler *sampler_start(struct out_progress *progress, int socket);
void sampler_stop(struct sampler *sampler);

#endif
