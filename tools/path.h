/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ways of moving a file to a socket: those of user space, each written as
 * its best author would, and those of the module behind the same interface.
 *
 * A path ends with -EINTR when a signal without SA_RESTART arrives in the
 * middle; it does not go on by itself. SIGPIPE is the caller's business.
 */
#ifndef PAGEWIRE_TOOLS_PATH_H
#define PAGEWIRE_TOOLS_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One way of moving a file to a socket. */
struct path_job {
	int file; /* opened for reading */
	const char *file_name;
	uint64_t offset, length; /* the range; length is resolved, never 0 for to-end */
	int socket;
	bool more;				     /* more follows: MSG_MORE semantics */
	void (*progress)(void *arg, uint64_t bytes); /* may be NULL; called now and then */
	void *progress_arg;
};

struct path_outcome {
	uint64_t bytes;	      /* that the socket took, also after an error */
	uint64_t syscalls;    /* counted by the path itself, at each call it makes */
	int64_t copied_bytes; /* -1: not observable by this path */
	int64_t passed_bytes; /* -1: likewise */
	const char *note;     /* NULL or what a reader should know, e.g. kernel said
			       * MSG_ZEROCOPY was copied */
};

struct path {
	const char *name, *summary;
	bool in_kernel; /* drives the module */
	/* 0 or -errno; out is always filled */
	int (*send)(const struct path_job *job, struct path_outcome *out);
	/* NULL: it works wherever its system calls do. Else asks this kernel, and whatever
	 * holds the file: NULL, or why the path isn't to be had. */
	const char *(*unavailable)(int file);
};

extern const struct path paths[];
extern const size_t nr_paths;

const struct path *path_find(const char *name);

#endif
