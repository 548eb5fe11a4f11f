/* SPDX-License-Identifier: GPL-2.0 */
/*
 * source: turns segments into descriptors. source_cache.c and source_read.c
 * are the only page-cache and file code, source_memory.c the only code that
 * keeps caller memory.
 */
#ifndef PAGEWIRE_SOURCE_H
#define PAGEWIRE_SOURCE_H

#include <linux/types.h>

struct file;
struct page;
struct pw_transfer;

enum pw_source {
	PW_SOURCE_CACHE,	/* walk the page cache */
	PW_SOURCE_READ,		/* the file's own read_iter, into our pages */
	PW_SOURCE_MEMORY,	/* caller memory, copied when it was asked for */
};

/**
 * struct pw_segment - one segment of a transfer
 * @file: what is read, a reference; NULL for memory
 * @start: first byte: of the file, or of the transfer's struct pw_memory
 * @pos: next byte that goes into a batch
 * @end: byte after the last; taken back to @pos when the file ends before
 * @source: where descriptors come from
 * @why: READ: why not from the cache, enum pagewire_reason
 */
struct pw_segment {
	struct file *file;
	u64 start;
	u64 pos;
	u64 end;
	u8 source;
	u8 why;
};

/**
 * struct pw_memory - copies of caller memory, packed one after the other
 * @pages: what holds them, one reference each
 * @bytes: used so far
 */
struct pw_memory {
	struct page **pages;
	u32 bytes;
};

/*
 * What all sources' fill functions share: they add to the transfer's batch
 * from segment number nr, at its pos, up to the room in the batch, and move
 * pos. 0, or a negative errno (*reason of the result may be set). They may
 * stop early; that they added nothing and pos == end means that the segment
 * has no more. They sleep for the disk only while the batch is empty.
 */
int pw_source_cache_fill(struct pw_transfer *t, unsigned int nr);
int pw_source_read_fill(struct pw_transfer *t, unsigned int nr);
int pw_source_memory_fill(struct pw_transfer *t, unsigned int nr);

/* Pages of one read, and of one batch that such a read fills. */
#define PW_READ_PAGES	16

/*
 * As pw_source_read_fill(), at most max bytes, which need PW_READ_PAGES at
 * most, counted as copied for why.
 */
int pw_source_read_some(struct pw_transfer *t, unsigned int nr, size_t max,
			unsigned int why);

/*
 * Takes a reference on fd's file, finds out how to read it and checks the
 * range; length 0 means to the end. 0 or a negative errno with *reason set.
 */
int pw_source_open(struct pw_segment *seg, int fd, u64 offset, u64 length,
		   u32 *reason);
/* Drops the reference. read: bytes were read, watchers shall know. */
void pw_source_close(struct pw_segment *seg, bool read);

/* Room for caller memory; its size is known to be within the limits. */
int pw_memory_init(struct pw_memory *memory);
void pw_memory_exit(struct pw_memory *memory);
/*
 * A piece of room for up to len bytes that are to follow the earlier ones:
 * its address, and *got <= len. NULL: no memory. The caller copies into it.
 */
void *pw_memory_room(struct pw_memory *memory, size_t len, size_t *got);

#endif /* PAGEWIRE_SOURCE_H */
