// SPDX-License-Identifier: GPL-2.0
#include <linux/gfp.h>

#include "batch.h"
#include "compat.h"
#include "fault.h"
#include "meter.h"

static_assert(sizeof(struct pw_hold) * PW_BATCH_MAX <= PAGE_SIZE);
static_assert(PW_BATCH_MAX * PAGE_SIZE >= PW_BATCH_BYTES);

int pw_batch_init(struct pw_batch *batch, u64 wanted)
{
	if (wanted <= PW_BATCH_FEW) {
		batch->bv = batch->few_bv;
		batch->hold = batch->few_hold;
		batch->max = PW_BATCH_FEW;
		return 0;
	}
	batch->bv = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	batch->hold = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	batch->max = PW_BATCH_MAX;
	return batch->bv && batch->hold ? 0 : -ENOMEM;
}

static unsigned int kind_of(unsigned int why)
{
	return why ? PW_PAGES_COPIED : PW_PAGES_CACHE;
}

void pw_batch_show(struct pw_batch *batch)
{
	static const enum pw_gauge gauge[] = {
		[PW_PAGES_CACHE] = PW_G_PINNED_PAGES,
		[PW_PAGES_COPIED] = PW_G_MEMORY_PAGES,
	};
	unsigned int i;

	for (i = 0; i < PW_PAGES_KINDS; i++) {
		pw_gauge_add(gauge[i], batch->pages[i] - batch->shown[i]);
		batch->shown[i] = batch->pages[i];
	}
}

static void drop(struct pw_batch *batch, struct pw_hold *hold)
{
	batch->pages[kind_of(hold->why)] -= folio_nr_pages(hold->folio);
	folio_put(hold->folio);
}

void pw_batch_reset(struct pw_batch *batch)
{
	while (batch->hold_first < batch->nr_hold)
		drop(batch, &batch->hold[batch->hold_first++]);
	pw_batch_show(batch);
	batch->nr_bv = 0;
	batch->nr_hold = 0;
	batch->bv_first = 0;
	batch->bv_done = 0;
	batch->hold_first = 0;
	batch->hold_done = 0;
	batch->bytes = 0;
	batch->copy = false;
}

void pw_batch_exit(struct pw_batch *batch)
{
	pw_batch_reset(batch);
	if (batch->bv == batch->few_bv)
		return;
	free_page((unsigned long)batch->hold);
	free_page((unsigned long)batch->bv);
}

/*
 * Pages that follow each other in memory may share a descriptor. Comparing
 * struct page pointers is right in every memory model, for the consumers of
 * a descriptor step through struct page in the same way.
 */
static bool extends(const struct bio_vec *bv, struct page *page,
		    unsigned int offset)
{
	unsigned int end = bv->bv_offset + bv->bv_len;

	return bv->bv_page + (end >> PAGE_SHIFT) == page &&
	       offset_in_page(end) == offset;
}

void pw_batch_add(struct pw_batch *batch, struct folio *folio, size_t offset,
		  u32 len, u16 segment, u8 why)
{
	struct page *page = folio_page(folio, offset >> PAGE_SHIFT);
	struct pw_hold *hold = &batch->hold[batch->nr_hold];
	struct bio_vec *bv = &batch->bv[batch->nr_bv];
	bool merge;

	if (PW_FAULT_BYTE && offset_in_page(offset))
		offset--;
	offset = offset_in_page(offset);

	/* Bytes that were copied share no descriptor with bytes that were not. */
	merge = batch->nr_bv && extends(bv - 1, page, offset) &&
		(PW_MERGE_FOLIOS || hold[-1].folio == folio) &&
		!hold[-1].why == !why;
	if (merge) {
		bv[-1].bv_len += len;
	} else {
		bv->bv_page = page;
		bv->bv_offset = offset;
		bv->bv_len = len;
		batch->nr_bv++;
	}

	hold->folio = folio;
	hold->bytes = len;
	hold->segment = segment;
	hold->why = why;
	hold->begins = !merge;
	batch->nr_hold++;
	batch->bytes += len;
	batch->pages[kind_of(why)] += folio_nr_pages(folio);
}

bool pw_batch_consume(struct pw_batch *batch, size_t max, struct pw_span *span)
{
	const struct pw_hold *front = &batch->hold[batch->hold_first];
	unsigned int i, descriptors = 0;
	u32 done = batch->hold_done;
	size_t left = max;

	if (!max)
		return false;

	span->segment = front->segment;
	span->why = front->why;

	/* The front in locals: each folio_put() makes the compiler reload memory. */
	for (i = batch->hold_first; left && i < batch->nr_hold; i++, done = 0) {
		struct pw_hold *hold = &batch->hold[i];
		u32 n = min_t(size_t, left, hold->bytes - done);

		if (hold->segment != span->segment || hold->why != span->why)
			break;
		descriptors += hold->begins && !done;
		left -= n;
		if (done + n < hold->bytes) {
			done += n;
			break;
		}
		if (!PW_FAULT_LEAK || i + 1 < batch->nr_hold)
			drop(batch, hold);
	}
	batch->hold_first = i;
	batch->hold_done = done;
	span->bytes = max - left;
	span->descriptors = descriptors;
	batch->bytes -= span->bytes;
	return true;
}

void pw_batch_advance(struct pw_batch *batch, size_t max)
{
	while (max) {
		struct bio_vec *bv = &batch->bv[batch->bv_first];
		u32 n = min_t(size_t, max, bv->bv_len - batch->bv_done);

		max -= n;
		batch->bv_done += n;
		if (batch->bv_done == bv->bv_len) {
			batch->bv_done = 0;
			batch->bv_first++;
		}
	}
}
