// SPDX-License-Identifier: GPL-2.0
/*
 * uring-splice: from the file into a pipe and from there into the socket, by
 * two linked operations and one system call for each pipe full. The kernel
 * runs splices in threads of its own; the caller never waits for the disk.
 */
#include <errno.h>
#include <unistd.h>

#include "path_io.h"
#include "path_ring.h"

enum {
	FROM_FILE,
	TO_SOCKET
};

struct splicing {
	const struct path_job *job;
	struct path_outcome *out;
	struct path_pipe *pipe;
	int read, sent; /* what the last operations returned */
};

static void splice_done(void *arg, const struct io_uring_cqe *cqe)
{
	struct splicing *s = arg;

	if (cqe->user_data == FROM_FILE) {
		s->read = cqe->res;
		return;
	}
	s->sent = cqe->res;
	if (cqe->res > 0)
		path_sent(s->job, s->out, cqe->res);
}

static void prepare_read(struct splicing *s, unsigned int length)
{
	struct io_uring_sqe *sqe = path_ring_next();

	io_uring_prep_splice(sqe, s->job->file, s->job->offset + s->out->bytes, s->pipe->write, -1,
			     length, 0);
	sqe->flags |= IOSQE_IO_LINK;
	io_uring_sqe_set_data64(sqe, FROM_FILE);
}

static void prepare_send(struct splicing *s, unsigned int length)
{
	bool more = s->job->more || length < path_left(s->job, s->out);
	struct io_uring_sqe *sqe = path_ring_next();

	io_uring_prep_splice(sqe, s->pipe->read, -1, s->job->socket, -1, length,
			     more ? SPLICE_F_MORE : 0);
	io_uring_sqe_set_data64(sqe, TO_SOCKET);
}

/* Sends what a read or a send that fell short left in the pipe. */
static int send_rest(struct splicing *s, unsigned int length)
{
	while (length) {
		int err;

		prepare_send(s, length);
		err = path_ring_wait(1, splice_done, s, s->out);
		if (err)
			return err;
		if (s->sent > 0)
			length -= s->sent;
		else if (s->sent == 0)
			return -EIO;
		else
			err = path_retry(s->job->socket, s->sent, s->out);
		if (err)
			return err;
	}
	return 0;
}

/* A pipe has one slot for each page: from the middle of a page on, one page less fits. */
static unsigned int pipe_full(const struct splicing *s)
{
	unsigned int slack = (s->job->offset + s->out->bytes) & (sysconf(_SC_PAGESIZE) - 1);
	unsigned int size = s->pipe->size;

	return path_chunk(s->job, s->out, size - slack);
}

/* 0 to go on, 1 at the end of the file, or -errno. */
static int move_some(struct splicing *s)
{
	unsigned int length = pipe_full(s);
	int err;

	prepare_read(s, length);
	prepare_send(s, length);
	err = path_ring_wait(2, splice_done, s, s->out);
	if (err)
		return err;
	if (s->read < 0) {
		if (s->read == -EINVAL)
			s->out->note = "splice(2) can't read this file system";
		return s->read;
	}
	if (s->read == 0) {
		path_ended(s->out);
		return 1;
	}
	/* A read that fell short has cancelled the send. */
	if (s->sent == -ECANCELED && (unsigned int)s->read < length)
		return send_rest(s, s->read);
	if (s->sent < 0)
		err = path_retry(s->job->socket, s->sent, s->out);
	return err ? err : send_rest(s, s->read - (s->sent > 0 ? s->sent : 0));
}

int path_uring_splice(const struct path_job *job, struct path_outcome *out)
{
	struct splicing s = { .job = job, .out = out };
	int err;

	out->copied_bytes = -1;
	out->passed_bytes = -1;
	err = path_ring_open(out);
	if (err)
		return err;
	err = path_pipe_open(&s.pipe, out);
	if (err)
		return err;
	while (!err && path_left(job, out))
		err = move_some(&s);
	if (err >= 0)
		return 0;
	path_ring_cancel(splice_done, &s, out);
	path_pipe_close(out);
	return err;
}
