// SPDX-License-Identifier: GPL-2.0
/*
 * Caller memory. Pieces are packed one after the other: a thousand headers of
 * a hundred bytes take 25 pages, not a thousand.
 */
#include <linux/gfp.h>
#include <linux/mm.h>

#include "transfer.h"

#define MEMORY_PAGES	(PAGEWIRE_MAX_MEMORY / PAGE_SIZE)

int pw_memory_init(struct pw_memory *memory)
{
	static_assert(MEMORY_PAGES * sizeof(struct page *) <= PAGE_SIZE);

	memory->pages = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return memory->pages ? 0 : -ENOMEM;
}

void pw_memory_exit(struct pw_memory *memory)
{
	unsigned int i;

	if (!memory->pages)
		return;
	for (i = 0; i < MEMORY_PAGES && memory->pages[i]; i++) {
		__free_page(memory->pages[i]);
		pw_gauge_add(PW_G_MEMORY_PAGES, -1);
	}
	free_page((unsigned long)memory->pages);
	memory->pages = NULL;
}

void *pw_memory_room(struct pw_memory *memory, size_t len, size_t *got)
{
	struct page **slot = &memory->pages[memory->bytes >> PAGE_SHIFT];
	unsigned int offset = offset_in_page(memory->bytes);

	if (!*slot) {
		*slot = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!*slot)
			return NULL;
		pw_gauge_add(PW_G_MEMORY_PAGES, 1);
	}
	*got = min(len, PAGE_SIZE - offset);
	memory->bytes += *got;
	return page_address(*slot) + offset;
}

int pw_source_memory_fill(struct pw_transfer *t, unsigned int nr)
{
	struct pw_segment *seg = &t->segments[nr];

	while (seg->pos < seg->end) {
		struct page *page = t->memory.pages[seg->pos >> PAGE_SHIFT];
		size_t offset = offset_in_page(seg->pos);
		u32 len = min3(seg->end - seg->pos, (u64)(PAGE_SIZE - offset),
			       (u64)pw_batch_room(&t->batch));

		if (!len)
			break;
		get_page(page);
		pw_batch_add(&t->batch, page_folio(page), offset, len, nr,
			     PAGEWIRE_WHY_MEMORY);
		seg->pos += len;
	}
	return 0;
}
