// SPDX-License-Identifier: GPL-2.0
/* Opening files for direct reading, and sendfile-odirect. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path_direct.h"
#include "path_io.h"

#define REFUSED	    "the file system can't open this file with O_DIRECT"

/* Enough for any disk whose file system doesn't say what it needs. */
#define USUAL_BLOCK 4096

static int reopen(int file)
{
	char name[32];
	int direct;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	direct = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);
	return direct < 0 ? -errno : direct;
}

static const char *cause(int err)
{
	switch (err) {
	case -EINVAL:
		return REFUSED;
	case -ENOENT:
		return "O_DIRECT takes opening the file once more, for which /proc is needed";
	default:
		return "the file can't be opened once more, with O_DIRECT";
	}
}

const char *path_direct_unavailable(int file)
{
	int direct = reopen(file);

	if (direct < 0)
		return cause(direct);
	close(direct);
	return NULL;
}

/* O_DIRECT is a wish. Many file systems fulfil it by a copy from the page cache. */
static void ask_block(struct path_direct *direct, struct path_outcome *out)
{
	struct statx st;

	direct->block = USUAL_BLOCK;
	direct->certain = false;
	out->syscalls++;
	if (statx(direct->file, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) < 0 ||
	    !(st.stx_mask & STATX_DIOALIGN)) {
		out->note = "the file system doesn't say whether it reads directly (tmpfs doesn't)";
	} else if (!st.stx_dio_offset_align) {
		out->note = "the file system reads this file through the page cache all the same";
	} else {
		direct->block = st.stx_dio_offset_align;
		direct->certain = true;
	}
}

int path_direct_open(const struct path_job *job, struct path_direct *direct,
		     struct path_outcome *out)
{
	out->syscalls++;
	direct->file = reopen(job->file);
	if (direct->file < 0) {
		out->note = cause(direct->file);
		return direct->file;
	}
	ask_block(direct, out);
	return 0;
}

void path_direct_close(struct path_direct *direct, struct path_outcome *out)
{
	out->syscalls++;
	close(direct->file);
}

/*
 * One sendfile(2) of what comes next: directly as many whole blocks as there
 * are, else up to the next block or the end through the page cache. Reading
 * past the range is no way out: sendfile(2) would send it.
 */
static ssize_t send_some(const struct path_job *job, const struct path_direct *direct,
			 struct path_outcome *out)
{
	off_t offset = job->offset + out->bytes;
	size_t length = path_chunk(job, out, PATH_MAX_CALL);
	size_t over = offset & (direct->block - 1);
	int file = direct->file;
	ssize_t n;

	if (!over && length >= direct->block) {
		length &= ~(size_t)(direct->block - 1);
	} else {
		file = job->file;
		if (length > direct->block - over)
			length = direct->block - over;
		if (!out->note)
			out->note = "what isn't a whole block of the file went through "
				    "the page cache";
	}
	out->syscalls++;
	n = sendfile(job->socket, file, &offset, length);
	return n < 0 ? -errno : n;
}

static int send_all(const struct path_job *job, const struct path_direct *direct,
		    struct path_outcome *out)
{
	while (path_left(job, out)) {
		ssize_t n = send_some(job, direct, out);

		if (n == 0) {
			path_ended(out);
			break;
		}
		if (n > 0) {
			path_sent(job, out, n);
			continue;
		}
		n = path_retry(job->socket, n, out);
		if (n == -EINVAL)
			out->note = "sendfile(2) can't read this file with O_DIRECT";
		if (n)
			return n;
	}
	return 0;
}

int path_sendfile_odirect(const struct path_job *job, struct path_outcome *out)
{
	struct path_direct direct;
	int err;

	out->copied_bytes = -1;
	out->passed_bytes = -1;
	err = path_direct_open(job, &direct, out);
	if (err)
		return err;
	if (job->more)
		err = path_cork(job, out);
	if (!err)
		err = send_all(job, &direct, out);
	path_direct_close(&direct, out);
	return err;
}
