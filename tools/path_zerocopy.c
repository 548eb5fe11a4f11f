// SPDX-License-Identifier: GPL-2.0
/*
 * msg-zerocopy: the mapped file, sent with MSG_ZEROCOPY. The kernel reports
 * on the socket's error queue when it no longer needs the pages, and whether
 * it copied them after all; the mapping stays until it has said so for all.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/errqueue.h>

#include "path_io.h"

/* One notification for each of these. */
#define SEND_SIZE     (1u << 20)
#define SMALLEST_SEND (64u << 10)
/* Nothing that grows with the file: 1 GiB has 2 MiB of page tables. */
#define WINDOW_SIZE   (1u << 30)
/* After an error, how long the kernel gets to report what it still holds. */
#define LAST_WAIT_MS  1000

/* Sends that the kernel has not reported yet, oldest first. */
#define MAX_PENDING   256
struct zerocopy {
	const struct path_job *job;
	struct path_outcome *out;
	uint32_t sizes[MAX_PENDING];
	unsigned int first, pending;
	size_t send_size;
};

static void note_completion(struct zerocopy *zc, const struct sock_extended_err *report)
{
	uint32_t count = report->ee_data - report->ee_info + 1;
	uint64_t bytes = 0;

	/* TCP reports in the order of sending. */
	while (count-- && zc->pending) {
		bytes += zc->sizes[zc->first];
		zc->first = (zc->first + 1) % MAX_PENDING;
		zc->pending--;
	}
	if (report->ee_code & SO_EE_CODE_ZEROCOPY_COPIED) {
		zc->out->copied_bytes += bytes;
		zc->out->note = "the kernel copied what was sent with MSG_ZEROCOPY "
				"(it always does on local routes)";
	} else {
		zc->out->passed_bytes += bytes;
	}
}

/* Takes one report from the error queue: 1, 0 if there is none, or -errno. */
static int reap_one(struct zerocopy *zc)
{
	char control[CMSG_SPACE(sizeof(struct sock_extended_err) +
				sizeof(struct sockaddr_storage))];
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;

	zc->out->syscalls++;
	if (recvmsg(zc->job->socket, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return errno == EAGAIN ? 0 : -errno;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		struct sock_extended_err report;

		memcpy(&report, CMSG_DATA(cmsg), sizeof(report));
		if (report.ee_origin == SO_EE_ORIGIN_ZEROCOPY && report.ee_errno == 0)
			note_completion(zc, &report);
	}
	return 1;
}

/* The error that poll(2) hinted at, when it wasn't the error queue. */
static int socket_error(struct zerocopy *zc)
{
	int error = 0;
	socklen_t length = sizeof(error);

	zc->out->syscalls++;
	if (getsockopt(zc->job->socket, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -errno;
	return -error;
}

/*
 * Sleeps for a report, or for one of @events, at most @timeout ms (-1: for
 * ever), and takes the report. Reports that are left where they are would end
 * every later poll(2) at once.
 */
static int wait_for(struct zerocopy *zc, short events, int timeout)
{
	struct pollfd pollfd = { .fd = zc->job->socket, .events = events };
	int n;

	zc->out->syscalls++;
	n = poll(&pollfd, 1, timeout);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	if (!(pollfd.revents & (POLLERR | POLLHUP)))
		return 0;
	n = reap_one(zc);
	if (n == 0)
		n = socket_error(zc);
	/* Closed on both sides, and it never reported: it won't. */
	if (n == 0 && pollfd.revents & POLLHUP)
		n = -EPIPE;
	return n < 0 ? n : 0;
}

static int reap_all(struct zerocopy *zc, int timeout)
{
	int err = 0;

	while (zc->pending && !err)
		err = wait_for(zc, 0, timeout);
	return err;
}

/*
 * No memory for a notification (net.core.optmem_max) or for pinned pages
 * (RLIMIT_MEMLOCK). Room comes back with each report; with none pending it
 * takes a smaller send, and in the end a send that copies.
 */
static int make_room(struct zerocopy *zc)
{
	if (zc->pending)
		return wait_for(zc, 0, -1);
	zc->send_size = zc->send_size / 2 < SMALLEST_SEND ? 0 : zc->send_size / 2;
	return 0;
}

static int send_copied(struct zerocopy *zc, const char *data, size_t length)
{
	zc->out->note = "no room to pin pages (net.core.optmem_max, RLIMIT_MEMLOCK): copied";
	return path_write(zc->job, data, length,
			  zc->job->more || length < path_left(zc->job, zc->out), zc->out);
}

/* Sends the beginning of a piece of the mapping: the number of bytes, or -errno. */
static ssize_t send_pinned(struct zerocopy *zc, const char *data, size_t length)
{
	int flags = MSG_ZEROCOPY | MSG_NOSIGNAL;
	ssize_t n;

	if (length > zc->send_size)
		length = zc->send_size;
	if (zc->job->more || length < path_left(zc->job, zc->out))
		flags |= MSG_MORE;

	zc->out->syscalls++;
	n = send(zc->job->socket, data, length, flags);
	if (n < 0)
		return -errno;
	zc->sizes[(zc->first + zc->pending++) % MAX_PENDING] = n;
	path_sent(zc->job, zc->out, n);
	return n;
}

static int send_window(struct zerocopy *zc, const struct path_window *window)
{
	size_t sent = 0;

	while (sent < window->length) {
		ssize_t n;
		int err = 0;

		if (!zc->send_size)
			return send_copied(zc, window->data + sent, window->length - sent);
		if (zc->pending == MAX_PENDING) {
			err = make_room(zc);
			if (err)
				return err;
		}
		n = send_pinned(zc, window->data + sent, window->length - sent);
		if (n > 0)
			sent += n;
		else if (n == -ENOBUFS)
			err = make_room(zc);
		else if (n == -EAGAIN)
			err = wait_for(zc, POLLOUT, -1);
		else
			err = n;
		if (err)
			return err;
	}
	return 0;
}

static int send_mapped(struct zerocopy *zc)
{
	struct path_window window;
	int err, late, unmap_err;

	err = path_map(zc->job, WINDOW_SIZE, &window, zc->out);
	if (err)
		return err;
	if (!window.length) {
		path_ended(zc->out);
		return 1;
	}
	err = send_window(zc, &window);
	late = reap_all(zc, err ? LAST_WAIT_MS : -1);
	unmap_err = path_unmap(&window, zc->out);
	/* The kernel's own access to the mapping fails, not ours: no SIGBUS. */
	if (err == -EFAULT) {
		zc->out->note = "the file was truncated while it was mapped";
		return -EIO;
	}
	if (err)
		return err;
	return late ? late : unmap_err;
}

int path_msg_zerocopy(const struct path_job *job, struct path_outcome *out)
{
	struct zerocopy zc = { .job = job, .out = out, .send_size = SEND_SIZE };
	int on = 1, err = 0;

	out->copied_bytes = 0;
	out->passed_bytes = 0;
	out->syscalls++;
	if (setsockopt(job->socket, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) < 0) {
		out->note = "this socket can't do SO_ZEROCOPY";
		return -errno;
	}
	while (!err && path_left(job, out))
		err = send_mapped(&zc);
	return err < 0 ? err : 0;
}
