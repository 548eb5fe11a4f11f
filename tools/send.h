/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One order of `pagewire send`: pieces that go to one socket in their order,
 * by one path. send_module.c and send_user.c carry it out.
 */
#ifndef PAGEWIRE_TOOLS_SEND_H
#define PAGEWIRE_TOOLS_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "path.h"

struct send_piece {
	const char *name; /* of the file that the bytes come from */
	int file;	  /* a range of it, or -1: @memory */
	const void *memory;
	uint64_t offset;
	uint64_t length;   /* of a file: 0 for to-end */
	uint64_t expected; /* what the range held when the file was opened */
};

struct send_order {
	const struct path *path;
	int device; /* for paths of the module */
	int socket;
	bool sg_only;
	const struct send_piece *pieces;
	size_t nr_pieces;
	uint64_t expected; /* of all pieces */
	bool past_end;	   /* a range reaches past the end of its file: what is there goes */
};

struct send_report {
	uint64_t bytes, syscalls;
	int64_t passed_bytes, copied_bytes; /* -1: not observable */
	const char *note;

	int error;	     /* 0 or -errno */
	bool refused;	     /* nothing was sent, and nothing of it will ever be */
	size_t piece;	     /* first one that did not go out whole, or nr_pieces */
	uint64_t piece_done; /* bytes of it that did */

	/* What only the module tells. */
	bool has_details;
	uint32_t reason, copied_why, disk_waits, socket_waits;
	uint64_t descriptors, copies, cache_hits, cache_misses;
};

/* Each fills @report, whose fields are zero, in any case. */
void send_by_module(struct send_order *order, struct send_report *report);
void send_by_user(struct send_order *order, struct send_report *report);

/*
 * Signals that end a transfer, once; a second one ends the program. A socket
 * of at least 0 is shut down by the signal itself: paths of user space may be
 * anywhere, and only a broken socket ends them for certain.
 */
void send_catch_signals(int socket);
bool send_interrupted(void);

#endif
