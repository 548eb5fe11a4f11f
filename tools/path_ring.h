/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The io_uring of the paths uring-*. There is one, made by the first transfer
 * and kept, as a server keeps it; it is for the thread that made it.
 *
 * Whoever prepares an operation names it by its user data, and gets it back in
 * a completion. Two completions come from a zero-copy send: that it was taken
 * (IORING_CQE_F_MORE), and that the network has no use for its pages any more
 * (IORING_CQE_F_NOTIF).
 */
#ifndef PAGEWIRE_TOOLS_PATH_RING_H
#define PAGEWIRE_TOOLS_PATH_RING_H

#include <liburing.h>

#include "path.h"

/* The most operations between two calls of path_ring_wait(). */
#define PATH_RING_SIZE 128

typedef void path_ring_done(void *arg, const struct io_uring_cqe *cqe);

/* Makes the ring unless it is there. 0 or -errno, the cause in the note. */
int path_ring_open(struct path_outcome *out);

/* Only with nothing in flight but notifications of zero-copy sends. */
void path_ring_close(struct path_outcome *out);

/* Pins memory, from then on buffer 0 of fixed operations. 0 or -errno. */
int path_ring_register(void *memory, size_t length, struct path_outcome *out);

/* The next operation, to be filled in; it starts with path_ring_wait(). */
struct io_uring_sqe *path_ring_next(void);

/* Operations and notifications that have not completed. */
unsigned int path_ring_in_flight(void);

/*
 * Starts what was prepared, waits for @nr completions and calls @done for each
 * that is there: one system call. 0 or -errno, -EINTR among them.
 */
int path_ring_wait(unsigned int nr, path_ring_done *done, void *arg, struct path_outcome *out);

/*
 * After an error: cancels what is in flight, and returns when the kernel uses
 * no descriptor and no memory of it any more, but for pages that wait for
 * their notification. @done is called as ever. True if notifications are due.
 */
bool path_ring_cancel(path_ring_done *done, void *arg, struct path_outcome *out);

#endif
