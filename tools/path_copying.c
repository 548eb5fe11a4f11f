// SPDX-License-Identifier: GPL-2.0
/*
 * The paths on which the CPU copies: read-write, pread-write and pread-nowait
 * (page cache to our buffer, buffer to socket) and mmap-write (page cache to
 * socket).
 * What they copied is known: it is what the calls returned.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "path_io.h"

/* As large as cat and cp use: small enough to stay in the CPU's cache. */
#define READ_SIZE   (128u << 10)
#define PREAD_SIZE  (1u << 20)
/* Page tables and the kernel's bookkeeping stay small and are used again. */
#define WINDOW_SIZE (64u << 20)

static _Alignas(4096) char buffer[PREAD_SIZE];

int path_read_write(const struct path_job *job, struct path_outcome *out)
{
	out->copied_bytes = 0;
	out->passed_bytes = 0;
	out->syscalls++;
	if (lseek(job->file, job->offset, SEEK_SET) < 0)
		return -errno;

	while (path_left(job, out)) {
		ssize_t n;
		int err;

		out->syscalls++;
		n = read(job->file, buffer, path_chunk(job, out, READ_SIZE));
		if (n < 0)
			return -errno;
		if (n == 0) {
			path_ended(out);
			break;
		}
		out->copied_bytes += n;
		err = path_write(job, buffer, n, job->more || (uint64_t)n < path_left(job, out),
				 out);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Reads what is in the page cache. When the next byte isn't, a server would
 * leave the read that waits for the disk to another thread and turn to its
 * other connections. With only one there is nothing to turn to.
 */
static ssize_t read_nowait(const struct path_job *job, size_t length, struct path_outcome *out)
{
	const struct iovec iov = { .iov_base = buffer, .iov_len = length };
	off_t offset = job->offset + out->bytes;
	ssize_t n;

	out->syscalls++;
	n = preadv2(job->file, &iov, 1, offset, RWF_NOWAIT);
	if (n >= 0 || (errno != EAGAIN && errno != EOPNOTSUPP))
		return n;
	out->note = errno == EAGAIN
			    ? "some reads had to wait for the disk"
			    : "this file system doesn't know RWF_NOWAIT: all reads may wait";
	out->syscalls++;
	return pread(job->file, buffer, length, offset);
}

static ssize_t read_waiting(const struct path_job *job, size_t length, struct path_outcome *out)
{
	out->syscalls++;
	return pread(job->file, buffer, length, job->offset + out->bytes);
}

static int pread_and_send(const struct path_job *job, struct path_outcome *out,
			  ssize_t (*get)(const struct path_job *, size_t, struct path_outcome *))
{
	out->copied_bytes = 0;
	out->passed_bytes = 0;
	/* Advice: it doubles read-ahead, and is as well if it isn't taken. */
	out->syscalls++;
	posix_fadvise(job->file, job->offset, job->length, POSIX_FADV_SEQUENTIAL);

	while (path_left(job, out)) {
		ssize_t n;
		int err;

		n = get(job, path_chunk(job, out, PREAD_SIZE), out);
		if (n < 0)
			return -errno;
		if (n == 0) {
			path_ended(out);
			break;
		}
		out->copied_bytes += n;
		err = path_write(job, buffer, n, job->more || (uint64_t)n < path_left(job, out),
				 out);
		if (err)
			return err;
	}
	return 0;
}

int path_pread_write(const struct path_job *job, struct path_outcome *out)
{
	return pread_and_send(job, out, read_waiting);
}

int path_pread_nowait(const struct path_job *job, struct path_outcome *out)
{
	return pread_and_send(job, out, read_nowait);
}

/*
 * A file that is truncated under the mapping costs a program its life (SIGBUS)
 * only if it touches the bytes itself. Here the kernel does, inside send(2),
 * and answers EFAULT.
 */
static int mmap_error(int err, struct path_outcome *out)
{
	if (err != -EFAULT)
		return err;
	out->note = "the file was truncated while it was mapped";
	return -EIO;
}

int path_mmap_write(const struct path_job *job, struct path_outcome *out)
{
	out->copied_bytes = 0;
	out->passed_bytes = 0;

	while (path_left(job, out)) {
		struct path_window window;
		int err, unmap_err;

		err = path_map(job, WINDOW_SIZE, &window, out);
		if (err)
			return err;
		if (!window.length) {
			path_ended(out);
			break;
		}
		err = path_write(job, window.data, window.length,
				 job->more || window.length < path_left(job, out), out);
		unmap_err = path_unmap(&window, out);
		if (err || unmap_err)
			return err ? mmap_error(err, out) : unmap_err;
	}
	return 0;
}
