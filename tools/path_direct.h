/* SPDX-License-Identifier: GPL-2.0 */
/* A file that is read directly: past the page cache, in whole blocks. */
#ifndef PAGEWIRE_TOOLS_PATH_DIRECT_H
#define PAGEWIRE_TOOLS_PATH_DIRECT_H

#include "path.h"

struct path_direct {
	int file;
	uint32_t block; /* offsets and lengths of reads are multiples of it; a power of two */
	bool certain;	/* the kernel says that it reads this file directly */
};

/*
 * Opens the job's file once more, for direct reading: its own descriptor stays
 * as it is. 0 or -errno, the cause in the note.
 */
int path_direct_open(const struct path_job *job, struct path_direct *direct,
		     struct path_outcome *out);
void path_direct_close(struct path_direct *direct, struct path_outcome *out);

#endif
