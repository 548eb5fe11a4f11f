/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sink: a batch of descriptors goes to a TCP socket. The only code that knows
 * the network.
 *
 * Order at a socket. Every transfer waits for its turn: turns are kept in
 * lists, hashed by socket, in the order in which they were asked for, and the
 * first of a socket's turns has it. Turns of one socket are so held by one
 * thread at a time, which is all the exclusion that this file needs; the
 * socket's own lock is taken inside the calls to TCP and never held here
 * while anything of ours is taken.
 *
 * Page-cache pages are never marked as private to an skb, and they go to no
 * protocol but TCP and kTLS on it, for others have been seen to write to
 * what they were given.
 */
#ifndef PAGEWIRE_SINK_H
#define PAGEWIRE_SINK_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/types.h>

#include "batch.h"

struct seq_file;
struct socket;
struct file;

/**
 * struct pw_sink - one transfer's hold on a socket
 * @file: the socket's file; the reference keeps the socket
 * @sock: the socket
 * @node: place in the list of turns, or empty; guarded by that list's lock
 * @mine: all completed when the turn has come, under the lock of the list
 * @left: what is left of SO_SNDTIMEO since the last progress
 */
struct pw_sink {
	struct file *file;
	struct socket *sock;
	struct list_head node;
	struct completion mine;
	long left;
};

/*
 * Takes a reference on fd's file and checks that it is a socket we may use.
 * 0, or a negative errno with *reason set. May sleep.
 */
int pw_sink_open(struct pw_sink *sink, int fd, u32 *reason);
void pw_sink_close(struct pw_sink *sink);

/*
 * Why the socket would copy what it is given by descriptor just now: an enum
 * pagewire_reason, or 0 if it would not.
 */
unsigned int pw_sink_copies(const struct pw_sink *sink);

/*
 * Waits for the turn. 0, -EAGAIN (non-blocking, or SO_SNDTIMEO) or -EINTR.
 * *slept tells whether it slept. Whatever it returns, pw_sink_leave() must
 * follow. May sleep.
 */
int pw_sink_enter(struct pw_sink *sink, bool *slept);
void pw_sink_leave(struct pw_sink *sink);

/*
 * Hands the front of the batch to the socket without waiting. Bytes taken
 * (may be fewer than the batch has), or a negative errno; -EAGAIN when there
 * is no room. Consumes nothing of the batch. May sleep for memory.
 */
ssize_t pw_sink_send(struct pw_sink *sink, struct pw_batch *batch, bool more);

/*
 * Waits for room, as long as SO_SNDTIMEO allows without progress. 0, -EAGAIN,
 * -EINTR or the socket's error. stalls: how often in a row waiting did not
 * help. *slept: it did sleep.
 */
int pw_sink_wait(struct pw_sink *sink, unsigned int stalls, bool *slept);

/* Sends what "more" kept back, when nothing more will come after all. */
void pw_sink_push(struct pw_sink *sink);

/* "ADDRESS:PORT" of the peer, for people. Doesn't sleep. */
void pw_sink_show_peer(struct seq_file *m, const struct pw_sink *sink);

void pw_sink_init(void);

#endif /* PAGEWIRE_SINK_H */
