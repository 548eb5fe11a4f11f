// SPDX-License-Identifier: GPL-2.0
/*
 * pairs: the sender's CPU time of three ways to move one hot file over TCP
 *
 * A sender (this process) and a receiver (its child) share one TCP connection
 * on loopback. Each round moves the file once in each way, one call a way, and
 * starts with another way than the last round did. A round gives a ratio of
 * neighbours in time, the result is the median of the rounds' ratios: what
 * disturbs the machine for seconds disturbs all ways alike.
 *
 * The receiver discards by recv(MSG_TRUNC), which copies nothing: it should
 * take as little of the CPU and of its caches from the sender as it can. The
 * next way starts when the receiver has everything. Two things keep its work
 * out of the sender's account, on one CPU and on loopback:
 *
 * - It runs as SCHED_BATCH, so that it never preempts the sender. Otherwise a
 *   way that offers to be rescheduled often is charged for many more switches
 *   of process, which are very dear in User-Mode Linux; and in kernels without
 *   preemption the scheduler charges what a process still does after it woke
 *   another one to that other one (rq_clock_skip_update).
 * - Its receive buffer is smaller than the send buffer. So TCP transmits when
 *   acknowledgements come in, as it does on a real network, and does that in
 *   the context that takes them in: the receiver's. What is left is the cost
 *   of the sender's own call: look-up, descriptors, queueing. The receiver's
 *   CPU, TCP's transmission in it, should be the same in all ways.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/pagewire.h>

#include "limit.h"

#define WARM_UP_ROUNDS 2
#define PAGE_BYTES     4096
#define RECEIVE_BYTES  (16u << 20)
#define RECEIVE_BUFFER (512 << 10)

struct bench {
	int file;
	int socket;
	int pagewire; /* -1: measure without */
	int limit;
	int received; /* pipe: a byte when the receiver has one file's bytes */
	uint64_t size;
	unsigned int rounds;
	bool scattered; /* the file's pages, in physical memory */
	clockid_t receiver_clock;
};

struct way {
	const char *name;
	void (*send)(const struct bench *bench);
	bool present;
	/* nanoseconds, one per round */
	double *sender;
	double *receiver;
	double *ratio; /* of sender, to sendfile's */
	double *both;  /* of sender + receiver */
};

static void fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "pairs: error: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static int check(int result, const char *what)
{
	if (result < 0)
		fail("%s: %s", what, strerror(errno));
	return result;
}

static void *allocate(size_t bytes)
{
	void *memory = calloc(1, bytes);

	if (!memory)
		fail("out of memory for %zu bytes", bytes);
	return memory;
}

static double now(clockid_t clock)
{
	struct timespec t;

	check(clock_gettime(clock, &t), "clock_gettime");
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void send_by_sendfile(const struct bench *bench)
{
	off_t offset = 0;
	ssize_t sent = sendfile(bench->socket, bench->file, &offset, bench->size);

	if (sent < 0 || (uint64_t)sent != bench->size)
		fail("sendfile sent %zd of %llu bytes: %s", sent, (unsigned long long)bench->size,
		     strerror(errno));
}

static void send_by_sg(const struct bench *bench)
{
	struct pagewire_segment segment = {
		.kind = PAGEWIRE_SEGMENT_FILE,
		.fd = bench->file,
		.length = bench->size,
	};
	struct pagewire_send send = {
		.segments = (uintptr_t)&segment,
		.nr_segments = 1,
		.socket = bench->socket,
		.path = PAGEWIRE_PATH_SG,
		.flags = PAGEWIRE_SEND_SG_ONLY,
	};

	check(ioctl(bench->pagewire, PAGEWIRE_IOC_SEND, &send), "PAGEWIRE_IOC_SEND");
	if (send.result.passed_bytes != bench->size)
		fail("path sg passed %llu of %llu bytes, status %d, reason %u",
		     (unsigned long long)send.result.passed_bytes, (unsigned long long)bench->size,
		     send.result.status, send.result.reason);
}

static void send_limit(const struct bench *bench)
{
	struct pagewire_limit_send send = {
		.bytes = bench->size,
		.socket = bench->socket,
	};

	check(ioctl(bench->limit, PAGEWIRE_LIMIT_IOC_SEND, &send), "PAGEWIRE_LIMIT_IOC_SEND");
	if (send.bytes != bench->size)
		fail("the limit sent %llu of %llu bytes", (unsigned long long)send.bytes,
		     (unsigned long long)bench->size);
}

static struct way ways[] = {
	{ .name = "sendfile", .send = send_by_sendfile },
	{ .name = "sg", .send = send_by_sg },
	{ .name = "limit", .send = send_limit },
};
#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))

/*
 * The order in which pages are written decides where they lie in memory: one
 * after the other here, which a young system's page cache resembles, or in
 * random order, which an old one's does: there every page costs a cache miss.
 */
static void make_file(struct bench *bench, const char *path)
{
	uint32_t nr_pages = bench->size / PAGE_BYTES, i;
	uint32_t *order = allocate(nr_pages * sizeof(*order));
	static char page[PAGE_BYTES];

	bench->file = check(open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), path);
	unlink(path);
	srandom(1);
	for (i = 0; i < nr_pages; i++) {
		uint32_t other = bench->scattered ? random() % (i + 1) : i;

		order[i] = order[other];
		order[other] = i;
	}
	for (i = 0; i < nr_pages; i++) {
		off_t offset = (off_t)order[i] * PAGE_BYTES;

		memset(page, (int)order[i], sizeof(page));
		if (pwrite(bench->file, page, sizeof(page), offset) != (ssize_t)sizeof(page))
			fail("%s: can't write %llu MiB: %s", path,
			     (unsigned long long)(bench->size >> 20), strerror(errno));
	}
	free(order);
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");

	check(ioctl(fd, SIOCGIFFLAGS, &request), "lo");
	if (!(request.ifr_flags & IFF_UP)) {
		request.ifr_flags |= IFF_UP;
		check(ioctl(fd, SIOCSIFFLAGS, &request), "lo up");
	}
	close(fd);
}

