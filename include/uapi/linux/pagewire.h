/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * pagewire: files to sockets inside the kernel, by page descriptors
 *
 * Open /dev/pagewire and ask it to send with an ioctl. The
 * device node is the right to use the module; the files and the socket are
 * the caller's own descriptors and are checked as read(2) and send(2) check
 * them. A descriptor of the device may be shared by threads and processes.
 *
 * Transfer. A transfer is an ordered list of segments that goes to one
 * socket: ranges of regular files, and bounded pieces of caller memory (a
 * header, a trailer). PAGEWIRE_IOC_SEND runs one and returns when the socket
 * took everything, or when the transfer ended early.
 *
 * Two kinds of answers. The return value of the ioctl speaks about the call:
 *
 *   -1, errno  The transfer was refused. Nothing was sent. result.status is
 *              the same error (negative), result.reason says which rule
 *              refused it and result.segment which segment, or nr_segments
 *              if it was none of them. Only EFAULT on the structure itself
 *              and ENOTTY leave result untouched.
 *   0          The transfer ran. result.status is 0, or the negative errno
 *              that ended it; result.bytes went to the socket in any case.
 *
 * Before the first byte is sent the whole vector has been checked and all
 * caller memory has been copied: a wrong last segment sends nothing.
 *
 * Going on after a partial transfer: result.segment is the first segment
 * that did not go out whole and result.segment_bytes says how much of it did.
 * A range that the file ended before counts as whole; what follows is sent.
 *
 * Blocking. As send(2): a full socket is waited for, for as long as
 * SO_SNDTIMEO allows between two bits of progress; O_NONBLOCK on the socket,
 * or a timeout, ends the transfer with EAGAIN. A signal ends it with EINTR, and
 * so may what only looks like one to the kernel: a debugger that attaches, say.
 * SIGPIPE is never raised; EPIPE is returned. The disk is waited for
 * whatever O_NONBLOCK says; only a fatal signal ends that wait.
 *
 * Order. Transfers to one socket go out in the order in which they were
 * asked for, never interleaved. A non-blocking socket that is busy with
 * another transfer gives EAGAIN. (Writers that don't go through the module,
 * write(2) for one, are not held back.)
 *
 * When may the file be changed? When the peer has everything, not when this
 * call returns: pages that wait in the socket, or for an acknowledgment, are
 * the file's own. Bytes written into the file before that may be sent. A
 * write at the same time may be seen in part, as through mmap(2).
 *
 * The layout is the same for 32-bit and 64-bit callers; pointers travel as
 * __u64, there is no padding, fields named reserved must be zero, and an
 * unknown flag is refused (EINVAL). What grows later: new ioctl numbers, new
 * flags and paths announced by PAGEWIRE_IOC_GET_FEATURES, and reserved
 * fields of results.
 */
#ifndef _UAPI_LINUX_PAGEWIRE_H
#define _UAPI_LINUX_PAGEWIRE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Grows when something is added; for people. Programs look at features. */
#define PAGEWIRE_ABI			2

#define PAGEWIRE_MAX_SEGMENTS		1024
/* Bytes of one memory segment, and of all of a transfer together. */
#define PAGEWIRE_MAX_MEMORY_SEGMENT	65536
#define PAGEWIRE_MAX_MEMORY		(1u << 20)

/*
 * Paths: how the bytes get from the page cache to the socket. debugfs shows
 * the counters of each under its name.
 */
enum pagewire_path {
	/* The module picks. Not in this version: EOPNOTSUPP. */
	PAGEWIRE_PATH_AUTO	= 0,
	/* "copy": the CPU copies from the page cache into socket buffers. */
	PAGEWIRE_PATH_COPY	= 1,
	/* "sg": the socket gets descriptors of the page cache's own pages. */
	PAGEWIRE_PATH_SG	= 2,
	/* "direct": asynchronous direct reads. Not in this version. */
	PAGEWIRE_PATH_DIRECT	= 3,
};

enum pagewire_segment_kind {
	PAGEWIRE_SEGMENT_FILE	= 1,
	PAGEWIRE_SEGMENT_MEMORY	= 2,
};

