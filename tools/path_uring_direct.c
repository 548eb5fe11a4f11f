// SPDX-License-Identifier: GPL-2.0
/*
 * uring-direct and uring-direct-zc: the disk writes straight into our buffers,
 * several reads ahead, while the socket takes what was read before.
 *
 * Buffers are filled and sent in turn. One send at a time keeps the order:
 * of several, a short one would let the next one overtake its rest.
 *
 * Direct reads are of whole blocks. They begin and end outside of a range that
 * isn't: what is too much is read and not sent.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "path_direct.h"
#include "path_io.h"
#include "path_ring.h"

#define BUFFER_SIZE (128u << 10)
#define BUFFERS	    8
/* Here a buffer is only free when the peer has acknowledged it: more of them. */
#define ZC_BUFFERS  32

/* Since Linux 6.2, and in updates of 6.1; liburing 2.3 doesn't know them. */
#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE  (1U << 3)
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31)
#endif

enum {
	READ,
	SEND
}; /* the low bit of user_data, below the buffer's number */

struct buffer {
	enum {
		EMPTY,
		READING,
		FULL,
		HELD
	} state; /* HELD: sent, but still in use */
	char *memory;
	uint64_t at;		 /* where in the file it begins */
	uint32_t size;		 /* bytes to read, whole blocks */
	uint32_t filled;	 /* bytes read */
	uint32_t first, end;	 /* what of them is still to be sent */
	bool last;		 /* the file ends in it, before the range does */
	int error;		 /* of the read; takes effect when its turn to be sent comes */
	unsigned int unreported; /* zero-copy sends */
	uint32_t unreported_bytes;
	bool copied; /* a report said so */
};

struct transfer {
	const struct path_job *job;
	struct path_outcome *out;
	struct path_direct file;
	struct buffer *buffers;
	unsigned int nr_buffers;
	unsigned int to_read, to_send; /* buffers, counted on and on */
	uint64_t next_read, end;       /* in the file */
	bool zero_copy, sending, socket_full;
	bool ended; /* everything was sent, or what there is */
	int error;
};

/* The buffers and their registration are kept, as a server keeps them. */
static struct {
	char *memory;
	bool registered;
	struct buffer buffers[ZC_BUFFERS];
} pool;

#define POOL_SIZE (ZC_BUFFERS * BUFFER_SIZE)

static struct buffer *turn(struct transfer *t, unsigned int number)
{
	return &t->buffers[number % t->nr_buffers];
}

static void name_operation(struct transfer *t, struct io_uring_sqe *sqe,
			   const struct buffer *buffer, unsigned int kind)
{
	io_uring_sqe_set_data64(sqe, (uint64_t)(buffer - t->buffers) << 1 | kind);
}

/* Reads what is missing, from the last whole block on. */
static void read_buffer(struct transfer *t, struct buffer *buffer)
{
	uint32_t from = buffer->filled & ~(t->file.block - 1);
	struct io_uring_sqe *sqe = path_ring_next();

	if (t->zero_copy)
		io_uring_prep_read_fixed(sqe, t->file.file, buffer->memory + from,
					 buffer->size - from, buffer->at + from, 0);
	else
		io_uring_prep_read(sqe, t->file.file, buffer->memory + from, buffer->size - from,
				   buffer->at + from);
	name_operation(t, sqe, buffer, READ);
	buffer->state = READING;
}

static void read_ahead(struct transfer *t)
{
	uint64_t block = t->file.block;

	while (t->next_read < t->end && turn(t, t->to_read)->state == EMPTY) {
		struct buffer *buffer = turn(t, t->to_read++);
		uint64_t left = t->end - t->next_read;
		char *memory = buffer->memory;

		*buffer = (struct buffer){ .memory = memory, .at = t->next_read };
		buffer->end = left < BUFFER_SIZE ? left : BUFFER_SIZE;
		buffer->size = (buffer->end + block - 1) & ~(block - 1);
		if (t->next_read < t->job->offset)
			buffer->first = t->job->offset - t->next_read;
		t->next_read += buffer->size;
		read_buffer(t, buffer);
	}
}

