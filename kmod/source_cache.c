// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache's own folios, as descriptors.
 *
 * The walk takes references without locks, as read(2) does: a folio that is
 * up to date may be sent, whatever happens to the file afterwards. The size
 * of the file is looked at after that, so that what a truncation zeroes is
 * never sent as data beyond the end.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/pagevec.h>
#include <linux/prefetch.h>
#include <linux/shmem_fs.h>

#include "trace.h"
#include "transfer.h"

/*
 * The walk touches one struct page after another, each where memory happens
 * to be, and a reference counter can't be fetched out of order: have the one
 * that comes up PREFETCH slots later on its way.
 */
#define PREFETCH	8
static void prefetch_ahead(const struct xa_state *xas)
{
	const struct xa_node *node = xas->xa_node;
	const void *entry;

	if (xas_not_node(xas->xa_node) || node->shift ||
	    xas->xa_offset + PREFETCH >= XA_CHUNK_SIZE)
		return;
	entry = rcu_dereference(node->slots[xas->xa_offset + PREFETCH]);
	if (!xa_is_value(entry) && !xa_is_internal(entry))
		prefetchw(entry);
}

/*
 * Takes references on the folios from index to last, as far as they follow
 * each other without a gap. filemap_get_folios_contig() would do, but the one
 * of 6.1 trips over the entries of a large folio that comes in beside it.
 */
static void get_folios(struct address_space *mapping, pgoff_t index,
		       pgoff_t last, struct folio_batch *fb)
{
	XA_STATE(xas, &mapping->i_pages, index);
	struct folio *folio;

	folio_batch_init(fb);
	rcu_read_lock();
	for (folio = xas_load(&xas); folio; folio = xas_next(&xas)) {
		prefetch_ahead(&xas);
		if (xas_retry(&xas, folio))
			continue;
		if (xas.xa_index > last || xa_is_value(folio) ||
		    xa_is_sibling(folio))
			break;
		if (!folio_try_get(folio))
			goto again;
		if (folio != xas_reload(&xas)) {
			folio_put(folio);
			goto again;
		}
		if (!folio_batch_add(fb, folio))
			break;
		if (folio_test_large(folio))
			xas_advance(&xas, folio_next_index(folio) - 1);
		continue;
again:
		xas_reset(&xas);
	}
	rcu_read_unlock();
}

static struct folio *get_folio(struct address_space *mapping, pgoff_t index)
{
	struct folio_batch fb;

	get_folios(mapping, index, index, &fb);
	return folio_batch_count(&fb) ? fb.folios[0] : NULL;
}

/* tmpfs keeps pages that the hardware found broken, so that readers notice. */
static bool is_poisoned(struct folio *folio)
{
	return folio_test_hwpoison(folio) ||
	       (folio_test_large(folio) && folio_test_has_hwpoisoned(folio));
}

/* Pages of the range from index on, for read-ahead to have in view. */
static unsigned long pages_left(const struct pw_segment *seg, pgoff_t index)
{
	return ((seg->end - 1) >> PAGE_SHIFT) - index + 1;
}

/*
 * Reads ahead from index on; folio: the marked folio that was met there, or
 * NULL where the page is missing. What came into the cache meanwhile is
 * counted, other readers' pages with it if they are at the same file.
 */
static void read_ahead(struct pw_transfer *t, struct pw_segment *seg,
		       pgoff_t index, struct folio *folio)
{
	struct address_space *mapping = seg->file->f_mapping;
	DEFINE_READAHEAD(ractl, seg->file, &seg->file->f_ra, mapping, index);
	unsigned long before = READ_ONCE(mapping->nrpages), after;

	if (folio)
		page_cache_async_ra(&ractl, folio, pages_left(seg, index));
	else
		page_cache_sync_ra(&ractl, pages_left(seg, index));
	after = READ_ONCE(mapping->nrpages);
	if (after > before)
		pw_count(t, PW_M_READAHEAD_PAGES, after - before);
}

static void disk_wait(struct pw_transfer *t, pgoff_t index)
{
	t->result.disk_waits++;
	pw_count(t, PW_M_DISK_WAITS, 1);
	trace_pagewire_disk_wait(t, index);
}

/* Reads one folio ourselves: read-ahead is a hint, and its errors are silent. */
static int read_folio(struct pw_transfer *t, struct address_space *mapping,
		      struct file *file, pgoff_t index)
{
	struct folio *folio;

	disk_wait(t, index);
	/* Truncation and hole punching keep new folios out with this lock. */
	filemap_invalidate_lock_shared(mapping);
	folio = read_cache_folio(mapping, index, NULL, file);
	filemap_invalidate_unlock_shared(mapping);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	folio_put(folio);
	return 0;
}

/* Waits until the page at index is in the cache and up to date. */
static int wait_for_folio(struct pw_transfer *t, struct pw_segment *seg,
			  pgoff_t index)
{
	struct address_space *mapping = seg->file->f_mapping;
	struct folio *folio = get_folio(mapping, index);
	bool ready;
	int err = 0;

	if (folio) {
		if (folio_test_locked(folio) && !folio_test_uptodate(folio)) {
			disk_wait(t, index);
			err = folio_wait_locked_killable(folio);
		}
		ready = folio_test_uptodate(folio);
		if (!err && is_poisoned(folio))
			err = -EIO;
		folio_put(folio);
		if (err)
			return err == -EIO ? err : -EINTR;
		if (ready)
			return 0;
	}
	return read_folio(t, mapping, seg->file, index);
}