static void receive_for_ever(int fd, int done, uint64_t size)
{
	struct sched_param parameters = { 0 };
	uint64_t got = 0;
	ssize_t n;

	check(sched_setscheduler(0, SCHED_BATCH, &parameters), "SCHED_BATCH");
	while ((n = recv(fd, NULL, RECEIVE_BYTES, MSG_TRUNC)) > 0) {
		got += n;
		for (; got >= size; got -= size)
			if (write(done, "", 1) != 1)
				_exit(1);
	}
	_exit(n < 0 || got);
}

static pid_t start_receiver(struct bench *bench)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int listener, done[2], buffer = RECEIVE_BUFFER;
	pid_t pid;

	loopback_up();
	listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	check(setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)),
	      "SO_RCVBUFFORCE");
	check(bind(listener, (struct sockaddr *)&address, length), "bind");
	check(listen(listener, 1), "listen");
	check(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
	check(pipe(done), "pipe");
	pid = check(fork(), "fork");
	if (pid == 0)
		receive_for_ever(check(accept(listener, NULL, NULL), "accept"), done[1],
				 bench->size);
	close(listener);
	close(done[1]);
	bench->received = done[0];
	bench->socket = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	check(connect(bench->socket, (struct sockaddr *)&address, length), "connect");
	if (clock_getcpuclockid(pid, &bench->receiver_clock))
		fail("no CPU clock of process %d", pid);
	return pid;
}

static void measure(const struct bench *bench, struct way *way, unsigned int round)
{
	double sender, receiver;
	char byte;

	receiver = now(bench->receiver_clock);
	sender = now(CLOCK_PROCESS_CPUTIME_ID);
	way->send(bench);
	way->sender[round] = now(CLOCK_PROCESS_CPUTIME_ID) - sender;
	if (read(bench->received, &byte, 1) != 1)
		fail("the receiver died");
	way->receiver[round] = now(bench->receiver_clock) - receiver;
}

static void set_ratios(unsigned int round)
{
	double sender = ways[0].sender[round];
	double both = sender + ways[0].receiver[round];
	unsigned int i;

	for (i = 0; i < NR_WAYS; i++) {
		struct way *way = &ways[i];

		way->ratio[round] = way->sender[round] / sender;
		way->both[round] = (way->sender[round] + way->receiver[round]) / both;
	}
}

