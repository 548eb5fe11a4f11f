// SPDX-License-Identifier: GPL-2.0
/*
 * Files that have to be asked: their own read_iter copies into pages of ours,
 * which then go by descriptor. One CPU copy.
 */
#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/uio.h>

#include "transfer.h"

static void free_pages_from(struct bio_vec *bv, unsigned int nr)
{
	while (nr--)
		__free_page(bv[nr].bv_page);
}

/*
 * Pages for len bytes, laid out so that the first byte keeps its offset in
 * the page: file systems like it aligned.
 */
static int alloc_pages_for(struct bio_vec *bv, size_t offset, size_t len)
{
	unsigned int nr = 0;

	while (len) {
		size_t n = min(len, PAGE_SIZE - offset);
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT);

		if (!page) {
			free_pages_from(bv, nr);
			return -ENOMEM;
		}
		bvec_set_page(&bv[nr++], page, n, offset);
		len -= n;
		offset = 0;
	}
	return nr;
}

static ssize_t read_into(struct file *file, struct bio_vec *bv, unsigned int nr,
			 u64 pos, size_t len)
{
	struct iov_iter iter;
	struct kiocb kiocb;

	init_sync_kiocb(&kiocb, file);
	/* O_DIRECT is the caller's wish for his own reads, with his alignment. */
	kiocb.ki_flags &= ~IOCB_DIRECT;
	kiocb.ki_pos = pos;
	iov_iter_bvec(&iter, ITER_DEST, bv, nr, len);
	return file->f_op->read_iter(&kiocb, &iter);
}

int pw_source_read_some(struct pw_transfer *t, unsigned int nr, size_t max,
			unsigned int why)
{
	struct pw_segment *seg = &t->segments[nr];
	size_t offset = offset_in_page(seg->pos), left;
	size_t room = min_t(size_t, max, pw_batch_room(&t->batch));
	size_t len = min_t(u64, room, seg->end - seg->pos);
	struct bio_vec bv[PW_READ_PAGES];
	int i, pages;
	ssize_t got;

	pages = alloc_pages_for(bv, offset, len);
	if (pages < 0)
		return pages;

	got = read_into(seg->file, bv, pages, seg->pos, len);
	if (got <= 0) {
		free_pages_from(bv, pages);
		if (got < 0)
			return got;
		seg->end = seg->pos;
		t->result.flags |= PAGEWIRE_RESULT_SHORT;
		return 0;
	}
	pw_count_copy(t);

	left = got;
	for (i = 0; left; i++) {
		size_t n = min_t(size_t, left, bv[i].bv_len);

		pw_batch_add(&t->batch, page_folio(bv[i].bv_page),
			     bv[i].bv_offset, n, nr, why);
		left -= n;
	}
	free_pages_from(bv + i, pages - i);
	seg->pos += got;
	return 0;
}

int pw_source_read_fill(struct pw_transfer *t, unsigned int nr)
{
	struct pw_segment *seg = &t->segments[nr];
	size_t max = PW_READ_PAGES * PAGE_SIZE - offset_in_page(seg->pos);

	/* A read may sleep, and what it reads may not fit behind the others. */
	if (t->batch.bytes)
		return 0;
	return pw_source_read_some(t, nr, max, seg->why);
}
