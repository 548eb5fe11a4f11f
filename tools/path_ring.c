// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "path_io.h"
#include "path_ring.h"

/* user_data of the cancellation: no caller's operation has it. */
#define CANCELLATION  UINT64_MAX

/* What liburing calls for a ring: io_uring_setup and two mmaps; two munmaps and close. */
#define OPENING_CALLS 3
#define CLOSING_CALLS 3

static struct {
	struct io_uring uring;
	bool is_open;
	unsigned int in_flight;	    /* completions that are due */
	unsigned int notifications; /* among them */
} ring;

static int make(struct io_uring *uring)
{
	/* Completions are worked off in our own wait: no interrupts for them, no locks. */
	return io_uring_queue_init(PATH_RING_SIZE, uring,
				   IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
					   IORING_SETUP_DEFER_TASKRUN);
}

static const char *cause(int err)
{
	switch (err) {
	case -ENOSYS:
		return "this kernel has no io_uring";
	case -EPERM:
	case -EACCES:
		return "io_uring is forbidden here (sysctl kernel.io_uring_disabled, seccomp)";
	case -EINVAL:
		return "it needs the io_uring of Linux 6.1 or later";
	case -ENOMEM:
		return "no memory for an io_uring (see RLIMIT_MEMLOCK)";
	default:
		return "cannot make an io_uring";
	}
}

const char *path_ring_unavailable(int file)
{
	struct io_uring uring;
	int err = make(&uring);

	(void)file;
	if (err)
		return cause(err);
	io_uring_queue_exit(&uring);
	return NULL;
}

int path_ring_open(struct path_outcome *out)
{
	int err;

	if (ring.is_open)
		return 0;
	err = make(&ring.uring);
	out->syscalls += err ? 1 : OPENING_CALLS;
	if (err) {
		out->note = cause(err);
		return err;
	}
	ring.is_open = true;
	ring.in_flight = 0;
	ring.notifications = 0;
	return 0;
}

void path_ring_close(struct path_outcome *out)
{
	out->syscalls += CLOSING_CALLS;
	io_uring_queue_exit(&ring.uring);
	ring.is_open = false;
}

int path_ring_register(void *memory, size_t length, struct path_outcome *out)
{
	const struct iovec buffer = { .iov_base = memory, .iov_len = length };

	out->syscalls++;
	return io_uring_register_buffers(&ring.uring, &buffer, 1);
}

struct io_uring_sqe *path_ring_next(void)
{
	ring.in_flight++;
	return io_uring_get_sqe(&ring.uring);
}

unsigned int path_ring_in_flight(void)
{
	return ring.in_flight;
}

static void reap(path_ring_done *done, void *arg)
{
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;

	io_uring_for_each_cqe(&ring.uring, head, cqe)
	{
		count++;
		if (cqe->flags & IORING_CQE_F_MORE)
			ring.notifications++;
		else
			ring.in_flight--;
		if (cqe->flags & IORING_CQE_F_NOTIF)
			ring.notifications--;
		if (cqe->user_data != CANCELLATION)
			done(arg, cqe);
	}
	io_uring_cq_advance(&ring.uring, count);
}

int path_ring_wait(unsigned int nr, path_ring_done *done, void *arg, struct path_outcome *out)
{
	unsigned int prepared = io_uring_sq_ready(&ring.uring);
	bool enough;
	int started;

	/* With completions to wait for, liburing enters the kernel exactly once. */
	out->syscalls++;
	started = io_uring_submit_and_wait(&ring.uring, nr);
	enough = io_uring_cq_ready(&ring.uring) >= nr;
	reap(done, arg);
	if (started < 0)
		return started;
	if ((unsigned int)started < prepared)
		return -ENOMEM;
	/* Having started something, the kernel keeps it to itself that a signal came. */
	return enough ? 0 : -EINTR;
}

bool path_ring_cancel(path_ring_done *done, void *arg, struct path_outcome *out)
{
	struct io_uring_sqe *sqe;

	if (ring.in_flight > ring.notifications) {
		sqe = path_ring_next();
		io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY);
		io_uring_sqe_set_data64(sqe, CANCELLATION);
	}
	/* A signal doesn't change that it has to be waited for. */
	while (ring.in_flight > ring.notifications)
		path_ring_wait(1, done, arg, out);
	return ring.notifications;
}