/**
 * struct pagewire_segment - one piece of a transfer (40 bytes)
 * @kind: an enum pagewire_segment_kind
 * @fd: FILE: a regular file opened for reading; its file position is neither
 *	used nor moved. MEMORY: 0
 * @offset: FILE: first byte of the range, no alignment asked. MEMORY: 0
 * @length: FILE: bytes; 0 means up to the end that the file has when the
 *	transfer is checked. A range that reaches past the end sends what is
 *	there and sets PAGEWIRE_RESULT_SHORT. offset + length must fit in a
 *	signed 64-bit number. MEMORY: bytes, 0 to PAGEWIRE_MAX_MEMORY_SEGMENT
 * @addr: MEMORY: address of the bytes in the caller; copied before the call
 *	sends anything, so that it may be reused at once. FILE: 0
 * @flags: none yet: 0
 * @reserved: 0
 */
struct pagewire_segment {
	__u32		kind;
	__s32		fd;
	__aligned_u64	offset;
	__aligned_u64	length;
	__aligned_u64	addr;
	__u32		flags;
	__u32		reserved;
};

/*
 * Why bytes were copied (bits of result.copied_why, 1u << reason), or why a
 * transfer was refused or ended (result.reason).
 */
enum pagewire_reason {
	PAGEWIRE_WHY_NONE		= 0,
	/* copies */
	PAGEWIRE_WHY_ASKED		= 1,	/* path copy was asked for */
	PAGEWIRE_WHY_MEMORY		= 2,	/* a memory segment */
	PAGEWIRE_WHY_FILESYSTEM		= 3,	/* page cache isn't authoritative */
	PAGEWIRE_WHY_DAX		= 4,	/* file has no page cache */
	PAGEWIRE_WHY_NO_PAGE		= 5,	/* tmpfs: a hole, or swapped out */
	PAGEWIRE_WHY_NO_SG		= 6,	/* route without scatter-gather */
	PAGEWIRE_WHY_TLS		= 7,	/* the CPU encrypts */
	/* refusals */
	PAGEWIRE_WHY_REQUEST		= 16,	/* field, flag or reserved field */
	PAGEWIRE_WHY_PATH		= 17,	/* path not in this version */
	PAGEWIRE_WHY_SEGMENT		= 18,	/* kind, flag or reserved field */
	PAGEWIRE_WHY_RANGE		= 19,	/* offset + length too large */
	PAGEWIRE_WHY_MEMORY_SIZE	= 20,	/* memory segment or sum too large */
	PAGEWIRE_WHY_FAULT		= 21,	/* address not readable */
	PAGEWIRE_WHY_FILE		= 22,	/* no such descriptor, or O_PATH */
	PAGEWIRE_WHY_FILE_MODE		= 23,	/* not opened for reading */
	PAGEWIRE_WHY_FILE_KIND		= 24,	/* not a regular file with pages */
	PAGEWIRE_WHY_FILE_DENIED	= 25,	/* a security module said no */
	PAGEWIRE_WHY_SOCKET		= 26,	/* no such descriptor, no socket */
	PAGEWIRE_WHY_SOCKET_KIND	= 27,	/* not a TCP stream socket */
	PAGEWIRE_WHY_SOCKET_ULP		= 28,	/* more than software kTLS on it */
	PAGEWIRE_WHY_SOCKET_STATE	= 29,	/* not connected, or listening */
	PAGEWIRE_WHY_LIMIT		= 30,	/* over a limit: try again later */
	PAGEWIRE_WHY_SG_ONLY		= 31,	/* a copy was needed and forbidden */
};

/* Flags of struct pagewire_send */
/* File bytes go by descriptor or not at all: no fallback to copying. */
#define PAGEWIRE_SEND_SG_ONLY		(1u << 0)
/* More will follow: keep a last partial packet back, as MSG_MORE does. */
#define PAGEWIRE_SEND_MORE		(1u << 1)

/* Flags of struct pagewire_result */
/* A file ended before the range that was asked for. */
#define PAGEWIRE_RESULT_SHORT		(1u << 0)

