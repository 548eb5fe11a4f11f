/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The work whose cost is known: ways to get a file into a socket, each
 * counting its own system calls. For the tests of the probes and their
 * helper program; nothing here but system calls, so that a tagged process
 * does what is written here and no more.
 */
#ifndef PAGEWIRE_TEST_JOBS_H
#define PAGEWIRE_TEST_JOBS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/pagewire.h>

/* @file, @socket, @device, @buffer (of @block bytes, aligned to a page): made before. */
struct job {
	int file;
	int socket;
	int device;
	int pipe[2];
	uint8_t *buffer;
	size_t size;
	size_t block;
	uint32_t path;	      /* of the module */
	uint64_t calls;	      /* out: system calls made */
	uint64_t completions; /* out: of MSG_ZEROCOPY */
};

static inline ssize_t job_send_all(struct job *j, const uint8_t *bytes, size_t length, int flags)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = send(j->socket, bytes + done, length - done, flags);

		j->calls++;
		if (n < 0)
			return -errno;
		done += n;
	}
	return 0;
}

static inline int job_read_write(struct job *j)
{
	size_t at = 0;

	while (at < j->size) {
		ssize_t n = pread(j->file, j->buffer, j->block, at);
		int error;

		j->calls++;
		if (n <= 0)
			return n ? -errno : -EIO;
		error = job_send_all(j, j->buffer, n, 0);
		if (error)
			return error;
		at += n;
	}
	return 0;
}

/* Only reads. */
static inline int job_read(struct job *j)
{
	size_t at = 0;

	while (at < j->size) {
		ssize_t n = pread(j->file, j->buffer, j->block, at);

		j->calls++;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
	}
	return 0;
}

/* The pages aren't touched before: the kernel meets them first. */
static inline int job_mmap(struct job *j, int flags)
{
	uint8_t *map = mmap(NULL, j->size, PROT_READ, MAP_SHARED, j->file, 0);
	size_t at, n;
	int error = 0;

	j->calls++;
	if (map == MAP_FAILED)
		return -errno;
	for (at = 0; at < j->size && !error; at += n) {
		n = j->size - at < j->block ? j->size - at : j->block;
		error = job_send_all(j, map + at, n, flags);
	}
	j->calls++;
	return munmap(map, j->size) ? -errno : error;
}

static inline int job_mmap_write(struct job *j)
{
	return job_mmap(j, 0);
}

/* Takes what is there of the notices that buffers are free again. */
static inline int job_completions(struct job *j, uint64_t wanted)
{
	while (j->completions < wanted) {
		char control[128];
		struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
		struct pollfd p = { .fd = j->socket };
		struct sock_extended_err *e;

		j->calls++;
		if (poll(&p, 1, 10000) <= 0)
			return -ETIME;
		j->calls++;
		if (recvmsg(j->socket, &msg, MSG_ERRQUEUE) < 0)
			return -errno;
		e = (struct sock_extended_err *)CMSG_DATA(CMSG_FIRSTHDR(&msg));
		j->completions += e->ee_data - e->ee_info + 1;
	}
	return 0;
}

/* The socket has SO_ZEROCOPY. */
static inline int job_zerocopy(struct job *j)
{
	uint64_t before;
	int error;

	j->completions = 0;
	before = j->calls;
	error = job_mmap(j, MSG_ZEROCOPY);
	/* One notice for each call but mmap and munmap. */
	return error ? error : job_completions(j, j->calls - before - 2);
}

static inline int job_sendfile(struct job *j)
{
	off_t at = 0;

	while ((size_t)at < j->size) {
		ssize_t n = sendfile(j->socket, j->file, &at, j->size - at);

		j->calls++;
		if (n <= 0)
			return n ? -errno : -EIO;
	}
	return 0;
}

static inline int job_splice(struct job *j)
{
	loff_t at = 0;

	while ((size_t)at < j->size) {
		ssize_t n = splice(j->file, &at, j->pipe[1], NULL, j->block, 0);

		j->calls++;
		if (n <= 0)
			return n ? -errno : -EIO;
		while (n > 0) {
			ssize_t m = splice(j->pipe[0], NULL, j->socket, NULL, n, 0);

			j->calls++;
			if (m <= 0)
				return m ? -errno : -EIO;
			n -= m;
		}
	}
	return 0;
}

static inline int job_module(struct job *j)
{
	struct pagewire_segment segment = {
		.kind = PAGEWIRE_SEGMENT_FILE,
		.fd = j->file,
		.length = j->size,
	};
	struct pagewire_send send = {
		.segments = (uintptr_t)&segment,
		.nr_segments = 1,
		.socket = j->socket,
		.path = j->path,
	};

	j->calls++;
	if (ioctl(j->device, PAGEWIRE_IOC_SEND, &send))
		return -errno;
	return send.result.status;
}

static inline int job_tag(int device, const char *label, pid_t pid, uint32_t flags)
{
	struct pagewire_tag tag = { .pid = pid, .flags = flags };

	strncpy(tag.label, label, sizeof(tag.label) - 1);
	return ioctl(device, PAGEWIRE_IOC_TAG, &tag) ? -errno : 0;
}

static inline int job_untag(int device)
{
	return ioctl(device, PAGEWIRE_IOC_UNTAG) ? -errno : 0;
}

#endif
