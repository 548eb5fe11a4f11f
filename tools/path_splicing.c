// SPDX-License-Identifier: GPL-2.0
/*
 * The paths on which the kernel passes pages by itself: sendfile and splice.
 * What it does with them can't be seen from here: copied_bytes and
 * passed_bytes stay unknown.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path_io.h"

#define PIPE_SIZE (1 << 20)

static int splicing_error(int err, struct path_outcome *out, const char *note)
{
	if (err == -EINVAL)
		out->note = note;
	return err;
}

int path_cork(const struct path_job *job, struct path_outcome *out)
{
	int on = 1;

	out->syscalls++;
	if (setsockopt(job->socket, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

int path_sendfile(const struct path_job *job, struct path_outcome *out)
{
	off_t offset = job->offset;

	out->copied_bytes = -1;
	out->passed_bytes = -1;
	if (job->more) {
		int err = path_cork(job, out);

		if (err)
			return err;
	}

	while (path_left(job, out)) {
		ssize_t n;
		int err;

		out->syscalls++;
		n = sendfile(job->socket, job->file, &offset, path_chunk(job, out, PATH_MAX_CALL));
		if (n == 0) {
			path_ended(out);
			break;
		}
		if (n > 0) {
			path_sent(job, out, n);
			continue;
		}
		err = path_retry(job->socket, -errno, out);
		if (err)
			return splicing_error(err, out, "sendfile(2) can't read this file system");
	}
	return 0;
}

/* The pipe is kept from transfer to transfer, as a server keeps it. */
static struct path_pipe tube = { -1, -1, 0 };

static int make_pipe(struct path_outcome *out)
{
	int ends[2];

	out->syscalls++;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	tube.read = ends[0];
	tube.write = ends[1];
	/* Without the right to a large one, what there is will do. */
	out->syscalls++;
	tube.size = fcntl(tube.write, F_SETPIPE_SZ, PIPE_SIZE);
	if (tube.size < 0) {
		out->syscalls++;
		tube.size = fcntl(tube.write, F_GETPIPE_SZ);
	}
	return tube.size < 0 ? -errno : 0;
}

int path_pipe_open(struct path_pipe **pipe, struct path_outcome *out)
{
	int err = tube.read < 0 ? make_pipe(out) : 0;

	*pipe = &tube;
	if (!err && tube.size < PIPE_SIZE)
		out->note = "the pipe is smaller than 1 MiB (see /proc/sys/fs/pipe-*)";
	return err;
}

void path_pipe_close(struct path_outcome *out)
{
	out->syscalls += 2;
	close(tube.read);
	close(tube.write);
	tube.read = -1;
	tube.write = -1;
}

static int drain_pipe(const struct path_job *job, const struct path_pipe *pipe, size_t length,
		      bool more, struct path_outcome *out)
{
	while (length) {
		ssize_t n;

		out->syscalls++;
		n = splice(pipe->read, NULL, job->socket, NULL, length, more ? SPLICE_F_MORE : 0);
		if (n < 0) {
			int err = path_retry(job->socket, -errno, out);

			if (err)
				return err;
			continue;
		}
		if (n == 0)
			return -EIO;
		path_sent(job, out, n);
		length -= n;
	}
	return 0;
}

int path_splice(const struct path_job *job, struct path_outcome *out)
{
	struct path_pipe *pipe;
	off_t offset = job->offset;
	int err;

	out->copied_bytes = -1;
	out->passed_bytes = -1;
	err = path_pipe_open(&pipe, out);
	if (err)
		return err;

	while (path_left(job, out)) {
		ssize_t n;

		out->syscalls++;
		n = splice(job->file, &offset, pipe->write, NULL, path_chunk(job, out, pipe->size),
			   0);
		if (n < 0) {
			err = splicing_error(-errno, out, "splice(2) can't read this file system");
			break;
		}
		if (n == 0) {
			path_ended(out);
			break;
		}
		err = drain_pipe(job, pipe, n, job->more || (uint64_t)n < path_left(job, out), out);
		if (err)
			break;
	}
	if (err)
		path_pipe_close(out);
	return err;
}