/*
 * tmpfs has no read_folio: a page that isn't there is a hole or swapped out,
 * and its own read_iter knows which. Bytes up to the next page that is there.
 */
static size_t gap_at(struct address_space *mapping, u64 pos)
{
	unsigned long index = pos >> PAGE_SHIFT, next = index;

	if (!xa_find(&mapping->i_pages, &next, index + PW_READ_PAGES - 1,
		     XA_PRESENT))
		next = index + PW_READ_PAGES;
	return (max(next - index, 1UL) << PAGE_SHIFT) - offset_in_page(pos);
}

static int miss_in_tmpfs(struct pw_transfer *t, unsigned int nr)
{
	struct pw_segment *seg = &t->segments[nr];
	int err;

	if (t->batch.bytes)
		return 0;
	err = pw_transfer_allow_copy(t, PAGEWIRE_WHY_NO_PAGE);
	return err ?: pw_source_read_some(t, nr,
					  gap_at(seg->file->f_mapping, seg->pos),
					  PAGEWIRE_WHY_NO_PAGE);
}

/* The page at pos isn't ready. Returns 0 when it is worth looking again. */
static int miss(struct pw_transfer *t, unsigned int nr, struct folio *folio)
{
	struct pw_segment *seg = &t->segments[nr];
	pgoff_t index = seg->pos >> PAGE_SHIFT;
	int err;

	if (shmem_mapping(seg->file->f_mapping))
		return miss_in_tmpfs(t, nr);

	/* The disk works while we send what we have, if we have something. */
	if (!folio)
		read_ahead(t, seg, index, NULL);
	if (t->batch.bytes)
		return 0;

	t->state = PW_STATE_DISK;
	err = wait_for_folio(t, seg, index);
	t->state = PW_STATE_SENDING;
	return err;
}

/* How many of the folios, from the first, may be sent; starts read-ahead. */
static unsigned int count_ready(struct pw_transfer *t, struct pw_segment *seg,
				struct folio_batch *fb)
{
	unsigned int i;

	for (i = 0; i < folio_batch_count(fb); i++) {
		struct folio *folio = fb->folios[i];

		if (folio_test_readahead(folio))
			read_ahead(t, seg, folio->index, folio);
		if (!folio_test_uptodate(folio) || is_poisoned(folio))
			break;
	}
	return i;
}

static void count_lookups(struct pw_transfer *t, pgoff_t index,
			  unsigned int hits, bool missed)
{
	/* Waited for, and now found: that was a miss, and counted as one. */
	if (hits && index == t->missed)
		hits--;
	t->result.cache_hits += hits;
	pw_count(t, PW_M_CACHE_HITS, hits);
	if (missed && index != t->missed) {
		t->result.cache_misses++;
		pw_count(t, PW_M_CACHE_MISSES, 1);
		t->missed = index;
	}
}

/* Takes the segment's end back to the file's, if that comes before it. */
static void clip_to_size(struct pw_transfer *t, struct pw_segment *seg)
{
	u64 size = i_size_read(seg->file->f_mapping->host);

	if (seg->end <= size)
		return;
	seg->end = max(seg->pos, size);
	t->result.flags |= PAGEWIRE_RESULT_SHORT;
}

/*
 * Adds the ready folios to the batch, which takes over the references of
 * those it uses. Returns how many it used.
 */
static unsigned int add_folios(struct pw_transfer *t, unsigned int nr,
			       struct folio_batch *fb, unsigned int ready)
{
	struct pw_segment *seg = &t->segments[nr];
	unsigned int i;

	if (ready)
		clip_to_size(t, seg);
	for (i = 0; i < ready; i++) {
		struct folio *folio = fb->folios[i];
		size_t offset = seg->pos - folio_pos(folio);
		u64 len = min3((u64)(folio_size(folio) - offset),
			       seg->end - seg->pos,
			       (u64)pw_batch_room(&t->batch));

		if (!len)
			break;
		folio_mark_accessed(folio);
		pw_batch_add(&t->batch, folio, offset, len, nr, 0);
		seg->pos += len;
	}
	return i;
}

int pw_source_cache_fill(struct pw_transfer *t, unsigned int nr)
{
	struct pw_segment *seg = &t->segments[nr];
	struct address_space *mapping = seg->file->f_mapping;
	pgoff_t first, last;
	struct folio_batch fb;
	unsigned int found, ready, used;
	int err = 0;

	clip_to_size(t, seg);
	if (seg->pos == seg->end)
		return 0;

	first = seg->pos >> PAGE_SHIFT;
	last = (min(seg->end, seg->pos + pw_batch_room(&t->batch)) - 1) >>
	       PAGE_SHIFT;
	get_folios(mapping, first, last, &fb);
	found = folio_batch_count(&fb);

	ready = count_ready(t, seg, &fb);
	count_lookups(t, first, ready, !ready);
	used = add_folios(t, nr, &fb, ready);
	if (!ready)
		err = miss(t, nr, found ? fb.folios[0] : NULL);
	for (; used < found; used++)
		folio_put(fb.folios[used]);

	seg->file->f_ra.prev_pos = seg->pos ? seg->pos - 1 : 0;
	return err;
}