static void run_rounds(const struct bench *bench)
{
	unsigned int round, i;

	for (round = 0; round < bench->rounds + WARM_UP_ROUNDS; round++) {
		unsigned int slot = round < WARM_UP_ROUNDS ? 0 : round - WARM_UP_ROUNDS;

		for (i = 0; i < NR_WAYS; i++) {
			struct way *way = &ways[(round + i) % NR_WAYS];

			if (way->present)
				measure(bench, way, slot);
		}
		set_ratios(slot);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *sorted, unsigned int n)
{
	return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

static void print_table(const struct bench *bench)
{
	unsigned int last = bench->rounds - 1, i;
	double kib = bench->size / 1024.0;

	printf("%u rounds of %llu MiB, hot, %s 4 KiB folios on tmpfs, one TCP connection on "
	       "loopback\n",
	       bench->rounds, (unsigned long long)(bench->size >> 20),
	       bench->scattered ? "scattered" : "adjacent");
	printf("%-9s | %-23s | %-8s | %-23s | %s\n", "", "sender CPU, ns per KiB", "receiver",
	       "sender / sendfile's", "both");
	printf("%-9s | %7s %7s %7s | %8s | %7s %7s %7s | %6s\n", "way", "min", "median", "max",
	       "median", "min", "median", "max", "median");
	for (i = 0; i < NR_WAYS; i++) {
		struct way *way = &ways[i];

		if (!way->present)
			continue;
		qsort(way->sender, bench->rounds, sizeof(double), compare);
		qsort(way->receiver, bench->rounds, sizeof(double), compare);
		qsort(way->ratio, bench->rounds, sizeof(double), compare);
		qsort(way->both, bench->rounds, sizeof(double), compare);
		printf("%-9s | %7.1f %7.1f %7.1f | %8.1f | %7.2f %7.2f %7.2f | %6.2f\n", way->name,
		       way->sender[0] / kib, median(way->sender, bench->rounds) / kib,
		       way->sender[last] / kib, median(way->receiver, bench->rounds) / kib,
		       way->ratio[0], median(way->ratio, bench->rounds), way->ratio[last],
		       median(way->both, bench->rounds));
	}
}

static void print_ratios(const struct bench *bench)
{
	unsigned int i;

	for (i = 1; i < NR_WAYS; i++)
		if (ways[i].present)
			printf("%s/sendfile %.2f%s", ways[i].name,
			       median(ways[i].ratio, bench->rounds), i < NR_WAYS - 1 ? " " : "\n");
}

static uint64_t number(const char *text, const char *option)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !value || value > 1 << 20) {
		fprintf(stderr, "pairs: %s needs a number from 1 to %u\n", option, 1 << 20);
		exit(2);
	}
	return value;
}

static void usage(void)
{
	puts("Usage: pairs [--rounds N] [--mib N] [--file PATH] [--scattered] [--no-pagewire]\n"
	     "Alternate sendfile(2), pagewire's path sg and the limit in rounds and\n"
	     "print the sender's CPU time of each, and the ratios.\n"
	     "  --rounds N     counted rounds (default 101)\n"
	     "  --mib N        size of the file in MiB (default 256)\n"
	     "  --file PATH    where to make the file (default /tmp/pairs.data)\n"
	     "  --scattered    pages in random places of memory, not side by side\n"
	     "  --no-pagewire  without /dev/pagewire\n"
	     "Exit status: 0 done, 1 failed, 2 usage.");
}

static void parse_arguments(int argc, char **argv, struct bench *bench, const char **path)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "mib", required_argument, NULL, 'm' },
		{ "file", required_argument, NULL, 'f' },
		{ "scattered", no_argument, NULL, 's' },
		{ "no-pagewire", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			bench->rounds = number(optarg, "--rounds");
			break;
		case 'm':
			bench->size = number(optarg, "--mib") << 20;
			break;
		case 'f':
			*path = optarg;
			break;
		case 's':
			bench->scattered = true;
			break;
		case 'n':
			bench->pagewire = -1;
			break;
		case 'h':
			usage();
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pairs: unknown argument '%s'\n", argv[optind]);
		exit(2);
	}
}

static void set_up_ways(unsigned int rounds, bool with_pagewire)
{
	unsigned int i;

	for (i = 0; i < NR_WAYS; i++) {
		ways[i].present = ways[i].send != send_by_sg || with_pagewire;
		ways[i].sender = allocate(rounds * sizeof(double));
		ways[i].receiver = allocate(rounds * sizeof(double));
		ways[i].ratio = allocate(rounds * sizeof(double));
		ways[i].both = allocate(rounds * sizeof(double));
	}
}

int main(int argc, char **argv)
{
	struct bench bench = { .size = 256u << 20, .rounds = 101 };
	const char *path = "/tmp/pairs.data";

	parse_arguments(argc, argv, &bench, &path);
	set_up_ways(bench.rounds, bench.pagewire >= 0);
	signal(SIGPIPE, SIG_IGN);
	make_file(&bench, path);
	if (bench.pagewire >= 0)
		bench.pagewire = check(open("/dev/pagewire", O_RDWR), "/dev/pagewire");
	bench.limit = check(open("/dev/pagewire-limit", O_RDWR), "/dev/pagewire-limit");
	start_receiver(&bench);
	run_rounds(&bench);
	close(bench.socket);
	wait(NULL);
	print_table(&bench);
	print_ratios(&bench);
	return fflush(stdout) ? 1 : 0;
}
