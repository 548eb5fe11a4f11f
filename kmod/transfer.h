/* SPDX-License-Identifier: GPL-2.0 */
/*
 * transfer: an ordered list of segments that goes to one socket.
 *
 * Who holds what, by state. All of it belongs to the thread in the ioctl; the
 * list of live transfers only lets others look.
 *
 *   state    queue  file and   pages of    turn at   on the
 *            slot   socket     the batch   socket    live list
 *   new      yes    as added   -           -         -
 *   queued   yes    yes        -           waiting   yes
 *   disk     yes    yes        none *      yes       yes
 *   sending  yes    yes        yes         yes       yes
 *   socket   yes    yes        yes         yes       yes
 *   (freed)  -      -          -           -         -
 *
 *   * a transfer sleeps for the disk with an empty batch, but for a reference
 *     on the folio that it waits for
 *
 * What ends each wait: "queued": the turn, SO_SNDTIMEO, a signal. "disk": the
 * I/O, a fatal signal. "socket": room, SO_SNDTIMEO, a signal, the peer, a
 * shutdown. Closing the device can't come in between, for the ioctl holds its
 * file; that file holds the module.
 */
#ifndef PAGEWIRE_TRANSFER_H
#define PAGEWIRE_TRANSFER_H

#include <linux/errno.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/pagewire.h>

#include "batch.h"
#include "meter.h"
#include "sink.h"
#include "source.h"

struct pw_queue;
struct seq_file;

enum pw_state {
	PW_STATE_QUEUED,
	PW_STATE_DISK,
	PW_STATE_SENDING,
	PW_STATE_SOCKET,
};

/* A header, a file and a trailer take no allocation of their own. */
#define PW_FEW_SEGMENTS	3

/**
 * struct pw_transfer - one transfer
 * @live: on the list of live transfers; guarded by its lock
 * @queue: who asked
 * @id: number for tracing, never used twice
 * @path: enum pagewire_path, one that has meters
 * @flags: PAGEWIRE_SEND_*
 * @nr: number of segments
 * @segments: the segments
 * @filling: number of the segment that goes into batches next
 * @missed: index of the page whose miss was counted last; one miss is one,
 *	though it may be met twice
 * @charged: bytes charged to the user
 * @corked: the last bytes went with MSG_MORE, or others were to follow
 * @total: bytes of all segments, as they were checked, or U64_MAX if more
 * @state: for people; written by the owner, read by anyone
 * @pid: thread group of the caller
 * @comm: and its name
 * @batch: descriptors on their way
 * @memory: caller memory
 * @sink: the socket
 * @result: what it did so far; read by anyone, for people
 * @few: where @segments points if that is enough
 */
struct pw_transfer {
	struct list_head live;
	struct pw_queue *queue;
	u64 id;
	u32 path;
	u32 flags;
	u32 nr;
	struct pw_segment *segments;
	u32 filling;
	pgoff_t missed;
	u64 charged;
	bool corked;
	u64 total;
	enum pw_state state;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	struct pw_batch batch;
	struct pw_memory memory;
	struct pw_sink sink;
	struct pagewire_result result;
	struct pw_segment few[PW_FEW_SEGMENTS];
};

/*
 * Building one. new takes a slot of the queue and room for nr segments; the
 * socket and every segment are then added in order; each of these returns 0,
 * or a negative errno and sets result.reason; nothing is sent and nobody
 * else sees the transfer before pw_transfer_run(). free undoes all of it in
 * any state of completion. All may sleep.
 */
struct pw_transfer *pw_transfer_new(struct pw_queue *queue,
				    const struct pagewire_send *req,
				    u32 *reason);	/* or ERR_PTR */
int pw_transfer_add_socket(struct pw_transfer *t, int fd);
int pw_transfer_add_file(struct pw_transfer *t, const struct pagewire_segment *seg);
/* The bytes themselves are put into t->memory by the caller, before the next. */
int pw_transfer_add_memory(struct pw_transfer *t, u32 length);
void pw_transfer_free(struct pw_transfer *t);

/*
 * Sends everything; returns when it is done or has ended early. The result is
 * whole then. A negative errno means that it was refused all the same.
 */
int pw_transfer_run(struct pw_transfer *t);

/* What a caller may see of an error: a restarted call would send it all again. */
static inline int pw_errno(int err)
{
	switch (err) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		return -EINTR;
	default:
		return err;
	}
}

/* Counts, in the meters of the transfer's path. */
static inline void pw_count(const struct pw_transfer *t, enum pw_meter id, u64 n)
{
	pw_meter_add(t->path, id, n);
}

/* A copy of bytes that are about to be sent, for result.copies and meters. */
static inline void pw_count_copy(struct pw_transfer *t)
{
	t->result.copies++;
	pw_count(t, PW_M_COPIES, 1);
}

/*
 * A copy is needed, for an enum pagewire_reason: 0 where it may be, else an
 * error with its reason set.
 */
int pw_transfer_allow_copy(struct pw_transfer *t, unsigned int why);

/* The list of live transfers, as a seq_file wants it; a spinlock is held. */
void *pw_live_start(struct seq_file *m, loff_t *pos);
void *pw_live_next(struct seq_file *m, void *v, loff_t *pos);
void pw_live_stop(struct seq_file *m, void *v);
int pw_live_show(struct seq_file *m, void *v);

#endif /* PAGEWIRE_TRANSFER_H */
