// SPDX-License-Identifier: GPL-2.0
/*
 * A FUSE file system in one file: it shows the regular files of one folder, read-only,
 * and speaks the protocol to /dev/fuse directly, so that the tests need no library.
 *
 *   helper_fuse [--fail-at OFFSET] SOURCE MOUNTPOINT
 *
 * Needs root. Prints "mounted MOUNTPOINT" and serves until that is unmounted. With
 * --fail-at, reading the byte at OFFSET gives EIO.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_NODES  64
#define FIRST_NODE (FUSE_ROOT_ID + 1)
#define BUFFER	   (FUSE_MIN_READ_BUFFER + 1024 * 1024)

static char *names[MAX_NODES];
static int nr_names;
static int source;
static int fuse;
static long long fail_at = -1;
static char buffer[BUFFER];
static char data[BUFFER];

static void die(const char *what)
{
	fprintf(stderr, "helper_fuse: %s: %s\n", what, strerror(errno));
	exit(3);
}

static void reply(const struct fuse_in_header *in, int error, const void *answer, size_t length)
{
	struct fuse_out_header out = { .len = sizeof(out) + (error ? 0 : length),
				       .error = -error,
				       .unique = in->unique };
	struct iovec iov[] = { { &out, sizeof(out) }, { (void *)answer, length } };

	/* ENOENT: the request was given up in the meantime. */
	if (writev(fuse, iov, error || !length ? 1 : 2) < 0 && errno != ENOENT)
		die("answer to the kernel");
}

/* Returns 0 or an errno. */
static int get_attr(__u64 node, struct fuse_attr *attr)
{
	struct stat st;

	if (node == FUSE_ROOT_ID) {
		if (fstat(source, &st))
			return errno;
	} else if (fstatat(source, names[node - FIRST_NODE], &st, 0)) {
		return errno;
	}
	*attr = (struct fuse_attr){ .ino = node,
				    .size = st.st_size,
				    .blocks = st.st_blocks,
				    .mtime = st.st_mtime,
				    .ctime = st.st_ctime,
				    .mode = st.st_mode,
				    .nlink = st.st_nlink,
				    .blksize = 4096 };
	return 0;
}

static __u64 find_node(const char *name)
{
	struct stat st;
	int i;

	for (i = 0; i < nr_names; i++)
		if (!strcmp(names[i], name))
			return FIRST_NODE + i;
	if (nr_names == MAX_NODES || fstatat(source, name, &st, 0) || !S_ISREG(st.st_mode))
		return 0;
	names[nr_names] = strdup(name);
	return FIRST_NODE + nr_names++;
}

static void do_init(const struct fuse_in_header *in, const struct fuse_init_in *arg)
{
	struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION,
				     .minor = FUSE_KERNEL_MINOR_VERSION,
				     .max_readahead = arg->max_readahead,
				     .max_write = 65536,
				     .time_gran = 1 };

	reply(in, 0, &out, sizeof(out));
}

static void do_lookup(const struct fuse_in_header *in, const char *name)
{
	struct fuse_entry_out out = { .nodeid = find_node(name),
				      .entry_valid = 1,
				      .attr_valid = 1 };

	if (!out.nodeid)
		reply(in, ENOENT, NULL, 0);
	else
		reply(in, get_attr(out.nodeid, &out.attr), &out, sizeof(out));
}

static void do_read(const struct fuse_in_header *in, const struct fuse_read_in *arg)
{
	ssize_t n;

	if (fail_at >= (long long)arg->offset && fail_at < (long long)(arg->offset + arg->size)) {
		reply(in, EIO, NULL, 0);
		return;
	}
	n = pread(arg->fh, data, arg->size < BUFFER ? arg->size : BUFFER, arg->offset);
	reply(in, n < 0 ? errno : 0, data, n < 0 ? 0 : n);
}

static void do_open(const struct fuse_in_header *in)
{
	struct fuse_open_out out = {};
	int fd = openat(source, names[in->nodeid - FIRST_NODE], O_RDONLY | O_CLOEXEC);

	out.fh = fd;
	reply(in, fd < 0 ? errno : 0, &out, sizeof(out));
}

static void do_getattr(const struct fuse_in_header *in)
{
	struct fuse_attr_out out = { .attr_valid = 1 };

	reply(in, get_attr(in->nodeid, &out.attr), &out, sizeof(out));
}

static void do_statfs(const struct fuse_in_header *in)
{
	struct fuse_statfs_out out = { .st = { .bsize = 4096, .namelen = 255 } };

	reply(in, 0, &out, sizeof(out));
}

static void serve(const struct fuse_in_header *in, const void *arg)
{
	switch (in->opcode) {
	case FUSE_INIT:
		do_init(in, arg);
		break;
	case FUSE_LOOKUP:
		do_lookup(in, arg);
		break;
	case FUSE_GETATTR:
		do_getattr(in);
		break;
	case FUSE_OPEN:
		do_open(in);
		break;
	case FUSE_READ:
		do_read(in, arg);
		break;
	case FUSE_RELEASE:
		close(((const struct fuse_release_in *)arg)->fh);
		reply(in, 0, NULL, 0);
		break;
	case FUSE_STATFS:
		do_statfs(in);
		break;
	case FUSE_FLUSH:
	case FUSE_ACCESS:
		reply(in, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break; /* these have no answer */
	default:
		reply(in, ENOSYS, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	char options[80];
	ssize_t n;

	if (argc == 5 && !strcmp(argv[1], "--fail-at")) {
		fail_at = atoll(argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (argc != 3) {
		fprintf(stderr, "Usage: helper_fuse [--fail-at OFFSET] SOURCE MOUNTPOINT\n");
		return 3;
	}
	source = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source < 0)
		die(argv[1]);
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse < 0)
		die("/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (mount("helper", argv[2], "fuse", MS_RDONLY | MS_NOSUID | MS_NODEV, options))
		die(argv[2]);
	printf("mounted %s\n", argv[2]);
	fflush(stdout);
	while ((n = read(fuse, buffer, sizeof(buffer))) > 0 || errno == EINTR || errno == ENOENT)
		if (n > 0)
			serve((void *)buffer, buffer + sizeof(struct fuse_in_header));
	return errno == ENODEV ? 0 : 3;
}
