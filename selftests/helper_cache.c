// SPDX-License-Identifier: GPL-2.0
/*
 * Looks at, and changes, what the page cache holds of a file:
 *   helper_cache resident FILE   prints "resident PAGES" and "pages PAGES"
 *   helper_cache pageout FILE    asks the kernel to reclaim the file's pages (those of
 *                                tmpfs go to swap), then prints the same
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "helper_cache: %s: %s\n", what, strerror(errno));
	exit(3);
}

static void page_out(char *map, size_t size, long page)
{
	/* Only mapped pages are looked at. */
	for (size_t at = 0; at < size; at += page)
		(void)*(volatile char *)(map + at);
	if (madvise(map, size, MADV_PAGEOUT))
		die("MADV_PAGEOUT");
}

int main(int argc, char **argv)
{
	long page = sysconf(_SC_PAGESIZE);
	size_t pages, resident = 0;
	unsigned char *present;
	struct stat st;
	char *map;
	int fd;

	if (argc != 3 || (strcmp(argv[1], "resident") && strcmp(argv[1], "pageout"))) {
		fprintf(stderr, "Usage: helper_cache resident|pageout FILE\n");
		return 3;
	}
	fd = open(argv[2], O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die(argv[2]);
	map = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	if (!strcmp(argv[1], "pageout"))
		page_out(map, st.st_size, page);
	pages = (st.st_size + page - 1) / page;
	present = malloc(pages);
	if (!present || mincore(map, st.st_size, present))
		die("mincore");
	for (size_t i = 0; i < pages; i++)
		resident += present[i] & 1;
	printf("resident %zu\npages %zu\n", resident, pages);
	return 0;
}