/*
 * A short read may be one that goes on or the end of the file, also of a file
 * that became shorter. Where another one brings nothing more, it is the end.
 */
static void read_done(struct transfer *t, struct buffer *buffer, int result)
{
	uint32_t filled = (buffer->filled & ~(t->file.block - 1)) + (result > 0 ? result : 0);

	buffer->state = FULL;
	if (result < 0) {
		buffer->error = result;
	} else if (filled >= buffer->end) {
		buffer->filled = filled;
	} else if (filled > buffer->filled) {
		buffer->filled = filled;
		if (!t->error)
			read_buffer(t, buffer);
	} else {
		buffer->last = true;
		buffer->end = filled > buffer->first ? filled : buffer->first;
	}
}

static void send_buffer(struct transfer *t, struct buffer *buffer)
{
	uint32_t length = buffer->end - buffer->first;
	bool more = length < path_left(t->job, t->out) && !buffer->last;
	struct io_uring_sqe *sqe = path_ring_next();
	int flags = MSG_NOSIGNAL | MSG_WAITALL;

	/*
	 * The last report of a zero-copy send comes when the peer has it all: let
	 * nothing be held back for a trailer then.
	 */
	if (more || (t->job->more && !t->zero_copy))
		flags |= MSG_MORE;
	if (t->zero_copy)
		io_uring_prep_send_zc_fixed(sqe, t->job->socket, buffer->memory + buffer->first,
					    length, flags, IORING_SEND_ZC_REPORT_USAGE, 0);
	else
		io_uring_prep_send(sqe, t->job->socket, buffer->memory + buffer->first, length,
				   flags);
	name_operation(t, sqe, buffer, SEND);
	t->sending = true;
}

static void send_next(struct transfer *t)
{
	struct buffer *buffer = turn(t, t->to_send);

	if (t->sending || buffer->state != FULL)
		return;
	if (buffer->error) {
		if (buffer->error == -EINVAL)
			t->out->note = "this file can't be read directly";
		t->error = buffer->error;
	} else if (buffer->first < buffer->end) {
		send_buffer(t, buffer);
	} else {
		/* Empty: the file ends before it. */
		path_ended(t->out);
		t->ended = true;
	}
}

/* What was sent of the buffer is accounted for when the network is done with all of it. */
static void send_reported(struct transfer *t, struct buffer *buffer, int usage)
{
	buffer->copied |= (uint32_t)usage & IORING_NOTIF_USAGE_ZC_COPIED;
	if (--buffer->unreported)
		return;
	if (buffer->copied) {
		if (t->out->copied_bytes >= 0)
			t->out->copied_bytes += buffer->unreported_bytes;
		t->out->note = "the kernel copied what was sent with IORING_OP_SEND_ZC "
			       "(it always does on local routes)";
	} else {
		t->out->passed_bytes += buffer->unreported_bytes;
	}
	buffer->unreported_bytes = 0;
	buffer->copied = false;
	if (buffer->state == HELD)
		buffer->state = EMPTY;
}

static void send_failed(struct transfer *t, int err)
{
	if (err == -EAGAIN)
		t->socket_full = true;
	else
		t->error = err;
	if (err == -EINVAL && t->zero_copy)
		t->out->note = "this kernel's IORING_OP_SEND_ZC doesn't say whether it copies "
			       "(Linux 6.2 and updates of 6.1 do)";
	if (err == -EOPNOTSUPP)
		t->out->note = "this socket can't do IORING_OP_SEND_ZC";
}

static void send_done(struct transfer *t, struct buffer *buffer, const struct io_uring_cqe *cqe)
{
	t->sending = false;
	if (cqe->flags & IORING_CQE_F_MORE)
		buffer->unreported++;
	if (cqe->res < 0) {
		send_failed(t, cqe->res);
		return;
	}
	path_sent(t->job, t->out, cqe->res);
	if (t->zero_copy)
		buffer->unreported_bytes += cqe->res;
	else if (t->out->copied_bytes >= 0)
		t->out->copied_bytes += cqe->res;
	buffer->first += cqe->res;
	if (buffer->first < buffer->end)
		return;
	if (buffer->last)
		path_ended(t->out);
	t->ended = buffer->last || !path_left(t->job, t->out);
	buffer->state = buffer->unreported ? HELD : EMPTY;
	t->to_send++;
}

