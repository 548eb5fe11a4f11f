// SPDX-License-Identifier: GPL-2.0
/*
 * One PAGEWIRE_IOC_SEND for the shell tests: it connects, sends, and prints every
 * field of the result as "name value". It shares no code with the tool pagewire, so
 * that the two can bear witness to each other.
 *
 * Exit status: 0 everything went, 1 the transfer was refused, 2 it ended early,
 * 3 this program could not do its part.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/pagewire.h>

#define MAX_FILES 64

struct options {
	__u32 path;
	__u32 flags;
	__u64 offset;
	__u64 length;
	int open_flags;
	int send_buffer;
	int timeout_ms;
	int repeat;
	bool nonblock;
	const char *gate;
};

static const char usage[] =
	"Usage: helper_send [OPTION]... FILE... ADDRESS PORT\n"
	"Send files to a TCP socket by one PAGEWIRE_IOC_SEND and print its result.\n"
	"  --path copy|sg|NUMBER  default sg\n"
	"  --offset N --length N  the range, of every file\n"
	"  --direct               open the files with O_DIRECT\n"
	"  --sg-only, --more      flags of the request\n"
	"  --nonblock             O_NONBLOCK on the socket\n"
	"  --timeout MS           SO_SNDTIMEO of the socket\n"
	"  --sndbuf BYTES         SO_SNDBUF of the socket\n"
	"  --gate FILE            connect, then wait until FILE exists\n"
	"  --repeat N             as many requests, one after the other; the last one's\n"
	"                         result is printed\n";

static void die(const char *what)
{
	fprintf(stderr, "helper_send: %s: %s\n", what, strerror(errno));
	exit(3);
}

static __u32 path_number(const char *name)
{
	if (!strcmp(name, "copy"))
		return PAGEWIRE_PATH_COPY;
	if (!strcmp(name, "sg"))
		return PAGEWIRE_PATH_SG;
	return strtoul(name, NULL, 0);
}

static int connect_to(const char *address, const char *port, const struct options *o)
{
	struct timeval timeout = { .tv_sec = o->timeout_ms / 1000,
				   .tv_usec = o->timeout_ms % 1000 * 1000 };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(atoi(port)) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	bool is_v6 = strchr(address, ':');
	int fd;

	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address,
		      is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1) {
		fprintf(stderr, "helper_send: %s is no address\n", address);
		exit(3);
	}
	fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	if (o->send_buffer && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &o->send_buffer, sizeof(int)))
		die("SO_SNDBUF");
	if (o->timeout_ms && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)))
		die("SO_SNDTIMEO");
	if (is_v6 ? connect(fd, (struct sockaddr *)&v6, sizeof(v6))
		  : connect(fd, (struct sockaddr *)&v4, sizeof(v4)))
		die("connect");
	if (o->nonblock && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK))
		die("O_NONBLOCK");
	return fd;
}

static const char *error_name(int error)
{
	return error ? strerrorname_np(error) : "0";
}

static void print_result(int call, const struct pagewire_result *r)
{
	printf("call %s\nstatus %s\nreason %u\n", error_name(call), error_name(-r->status),
	       r->reason);
	printf("cookie %llu\nbytes %llu\npassed_bytes %llu\ncopied_bytes %llu\n", r->cookie,
	       r->bytes, r->passed_bytes, r->copied_bytes);
	printf("descriptors %llu\ncopies %llu\ncopied_why %u\n", r->descriptors, r->copies,
	       r->copied_why);
	printf("segment %u\nsegment_bytes %llu\nflags %u\npath %u\n", r->segment, r->segment_bytes,
	       r->flags, r->path);
	printf("disk_waits %u\nsocket_waits %u\ncache_hits %llu\ncache_misses %llu\n",
	       r->disk_waits, r->socket_waits, r->cache_hits, r->cache_misses);
	fflush(stdout);
}

static int send_files(int device, int sock, char **files, int nr, const struct options *o)
{
	struct pagewire_segment segments[MAX_FILES] = {};
	struct pagewire_send request = { .segments = (__u64)(unsigned long)segments,
					 .nr_segments = nr,
					 .socket = sock,
					 .path = o->path,
					 .flags = o->flags,
					 .cookie = 4711 };
	int call = 0;

	for (int i = 0; i < nr; i++) {
		segments[i].kind = PAGEWIRE_SEGMENT_FILE;
		segments[i].offset = o->offset;
		segments[i].length = o->length;
		segments[i].fd = open(files[i], o->open_flags);
		if (segments[i].fd < 0)
			die(files[i]);
	}
	for (int i = 0; i < o->repeat && !call && !request.result.status; i++)
		if (ioctl(device, PAGEWIRE_IOC_SEND, &request))
			call = errno;
	print_result(call, &request.result);
	if (call)
		return 1;
	return request.result.status ? 2 : 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "path", required_argument, NULL, 'p' },
		{ "offset", required_argument, NULL, 'o' },
		{ "length", required_argument, NULL, 'l' },
		{ "direct", no_argument, NULL, 'd' },
		{ "sg-only", no_argument, NULL, 's' },
		{ "more", no_argument, NULL, 'm' },
		{ "nonblock", no_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		{ "sndbuf", required_argument, NULL, 'b' },
		{ "gate", required_argument, NULL, 'g' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			o->path = path_number(optarg);
			break;
		case 'o':
			o->offset = strtoull(optarg, NULL, 0);
			break;
		case 'l':
			o->length = strtoull(optarg, NULL, 0);
			break;
		case 'd':
			o->open_flags |= O_DIRECT;
			break;
		case 's':
			o->flags |= PAGEWIRE_SEND_SG_ONLY;
			break;
		case 'm':
			o->flags |= PAGEWIRE_SEND_MORE;
			break;
		case 'n':
			o->nonblock = true;
			break;
		case 't':
			o->timeout_ms = atoi(optarg);
			break;
		case 'b':
			o->send_buffer = atoi(optarg);
			break;
		case 'g':
			o->gate = optarg;
			break;
		case 'r':
			o->repeat = atoi(optarg);
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

int main(int argc, char **argv)
{
	struct options o = { .path = PAGEWIRE_PATH_SG, .open_flags = O_RDONLY, .repeat = 1 };
	int first = parse_options(argc, argv, &o);
	int nr = argc - first - 2;
	int device, sock;

	if (nr < 1 || nr > MAX_FILES) {
		fputs(usage, stderr);
		return 3;
	}
	device = open("/dev/pagewire", O_RDWR | O_CLOEXEC);
	if (device < 0)
		die("/dev/pagewire");
	sock = connect_to(argv[argc - 2], argv[argc - 1], &o);
	while (o.gate && access(o.gate, F_OK))
		usleep(20000);
	return send_files(device, sock, argv + first, nr, &o);
}
