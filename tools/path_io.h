/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the user-space paths share. Every system call that a path makes is
 * counted where it is made, whatever it returns.
 */
#ifndef PATH_IO_H
#define PATH_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "path.h"

/* The most that one read, write or sendfile moves (MAX_RW_COUNT). */
#define PATH_MAX_CALL	  0x7ffff000u
/* One call moves no more than this while somebody watches the progress. */
#define PATH_WATCHED_CALL (64u << 20)

/* A piece of the file, mapped so that @data is its first byte. */
struct path_window {
	void *base;
	size_t mapped;
	const char *data;
	size_t length;
};

static inline uint64_t path_left(const struct path_job *job, const struct path_outcome *out)
{
	return job->length - out->bytes;
}

/* How much the next call may move, at most @limit. */
size_t path_chunk(const struct path_job *job, const struct path_outcome *out, size_t limit);

/* Accounts for @bytes that the socket took. */
void path_sent(const struct path_job *job, struct path_outcome *out, size_t bytes);

/* The file has no more bytes: not an error, but said. */
void path_ended(struct path_outcome *out);

/* Sleeps until @fd is ready. 0 or -errno, -EINTR among them. */
int path_wait(int fd, short events, struct path_outcome *out);

/*
 * What to do about @err, which a call on the socket gave: 0 to try again (there
 * is room now), or the -errno that ends the transfer.
 */
int path_retry(int socket, int err, struct path_outcome *out);

/*
 * Sends @length bytes of memory with send(2), all of them unless an error
 * comes. @more: more of this transfer follows.
 */
int path_write(const struct path_job *job, const char *data, size_t length, bool more,
	       struct path_outcome *out);

/*
 * Maps what comes next of the file, at most @limit bytes; length 0 at the end
 * of the file. The mapping never reaches past the end that the file has now.
 */
int path_map(const struct path_job *job, size_t limit, struct path_window *window,
	     struct path_outcome *out);
int path_unmap(struct path_window *window, struct path_outcome *out);

/*
 * sendfile(2) has no MSG_MORE: a server that has a trailer to send corks the
 * socket. It stays corked: the end of the connection pushes what is held back.
 */
int path_cork(const struct path_job *job, struct path_outcome *out);

/*
 * The pipe of 1 MiB for splicing, empty. It is kept from transfer to transfer,
 * as a server keeps it. Closing it drops what an error left in it.
 */
struct path_pipe {
	int read, write, size;
};
int path_pipe_open(struct path_pipe **pipe, struct path_outcome *out);
void path_pipe_close(struct path_outcome *out);

/* The paths, one file for a family. */
int path_read_write(const struct path_job *job, struct path_outcome *out);
int path_pread_write(const struct path_job *job, struct path_outcome *out);
int path_pread_nowait(const struct path_job *job, struct path_outcome *out);
int path_mmap_write(const struct path_job *job, struct path_outcome *out);
int path_sendfile(const struct path_job *job, struct path_outcome *out);
int path_sendfile_odirect(const struct path_job *job, struct path_outcome *out);
int path_splice(const struct path_job *job, struct path_outcome *out);
int path_msg_zerocopy(const struct path_job *job, struct path_outcome *out);
int path_uring_splice(const struct path_job *job, struct path_outcome *out);
int path_uring_direct(const struct path_job *job, struct path_outcome *out);
int path_uring_direct_zc(const struct path_job *job, struct path_outcome *out);
int path_module_copy(const struct path_job *job, struct path_outcome *out);
int path_module_sg(const struct path_job *job, struct path_outcome *out);

/* Why there is no such path here, or NULL. */
const char *path_direct_unavailable(int file);
const char *path_ring_unavailable(int file);
const char *path_uring_direct_unavailable(int file);

#endif
