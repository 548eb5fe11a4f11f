// SPDX-License-Identifier: GPL-2.0
/*
 * Sends a file to a TCP socket in a known way, tagged just for that, and prints what it
 * did by its own account as "name value" (for the shell tests of the probes). While
 * it is tagged its name is "seen-work", so that the kernel's own tracing can
 * count the same stretch; the calls of prctl(2) and getrusage(2) round the work are in
 * the figures.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <linux/sockios.h>

#include "jobs.h"

static const char usage[] =
	"Usage: helper_seen [OPTION]... FILE [ADDRESS PORT]\n"
	"Send FILE while tagged, and print what that took by the program's own account.\n"
	"  --way NAME       read-write mmap-write zerocopy sendfile splice sg copy, or read: no\n"
	"                   socket then (default sendfile)\n"
	"  --label LABEL    the tag's label; without one: no tag\n"
	"  --block BYTES    of one call (65536)\n"
	"  --repeat N       times that the whole is sent (1)\n"
	"  --direct         open FILE with O_DIRECT\n"
	"  --time           print the CPU time that each repetition took: \"ns N\" lines\n"
	"  --hold           only tag itself, say \"held\", and wait for the end of its input\n";

#define MAX_REPEAT 1000

struct options {
	const char *way;
	const char *label;
	size_t block;
	int repeat;
	int open_flags;
	bool time;
	bool hold;
	long long ns[MAX_REPEAT];
};

static const struct way {
	const char *name;
	int (*run)(struct job *j);
	uint32_t path;
} ways[] = {
	{ "read", job_read, 0 },
	{ "read-write", job_read_write, 0 },
	{ "mmap-write", job_mmap_write, 0 },
	{ "zerocopy", job_zerocopy, 0 },
	{ "sendfile", job_sendfile, 0 },
	{ "splice", job_splice, 0 },
	{ "sg", job_module, PAGEWIRE_PATH_SG },
	{ "copy", job_module, PAGEWIRE_PATH_COPY },
};

static void die(const char *what)
{
	fprintf(stderr, "helper_seen: %s: %s\n", what, strerror(errno));
	exit(3);
}

static const struct way *find_way(const char *name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!strcmp(ways[i].name, name))
			return ways + i;
	}
	fprintf(stderr, "helper_seen: no way called '%s': see --help\n", name);
	exit(3);
}

static int connect_to(const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
		fprintf(stderr, "helper_seen: %s is no IPv4 address\n", address);
		exit(3);
	}
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		die("SO_ZEROCOPY");
	return fd;
}

/* Until the peer has acknowledged everything; each look is two calls. */
static void wait_acknowledged(struct job *j)
{
	struct timespec pause = { .tv_nsec = 20000000 };
	int left = 1;

	while (j->socket >= 0) {
		j->calls++;
		if (ioctl(j->socket, SIOCOUTQ, &left))
			die("SIOCOUTQ");
		if (!left)
			return;
		j->calls++;
		nanosleep(&pause, NULL);
	}
}

static long long cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void work(struct job *j, const struct way *way, struct options *o)
{
	int error = 0;

	for (int i = 0; i < o->repeat && !error; i++) {
		long long from = o->time ? cpu_ns() : 0;

		error = way->run(j);
		if (!o->time)
			continue;
		o->ns[i] = cpu_ns() - from;
		j->calls += 2;
	}
	if (error) {
		errno = -error;
		die(way->name);
	}
	wait_acknowledged(j);
}

static void work_tagged(struct job *j, const struct way *way, struct options *o,
			struct rusage rusage[2])
{
	if (o->label && job_tag(j->device, o->label, 0, 0))
		die("PAGEWIRE_IOC_TAG");
	j->calls += 4;
	prctl(PR_SET_NAME, "seen-work");
	getrusage(RUSAGE_SELF, rusage);
	work(j, way, o);
	getrusage(RUSAGE_SELF, rusage + 1);
	prctl(PR_SET_NAME, "seen-idle");
	if (o->label && job_untag(j->device))
		die("PAGEWIRE_IOC_UNTAG");
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "way", required_argument, NULL, 'w' },
		{ "label", required_argument, NULL, 'l' },
		{ "block", required_argument, NULL, 'b' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "direct", no_argument, NULL, 'd' },
		{ "time", no_argument, NULL, 't' },
		{ "hold", no_argument, NULL, 'H' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'w':
			o->way = optarg;
			break;
		case 'l':
			o->label = optarg;
			break;
		case 'b':
			o->block = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			o->repeat = atoi(optarg);
			break;
		case 'd':
			o->open_flags |= O_DIRECT;
			break;
		case 't':
			o->time = true;
			break;
		case 'H':
			o->hold = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(3);
		}
	}
	return optind;
}

static void job_prepare(struct job *j, const struct options *o, char **names, int nr)
{
	struct stat st;

	j->block = o->block;
	j->device = open("/dev/pagewire", O_RDWR | O_CLOEXEC);
	if (j->device < 0 && o->label)
		die("/dev/pagewire");
	j->file = open(names[0], O_RDONLY | O_CLOEXEC | o->open_flags);
	if (j->file < 0 || fstat(j->file, &st))
		die(names[0]);
	j->size = st.st_size;
	j->socket = nr == 3 ? connect_to(names[1], names[2]) : -1;
	j->buffer = mmap(NULL, o->block, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (j->buffer == MAP_FAILED || pipe2(j->pipe, O_CLOEXEC))
		die("a buffer and a pipe");
	fcntl(j->pipe[1], F_SETPIPE_SZ, (int)o->block);
}

/* The device's descriptor is closed by the end of the process: so goes the tag. */
static int hold(const char *label)
{
	int device = open("/dev/pagewire", O_RDWR | O_CLOEXEC);
	char byte;

	if (device < 0 || job_tag(device, label ? label : "held", 0, 0))
		die("PAGEWIRE_IOC_TAG");
	puts("held");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	static struct options o = { .way = "sendfile", .block = 65536, .repeat = 1 };
	int first = parse_options(argc, argv, &o);
	const struct way *way = find_way(o.way);
	struct rusage rusage[2];
	struct tcp_info info = {};
	socklen_t length = sizeof(info);
	struct job j = {};

	if (o.hold && argc == first)
		return hold(o.label);
	if (o.repeat < 1 || o.repeat > MAX_REPEAT || (argc - first != 1 && argc - first != 3) ||
	    (argc - first == 1 && way->run != job_read)) {
		fputs(usage, stderr);
		return 3;
	}
	job_prepare(&j, &o, argv + first, argc - first);
	j.path = way->path;
	/* Met here, not in the work. */
	memset(rusage, 0, sizeof(rusage));
	work_tagged(&j, way, &o, rusage);
	for (int i = 0; o.time && i < o.repeat; i++)
		printf("ns %lld\n", o.ns[i]);
	printf("calls %llu\nbytes %llu\n", (unsigned long long)j.calls,
	       (unsigned long long)j.size * o.repeat);
	printf("voluntary %ld\ninvoluntary %ld\n", rusage[1].ru_nvcsw - rusage[0].ru_nvcsw,
	       rusage[1].ru_nivcsw - rusage[0].ru_nivcsw);
	if (j.socket >= 0 && !getsockopt(j.socket, IPPROTO_TCP, TCP_INFO, &info, &length))
		printf("retransmits %u\n", info.tcpi_total_retrans);
	return 0;
}
