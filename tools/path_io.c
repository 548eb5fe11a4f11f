// SPDX-License-Identifier: GPL-2.0
/*
 * What the user-space paths share: waiting, sending memory, mapping files.
 */
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path_io.h"

size_t path_chunk(const struct path_job *job, const struct path_outcome *out, size_t limit)
{
	uint64_t left = path_left(job, out);

	if (job->progress && limit > PATH_WATCHED_CALL)
		limit = PATH_WATCHED_CALL;
	return left < limit ? left : limit;
}

void path_sent(const struct path_job *job, struct path_outcome *out, size_t bytes)
{
	out->bytes += bytes;
	if (job->progress)
		job->progress(job->progress_arg, out->bytes);
}

void path_ended(struct path_outcome *out)
{
	out->note = "the file ended before the range that was asked for";
}

int path_wait(int fd, short events, struct path_outcome *out)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	out->syscalls++;
	return poll(&pollfd, 1, -1) < 0 ? -errno : 0;
}

int path_retry(int socket, int err, struct path_outcome *out)
{
	return err == -EAGAIN ? path_wait(socket, POLLOUT, out) : err;
}

int path_write(const struct path_job *job, const char *data, size_t length, bool more,
	       struct path_outcome *out)
{
	int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);

	while (length) {
		ssize_t n;

		out->syscalls++;
		n = send(job->socket, data, length, flags);
		if (n < 0) {
			int err = path_retry(job->socket, -errno, out);

			if (err)
				return err;
			continue;
		}
		out->copied_bytes += n;
		path_sent(job, out, n);
		data += n;
		length -= n;
	}
	return 0;
}

int path_map(const struct path_job *job, size_t limit, struct path_window *window,
	     struct path_outcome *out)
{
	uint64_t start = job->offset + out->bytes;
	size_t slack = start & (sysconf(_SC_PAGESIZE) - 1);
	size_t length = path_left(job, out) < limit ? path_left(job, out) : limit;
	struct stat st;

	*window = (struct path_window){ 0 };
	out->syscalls++;
	if (fstat(job->file, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size <= start)
		return 0;
	if ((uint64_t)st.st_size - start < length)
		length = st.st_size - start;

	out->syscalls++;
	window->base = mmap(NULL, slack + length, PROT_READ, MAP_SHARED, job->file, start - slack);
	if (window->base == MAP_FAILED)
		return -errno;
	window->mapped = slack + length;
	window->data = (const char *)window->base + slack;
	window->length = length;

	/* Advice: it is as well if the kernel won't take it. */
	out->syscalls++;
	madvise(window->base, window->mapped, MADV_SEQUENTIAL);
	return 0;
}

int path_unmap(struct path_window *window, struct path_outcome *out)
{
	if (!window->mapped)
		return 0;
	out->syscalls++;
	if (munmap(window->base, window->mapped) < 0)
		return -errno;
	window->mapped = 0;
	return 0;
}
