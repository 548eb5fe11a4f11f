/* SPDX-License-Identifier: GPL-2.0 */
/*
 * batch: page descriptors on their way from sources to the sink.
 *
 * A source adds folios, each with a reference that the batch takes over; the
 * sink sends from the front; the transfer consumes what the socket took. Two
 * arrays describe the same bytes: bio_vecs, merged as far as neighbours allow,
 * for the socket; and holds, one per folio added, which carry the reference
 * and say to which segment the bytes belong and why they were copied, if they
 * were. They have a page each, or, for little to send, are part of the batch.
 *
 * One thread works on a batch; nothing here locks. Adding doesn't sleep.
 */
#ifndef PAGEWIRE_BATCH_H
#define PAGEWIRE_BATCH_H

#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#define PW_BATCH_BYTES	SZ_1M
#define PW_BATCH_MAX	(PAGE_SIZE / sizeof(struct bio_vec))
#define PW_BATCH_FEW	8

/**
 * struct pw_hold - a folio in a batch
 * @folio: the reference
 * @bytes: how many of its bytes the batch sends
 * @segment: number of the segment they belong to
 * @why: enum pagewire_reason for which they were copied into this folio;
 *	0: the folio is the page cache's own
 * @begins: a descriptor begins with it
 */
struct pw_hold {
	struct folio *folio;
	u32 bytes;
	u16 segment;
	u8 why;
	bool begins;
};

enum pw_pages_kind {
	PW_PAGES_CACHE,
	PW_PAGES_COPIED,
	PW_PAGES_KINDS,
};

/**
 * struct pw_batch - descriptors, oldest first
 * @bv: descriptors
 * @hold: folios
 * @max: how many of each there may be
 * @nr_bv: used entries of @bv
 * @nr_hold: used entries of @hold
 * @bv_first: first descriptor that isn't wholly consumed
 * @bv_done: bytes of it that are
 * @hold_first: first folio that isn't wholly consumed
 * @hold_done: bytes of it that are
 * @bytes: bytes not consumed
 * @pages: pages of the folios held now, by kind
 * @shown: how many of them the gauges have
 * @copy: the socket shall copy these, not take the pages. One mode a batch
 * @few_bv: where @bv points if that is enough
 * @few_hold: where @hold points if that is enough
 */
struct pw_batch {
	struct bio_vec *bv;
	struct pw_hold *hold;
	unsigned int max;
	unsigned int nr_bv;
	unsigned int nr_hold;
	unsigned int bv_first;
	unsigned int bv_done;
	unsigned int hold_first;
	unsigned int hold_done;
	u32 bytes;
	s32 pages[PW_PAGES_KINDS];
	s32 shown[PW_PAGES_KINDS];
	bool copy;
	struct bio_vec few_bv[PW_BATCH_FEW];
	struct pw_hold few_hold[PW_BATCH_FEW];
};

/*
 * Bytes from the front that belong to one segment and have one reason, and
 * the descriptors that begin in them.
 */
struct pw_span {
	u32 bytes;
	u16 descriptors;
	u16 segment;
	u8 why;
};

/*
 * wanted: how many folios there may be at most to send; the batch may have room
 * for fewer, and is filled more than once then. 0 or -ENOMEM. May sleep.
 */
int pw_batch_init(struct pw_batch *batch, u64 wanted);
/* Drops every reference still held; the batch is ready to be filled again. */
void pw_batch_reset(struct pw_batch *batch);
/* Of a batch that was initialised or is all zeros. */
void pw_batch_exit(struct pw_batch *batch);

/*
 * Brings the gauges up to date: when a batch has been filled, and when some of
 * it is consumed. Doing so for every folio would cost more than looking it up.
 */
void pw_batch_show(struct pw_batch *batch);

/* Bytes that may still be added; 0 when it is full in any respect. */
static inline u32 pw_batch_room(const struct pw_batch *batch)
{
	return batch->nr_hold == batch->max ? 0 : PW_BATCH_BYTES - batch->bytes;
}

/* Takes over one reference of folio. len <= room; offset, len in the folio. */
void pw_batch_add(struct pw_batch *batch, struct folio *folio, size_t offset,
		  u32 len, u16 segment, u8 why);

/*
 * Consumes the first span of the batch, at most max bytes of it, and drops
 * the references of folios that are done. False when max is 0.
 */
bool pw_batch_consume(struct pw_batch *batch, size_t max, struct pw_span *span);

/* Moves the descriptors on by max bytes, before these are consumed. */
void pw_batch_advance(struct pw_batch *batch, size_t max);

#endif /* PAGEWIRE_BATCH_H */
