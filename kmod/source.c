// SPDX-License-Identifier: GPL-2.0
/* How a file can be read, and whether this caller may. */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <linux/pagewire.h>

#include "meter.h"
#include "source.h"

/* linux/magic.h lacks it; fs/xfs/libxfs/xfs_format.h has it. */
#define XFS_MAGIC	0x58465342

/*
 * Local file systems whose page cache is the truth about a file, so that it
 * may be walked without asking them: network and cluster file systems and
 * FUSE have to revalidate first, stacked ones keep the pages elsewhere.
 * A list of what was tried, for there is no flag that says so.
 */
static bool cache_is_authoritative(const struct inode *inode)
{
	switch (inode->i_sb->s_magic) {
	case EXT4_SUPER_MAGIC:	/* and ext2, ext3 */
	case XFS_MAGIC:
	case TMPFS_MAGIC:
		return true;
	default:
		return false;
	}
}

/*
 * Files of procfs, sysfs and the like are made up as they are read. They have
 * no operation that reads a folio, or the one of ramfs, which fills in zeros.
 */
static bool has_contents(const struct inode *inode)
{
	const struct address_space_operations *ops = inode->i_mapping->a_ops;

	switch (inode->i_sb->s_magic) {
	case OVERLAYFS_SUPER_MAGIC:	/* its inodes have no pages */
	case RAMFS_MAGIC:
		return true;
	default:
		return ops->read_folio && ops != &ram_aops;
	}
}

static int find_source(struct pw_segment *seg, u32 *reason)
{
	const struct inode *inode = file_inode(seg->file);

	*reason = PAGEWIRE_WHY_FILE_KIND;
	if (S_ISDIR(inode->i_mode))
		return -EISDIR;
	if (!S_ISREG(inode->i_mode))
		return -EOPNOTSUPP;

	*reason = PAGEWIRE_WHY_FILE_MODE;
	if (!(seg->file->f_mode & FMODE_READ))
		return -EBADF;

	*reason = PAGEWIRE_WHY_FILE_KIND;
	if (!seg->file->f_op->read_iter)
		return -EOPNOTSUPP;

	seg->source = PW_SOURCE_READ;
	if (IS_DAX(inode))
		seg->why = PAGEWIRE_WHY_DAX;
	else if (cache_is_authoritative(inode))
		seg->source = PW_SOURCE_CACHE;
	else if (has_contents(inode))
		seg->why = PAGEWIRE_WHY_FILESYSTEM;
	else
		return -EOPNOTSUPP;

	*reason = 0;
	return 0;
}

/* Where the file ends now, asking a file system that has to be asked. */
static int find_end(const struct pw_segment *seg, u64 *end)
{
	struct kstat stat;
	int err;

	if (seg->source == PW_SOURCE_CACHE) {
		*end = i_size_read(file_inode(seg->file));
		return 0;
	}
	err = vfs_getattr(&seg->file->f_path, &stat, STATX_SIZE,
			  AT_STATX_SYNC_AS_STAT);
	*end = stat.size;
	return err;
}

static int check_range(struct pw_segment *seg, u64 offset, u64 length,
		       u32 *reason)
{
	loff_t pos = offset;
	u64 end;
	int err;

	*reason = PAGEWIRE_WHY_RANGE;
	if (offset > LLONG_MAX || length > LLONG_MAX - offset)
		return -EINVAL;
	end = offset + length;

	*reason = 0;
	if (!length) {
		err = find_end(seg, &end);
		if (err)
			return err;
		end = max(end, offset);
	}
	seg->start = offset;
	seg->pos = offset;
	seg->end = end;

	*reason = PAGEWIRE_WHY_FILE_DENIED;
	err = rw_verify_area(READ, seg->file, &pos, end - offset);
	if (!err)
		*reason = 0;
	return err;
}

int pw_source_open(struct pw_segment *seg, int fd, u64 offset, u64 length,
		   u32 *reason)
{
	int err;

	*reason = PAGEWIRE_WHY_FILE;
	seg->file = fget(fd);
	if (!seg->file)
		return -EBADF;
	pw_gauge_add(PW_G_FILES, 1);

	err = find_source(seg, reason);
	if (!err)
		err = check_range(seg, offset, length, reason);
	if (err)
		pw_source_close(seg, false);
	return err;
}

void pw_source_close(struct pw_segment *seg, bool read)
{
	if (!seg->file)
		return;
	if (read) {
		/* read_iter does the first for the files that it reads. */
		if (seg->source == PW_SOURCE_CACHE)
			file_accessed(seg->file);
		fsnotify_access(seg->file);
	}
	fput(seg->file);
	seg->file = NULL;
	pw_gauge_add(PW_G_FILES, -1);
}
