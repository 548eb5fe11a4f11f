// SPDX-License-Identifier: GPL-2.0
/* The table of the paths. */
#include <string.h>

#include "path_io.h"

const struct path paths[] = {
	{ "read-write", "read(2) into a buffer, send(2) from it: two copies", false,
	  path_read_write },
	{ "pread-write", "the same with pread(2), a large buffer and read-ahead advice", false,
	  path_pread_write },
	{ "mmap-write", "send(2) from a mapping of the file: one copy", false, path_mmap_write },
	{ "sendfile", "sendfile(2): the kernel passes pages, 64 KiB at a time", false,
	  path_sendfile },
	{ "splice", "splice(2) through a pipe of 1 MiB: the kernel passes pages", false,
	  path_splice },
	{ "msg-zerocopy", "send(2) with MSG_ZEROCOPY from a mapping of the file", false,
	  path_msg_zerocopy },
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