/**
 * struct pagewire_result - what a transfer did (128 bytes)
 * @cookie: the cookie of the request
 * @bytes: payload bytes that the socket took; passed_bytes + copied_bytes
 * @passed_bytes: of these, handed to the socket by descriptor: the module
 *	and the socket layer copied none of them. A device or a tunnel further
 *	down may still copy
 * @copied_bytes: of these, copied by the CPU at least once
 * @descriptors: page descriptors that passed_bytes needed
 * @copies: copy operations: pieces of caller memory sent, reads of a file
 *	system's own, messages that the socket layer copied
 * @segment_bytes: bytes of segment number @segment that went out
 * @segment: number of the first segment that did not go out whole, or
 *	nr_segments. Refused: the segment that was wrong or could not be read
 *	from the array, or nr_segments
 * @status: 0, or a negative errno
 * @reason: enum pagewire_reason: why it was refused or why it ended; 0 when
 *	@status says all there is to say
 * @copied_why: bits 1u << enum pagewire_reason: why bytes were copied, what
 *	could not be helped before what was asked for; after a refusal for
 *	PAGEWIRE_WHY_SG_ONLY, why they would have been
 * @flags: PAGEWIRE_RESULT_*
 * @path: the path that ran
 * @disk_waits: how often the transfer slept for the disk
 * @socket_waits: how often it slept for room in the socket or for its turn
 * @cache_hits: look-ups in the page cache that found a folio ready to go
 * @cache_misses: look-ups that did not
 * @reserved: 0 for now
 */
struct pagewire_result {
	__aligned_u64	cookie;
	__aligned_u64	bytes;
	__aligned_u64	passed_bytes;
	__aligned_u64	copied_bytes;
	__aligned_u64	descriptors;
	__aligned_u64	copies;
	__aligned_u64	segment_bytes;
	__u32		segment;
	__s32		status;
	__u32		reason;
	__u32		copied_why;
	__u32		flags;
	__u32		path;
	__u32		disk_waits;
	__u32		socket_waits;
	__aligned_u64	cache_hits;
	__aligned_u64	cache_misses;
	__aligned_u64	reserved[3];
};

/**
 * struct pagewire_send - PAGEWIRE_IOC_SEND (184 bytes)
 * @segments: in: address of an array of struct pagewire_segment
 * @nr_segments: in: its length, 1 to PAGEWIRE_MAX_SEGMENTS (more: E2BIG)
 * @socket: in: a connected TCP socket (IPv4 or IPv6), kTLS on it or not
 * @path: in: an enum pagewire_path
 * @flags: in: PAGEWIRE_SEND_*
 * @cookie: in: any number, returned in the result
 * @reserved: in: 0
 * @result: out
 *
 * Errors of the call (the transfer was refused, nothing was sent):
 *   EFAULT      the structure, the array or a memory segment isn't there
 *   EINVAL      unknown flag, path or kind; reserved field not 0; no segment;
 *		 offset + length out of range; SG_ONLY with path copy
 *   E2BIG       too many segments, or too much caller memory
 *   EBADF       no such descriptor; O_PATH; not opened for reading
 *   EISDIR      a directory
 *   EOPNOTSUPP  a file that isn't regular or has no stable contents (a pipe,
 *		 a device, procfs); a socket that isn't on the list above; a
 *		 path that this version lacks; a file system or socket that
 *		 needs copies, with PAGEWIRE_SEND_SG_ONLY
 *   ENOTSOCK    not a socket
 *   ENOTCONN    a socket that was never connected, or listens
 *   EACCES, EPERM  a security module refused the file or the socket
 *   EAGAIN      over a limit (module parameters), reason PAGEWIRE_WHY_LIMIT
 *   ENOMEM
 *
 * Errors of the transfer (result.status):
 *   EAGAIN      socket full and non-blocking, SO_SNDTIMEO passed, or another
 *		 transfer has the socket
 *   EINTR       a signal
 *   EPIPE, ECONNRESET, ETIMEDOUT, ...  as send(2)
 *   EIO, ...    the file could not be read; EINVAL from a stacked file system
 *		 (overlayfs) whose file was opened with O_DIRECT, for a range
 *		 that isn't aligned
 *   EOPNOTSUPP  reason PAGEWIRE_WHY_SG_ONLY: bytes in the middle needed a copy
 */
