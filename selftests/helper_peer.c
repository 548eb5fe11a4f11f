// SPDX-License-Identifier: GPL-2.0
/*
 * An ill-behaved receiver for the shell tests: it accepts late, reads slowly, stops
 * reading, or resets the connection. It compares what arrives with a file, byte by
 * byte, and prints "name value" lines: "listening PORT" first, at the end "bytes N"
 * and "differs_at N" (-1: nothing differs; so much of the file as arrived).
 *
 * Exit status: 0 nothing differs, 1 something does, 3 this program could not do its
 * part.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

struct options {
	int accept_delay_ms;
	int chunk_delay_ms;
	int receive_buffer;
	long long stall_after;
	long long reset_after;
	const char *check;
};

static const char usage[] = "Usage: helper_peer [OPTION]... ADDRESS PORT\n"
			    "Accept one connection and read it to its end.\n"
			    "  --check FILE       compare what arrives with FILE\n"
			    "  --accept-delay MS  let the connection wait in the backlog first\n"
			    "  --slow MS          a pause before every read of 64 KiB\n"
			    "  --stall BYTES      stop reading after so much, until SIGUSR1 comes\n"
			    "  --reset BYTES      reset the connection after so much\n"
			    "  --rcvbuf BYTES     SO_RCVBUF\n";

static void die(const char *what)
{
	fprintf(stderr, "helper_peer: %s: %s\n", what, strerror(errno));
	exit(3);
}

static int listen_on(const char *address, const char *port, int receive_buffer)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(atoi(port)) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	bool is_v6 = strchr(address, ':');
	int fd, one = 1;

	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address,
		      is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1) {
		fprintf(stderr, "helper_peer: %s is no address\n", address);
		exit(3);
	}
	fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		die("SO_REUSEADDR");
	if (receive_buffer &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer)))
		die("SO_RCVBUF");
	if (is_v6 ? bind(fd, (struct sockaddr *)&v6, sizeof(v6))
		  : bind(fd, (struct sockaddr *)&v4, sizeof(v4)))
		die("bind");
	if (listen(fd, 8))
		die("listen");
	return fd;
}

struct expected {
	const char *data;
	long long size;
	long long differs_at;
};

static void map_expected(const char *name, struct expected *e)
{
	struct stat st;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		die(name);
	e->size = st.st_size;
	if (e->size) {
		e->data = mmap(NULL, e->size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (e->data == MAP_FAILED)
			die(name);
	}
	close(fd);
}

static void compare(struct expected *e, const char *got, long long at, long long length)
{
	for (long long i = 0; e->differs_at < 0 && i < length; i++)
		if (at + i >= e->size || e->data[at + i] != got[i])
			e->differs_at = at + i;
}

/* SIGUSR1 is blocked from the start, so that one sent early isn't lost. */
static void wait_for_usr1(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	printf("stalled 1\n");
	fflush(stdout);
	sigwait(&set, &sig);
}

static void reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		die("SO_LINGER");
}

static long long receive(int fd, const struct options *o, struct expected *e)
{
	static char buffer[CHUNK];
	long long total = 0;
	bool stalled = false;

	for (;;) {
		size_t room = CHUNK;
		ssize_t n;

		if (o->reset_after >= 0 && total >= o->reset_after) {
			reset(fd);
			break;
		}
		if (o->stall_after >= 0 && !stalled && total >= o->stall_after) {
			stalled = true;
			wait_for_usr1();
		}
		if (o->reset_after >= 0 && o->reset_after - total < CHUNK)
			room = o->reset_after - total;
		if (o->stall_after >= 0 && !stalled && o->stall_after - total < CHUNK)
			room = o->stall_after - total;
		if (o->chunk_delay_ms)
			usleep(o->chunk_delay_ms * 1000);
		n = recv(fd, buffer, room, 0);
		if (n < 0)
			printf("error %s\n", strerrorname_np(errno));
		if (n <= 0)
			break;
		if (o->check)
			compare(e, buffer, total, n);
		total += n;
	}
	return total;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "check", required_argument, NULL, 'c' },
		{ "accept-delay", required_argument, NULL, 'a' },
		{ "slow", required_argument, NULL, 'w' },
		{ "stall", required_argument, NULL, 's' },
		{ "reset", required_argument, NULL, 'r' },
		{ "rcvbuf", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->check = optarg;
			break;
		case 'a':
			o->accept_delay_ms = atoi(optarg);
			break;
		case 'w':
			o->chunk_delay_ms = atoi(optarg);
			break;
		case 's':
			o->stall_after = atoll(optarg);
			break;
		case 'r':
			o->reset_after = atoll(optarg);
			break;
		case 'b':
			o->receive_buffer = atoi(optarg);
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
	struct options o = { .stall_after = -1, .reset_after = -1 };
	struct expected e = { .differs_at = -1 };
	int first = parse_options(argc, argv, &o);
	long long bytes;
	sigset_t set;
	int listener, fd;

	if (argc - first != 2) {
		fputs(usage, stderr);
		return 3;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (o.check)
		map_expected(o.check, &e);
	listener = listen_on(argv[first], argv[first + 1], o.receive_buffer);
	printf("listening %s\n", argv[first + 1]);
	fflush(stdout);
	if (o.accept_delay_ms)
		usleep(o.accept_delay_ms * 1000);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("accept");
	bytes = receive(fd, &o, &e);
	close(fd);
	printf("bytes %lld\ndiffers_at %lld\n", bytes, e.differs_at);
	return e.differs_at >= 0;
}
