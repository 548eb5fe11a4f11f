// SPDX-License-Identifier: GPL-2.0
/* The table of the paths. */
#include <string.h>

#include "path_io.h"

const struct path paths[] = {
	{ "read-write", "read(2) into a buffer, send(2) from it: two copies", false,
	  path_read_write },
	{ "pread-write", "the same with pread(2), a large buffer and read-ahead advice", false,
	  path_pread_write },
	{ "pread-nowait", "pread that never waits (RWF_NOWAIT), and one that may", false,
	  path_pread_nowait },
	{ "mmap-write", "send(2) from a mapping of the file: one copy", false, path_mmap_write },
	{ "sendfile", "sendfile(2): the kernel passes pages, 64 KiB at a time", false,
	  path_sendfile },
	{ "sendfile-odirect", "sendfile(2) of a file opened with O_DIRECT: no page cache", false,
	  path_sendfile_odirect, path_direct_unavailable },
	{ "splice", "splice(2) through a pipe of 1 MiB: the kernel passes pages", false,
	  path_splice },
	{ "msg-zerocopy", "send(2) with MSG_ZEROCOPY from a mapping of the file", false,
	  path_msg_zerocopy },
	{ "uring-splice", "io_uring: two linked splices through a pipe of 1 MiB", false,
	  path_uring_splice, path_ring_unavailable },
	{ "uring-direct", "io_uring: direct reads in flight, and send: one copy", false,
	  path_uring_direct, path_uring_direct_unavailable },
	{ "uring-direct-zc", "the same with registered buffers and zero-copy send", false,
	  path_uring_direct_zc, path_uring_direct_unavailable },
	{ "copy", "the module copies, as Linux 2.1's sendfile: for comparison", true,
	  path_module_copy },
	{ "sg", "the module passes page descriptors: no copy", true, path_module_sg },
};
const size_t nr_paths = sizeof(paths) / sizeof(paths[0]);

const struct path *path_find(const char *name)
{
	for (size_t i = 0; i < nr_paths; i++)
		if (!strcmp(paths[i].name, name))
			return &paths[i];
	return NULL;
}