struct pagewire_send {
	__aligned_u64	segments;
	__u32		nr_segments;
	__s32		socket;
	__u32		path;
	__u32		flags;
	__aligned_u64	cookie;
	__aligned_u64	reserved[3];
	struct pagewire_result result;
};

/* Bits of pagewire_features.features */
#define PAGEWIRE_FEATURE_TAG		(1u << 0)	/* PAGEWIRE_IOC_TAG */

/* Flags of struct pagewire_tag */
/* Processes that the tagged one forks from now on are tagged as well. */
#define PAGEWIRE_TAG_CHILDREN		(1u << 0)

/* Bytes of a label, with the zero at its end. */
#define PAGEWIRE_LABEL_MAX		32

/**
 * struct pagewire_tag - PAGEWIRE_IOC_TAG (64 bytes)
 * @label: where to count: letters, digits and -_.: and a zero at the end, not
 *	beginning with a dot. Made if it is new; the names of the module's own
 *	paths may be used
 * @pid: a process, by the number it has for the caller; 0: the caller's own
 * @flags: PAGEWIRE_TAG_*
 * @reserved: 0
 *
 * From now on, what the process does, all its threads together, is counted
 * under the label, until the process ends, PAGEWIRE_IOC_UNTAG, or the last
 * close of this open description of the device. debugfs shows the counters in
 * path/LABEL. The first tag of all arms the probes, which takes some tenths of
 * a second; after the last they are removed.
 *
 * Errors: EFAULT; EINVAL (a flag, a reserved field, the label's spelling);
 * ESRCH (no such process); EPERM (somebody else's process: it takes what
 * ptrace(2) takes, the same user or CAP_SYS_PTRACE); EBUSY (the process has a
 * tag); ENOSPC (too many labels); ENOMEM; EOPNOTSUPP (the kernel was built
 * without tracepoints, kprobes or ftrace).
 */
struct pagewire_tag {
	char		label[PAGEWIRE_LABEL_MAX];
	__s32		pid;
	__u32		flags;
	__aligned_u64	reserved[3];
};

/**
 * struct pagewire_features - PAGEWIRE_IOC_GET_FEATURES (128 bytes)
 * @abi: PAGEWIRE_ABI of the module
 * @paths: bits 1u << enum pagewire_path: the paths it has
 * @features: bits, for later additions
 * @send_flags: the PAGEWIRE_SEND_* flags it knows
 * @segment_kinds: bits 1u << enum pagewire_segment_kind
 * @max_segments: segments of one transfer
 * @max_memory_segment: bytes of one memory segment
 * @max_memory: bytes of all memory segments of a transfer
 * @max_batch: most bytes that go to a socket in one go
 * @max_transfers: limit: transfers in flight per open device
 * @reserved0: 0
 * @max_user_bytes: limit: bytes in batches and caller memory of one user's
 *	transfers
 * @version: version of the module, a zero-terminated string
 * @reserved: 0 for now
 */
struct pagewire_features {
	__u32		abi;
	__u32		paths;
	__aligned_u64	features;
	__u32		send_flags;
	__u32		segment_kinds;
	__u32		max_segments;
	__u32		max_memory_segment;
	__u32		max_memory;
	__u32		max_batch;
	__u32		max_transfers;
	__u32		reserved0;
	__aligned_u64	max_user_bytes;
	char		version[32];
	__aligned_u64	reserved[5];
};

#define PAGEWIRE_IOC_MAGIC		0xBD
#define PAGEWIRE_IOC_GET_FEATURES \
	_IOR(PAGEWIRE_IOC_MAGIC, 0x00, struct pagewire_features)
#define PAGEWIRE_IOC_SEND \
	_IOWR(PAGEWIRE_IOC_MAGIC, 0x01, struct pagewire_send)
/* Structure of the tag: in. */
#define PAGEWIRE_IOC_TAG \
	_IOW(PAGEWIRE_IOC_MAGIC, 0x02, struct pagewire_tag)
/* Takes back all tags made through this open description. */
#define PAGEWIRE_IOC_UNTAG		_IO(PAGEWIRE_IOC_MAGIC, 0x03)

#endif /* _UAPI_LINUX_PAGEWIRE_H */