static void operation_done(void *arg, const struct io_uring_cqe *cqe)
{
	struct transfer *t = arg;
	struct buffer *buffer = &t->buffers[cqe->user_data >> 1];

	if (cqe->flags & IORING_CQE_F_NOTIF)
		send_reported(t, buffer, cqe->res);
	else if ((cqe->user_data & 1) == SEND)
		send_done(t, buffer, cqe);
	else
		read_done(t, buffer, cqe->res);
}

/* Returns with nothing in flight, unless there is an error. */
static int run(struct transfer *t)
{
	for (;;) {
		int err = 0;

		if (t->socket_full)
			err = path_retry(t->job->socket, -EAGAIN, t->out);
		t->socket_full = false;
		if (!err && !t->ended) {
			read_ahead(t);
			send_next(t);
			err = t->error;
		}
		if (err || !path_ring_in_flight())
			return err;
		err = path_ring_wait(1, operation_done, t, t->out);
		if (err || t->error)
			return err ? err : t->error;
	}
}

static int prepare_pool(struct transfer *t)
{
	if (!pool.memory) {
		t->out->syscalls++;
		pool.memory = mmap(NULL, POOL_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pool.memory == MAP_FAILED) {
			pool.memory = NULL;
			return -errno;
		}
	}
	if (t->zero_copy && !pool.registered) {
		int err = path_ring_register(pool.memory, POOL_SIZE, t->out);

		if (err == -ENOMEM)
			t->out->note = "no room to pin 4 MiB (RLIMIT_MEMLOCK)";
		if (err)
			return err;
		pool.registered = true;
	}
	for (unsigned int i = 0; i < t->nr_buffers; i++)
		pool.buffers[i] = (struct buffer){ .memory = pool.memory + i * BUFFER_SIZE };
	t->buffers = pool.buffers;
	return 0;
}

/*
 * The peer may take its time over what the network still holds. It isn't waited
 * for: the pages are pinned, and leave our address space, so that nobody can
 * write to them any more.
 */
static void abandon_pool(struct transfer *t)
{
	path_ring_close(t->out);
	t->out->syscalls++;
	munmap(pool.memory, POOL_SIZE);
	pool.memory = NULL;
	pool.registered = false;
	t->out->copied_bytes = -1;
	t->out->passed_bytes = -1;
}

static int transfer_file(struct transfer *t)
{
	int err;

	if (t->file.block > BUFFER_SIZE) {
		t->out->note = "the file's blocks are larger than the buffers of this path";
		return -EINVAL;
	}
	if (!t->file.certain)
		t->out->copied_bytes = -1;
	t->end = t->job->offset + t->job->length;
	t->next_read = t->job->offset & ~(uint64_t)(t->file.block - 1);
	err = prepare_pool(t);
	if (err)
		return err;
	err = run(t);
	if (err) {
		t->error = err;
		if (path_ring_cancel(operation_done, t, t->out))
			abandon_pool(t);
	}
	return err;
}

static int read_and_send(struct transfer *t)
{
	int err = path_ring_open(t->out);

	if (!err)
		err = path_direct_open(t->job, &t->file, t->out);
	if (err)
		return err;
	err = transfer_file(t);
	path_direct_close(&t->file, t->out);
	return err;
}

int path_uring_direct(const struct path_job *job, struct path_outcome *out)
{
	struct transfer t = { .job = job, .out = out, .nr_buffers = BUFFERS };

	return read_and_send(&t);
}

int path_uring_direct_zc(const struct path_job *job, struct path_outcome *out)
{
	struct transfer t = { .job = job, .out = out, .nr_buffers = ZC_BUFFERS, .zero_copy = true };

	return read_and_send(&t);
}

const char *path_uring_direct_unavailable(int file)
{
	const char *reason = path_ring_unavailable(file);

	return reason ? reason : path_direct_unavailable(file);
}
