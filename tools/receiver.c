// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "net.h"
#include "out.h"
#include "receiver.h"

/* A multiple of 8: only the last piece of a stream has odd bytes. */
#define PIECE (256u << 10)

struct order {
	size_t connection;
	uint64_t bytes;
	enum receiver_mode mode;
};

static _Alignas(4096) unsigned char piece[PIECE], expected[PIECE];

double receiver_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/*
 * Fletcher's checksum of 64-bit words: a word that is missing, wrong or in
 * another place changes it, and it costs two additions a word.
 */
struct checksum {
	uint64_t sum, sum_of_sums;
};

static void checksum_add(struct checksum *checksum, const unsigned char *bytes, size_t length)
{
	uint64_t word;

	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		checksum->sum += word;
		checksum->sum_of_sums += checksum->sum;
	}
	if (length) {
		word = 0;
		memcpy(&word, bytes, length);
		checksum->sum += word;
		checksum->sum_of_sums += checksum->sum;
	}
}

static uint64_t checksum_end(const struct checksum *checksum)
{
	return checksum->sum_of_sums ^ (checksum->sum << 32 | checksum->sum >> 32);
}

/* @length bytes of @file, or -EIO if it ends before. */
static int read_exactly(int file, unsigned char *bytes, size_t length, uint64_t offset)
{
	while (length) {
		ssize_t n = pread(file, bytes, length, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		bytes += n;
		length -= n;
		offset += n;
	}
	return 0;
}

int receiver_file_checksum(int file, uint64_t bytes, uint64_t *result)
{
	struct checksum checksum = { 0 };
	uint64_t done = 0;

	while (done < bytes) {
		size_t length = bytes - done < PIECE ? bytes - done : PIECE;
		int err = read_exactly(file, piece, length, done);

		if (err)
			return err;
		checksum_add(&checksum, piece, length);
		done += length;
	}
	*result = checksum_end(&checksum);
	return 0;
}

static void compare_piece(int file, size_t length, struct receiver_report *report)
{
	report->error = read_exactly(file, expected, length, report->bytes);
	if (report->error || !memcmp(piece, expected, length))
		return;
	report->differs = true;
	report->difference = report->bytes;
	for (size_t i = 0; piece[i] == expected[i]; i++)
		report->difference++;
}

static void take(int socket, int file, const struct order *order, struct receiver_report *report)
{
	struct checksum checksum = { 0 };
	int flags = order->mode == RECEIVER_COUNT ? MSG_TRUNC : MSG_WAITALL;

	while (report->bytes < order->bytes && !report->error) {
		uint64_t left = order->bytes - report->bytes;
		ssize_t n = recv(socket, piece, left < PIECE ? left : PIECE, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			report->error = n ? -errno : 0;
			break;
		}
		if (order->mode == RECEIVER_CHECKSUM)
			checksum_add(&checksum, piece, n);
		else if (order->mode == RECEIVER_COMPARE && !report->differs)
			compare_piece(file, n, report);
		report->bytes += n;
	}
	report->checksum = checksum_end(&checksum);
}

static double cpu_seconds(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec + used.tv_nsec / 1e9;
}

/* The child: one report for each order, until the parent closes the control socket. */
static void serve(int control, const int *sockets, int file)
{
	struct order order;

	while (recv(control, &order, sizeof(order), 0) == sizeof(order)) {
		struct receiver_report report = { 0 };
		double cpu = cpu_seconds();

		take(sockets[order.connection], file, &order, &report);
		report.finished = receiver_clock();
		report.cpu = cpu_seconds() - cpu;
		if (send(control, &report, sizeof(report), MSG_NOSIGNAL) < 0)
			break;
	}
}

/* Small transfers go out at once, as servers want it. */
static bool connect_pair(int listener, int *sending, int *receiving)
{
	char name[NET_NAME_SIZE];
	int on = 1;

	snprintf(name, sizeof(name), "127.0.0.1:%u", net_local_port(listener));
	*sending = net_connect(name);
	if (*sending < 0)
		return false;
	*receiving = net_accept(listener, name);
	if (*receiving < 0) {
		out_error(NULL, "cannot accept a connection on 127.0.0.1: %s",
			  strerror(-*receiving));
		return false;
	}
	setsockopt(*sending, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return true;
}

static bool connect_all(struct receiver *receiver, int *receiving)
{
	int listener = net_listen("127.0.0.1:0");
	bool ok = listener >= 0;

	for (size_t i = 0; ok && i < receiver->count; i++)
		ok = connect_pair(listener, &receiver->sockets[i], &receiving[i]);
	if (listener >= 0)
		close(listener);
	return ok;
}

static void run_child(struct receiver *receiver, int *receiving, int control, int file, int cpu)
{
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(receiver->control);
	/* Else it would never see the end of a connection. */
	for (size_t i = 0; i < receiver->count; i++)
		close(receiver->sockets[i]);
	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	serve(control, receiving, file);
	_exit(0);
}

static bool fork_child(struct receiver *receiver, int *receiving, int file, int cpu)
{
	int control[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0) {
		out_error(NULL, "cannot make a socket pair: %s", strerror(errno));
		return false;
	}
	receiver->control = control[0];
	receiver->pid = fork();
	if (receiver->pid == 0)
		run_child(receiver, receiving, control[1], file, cpu);
	close(control[1]);
	if (receiver->pid < 0)
		out_error(NULL, "cannot start the receiver: %s", strerror(errno));
	return receiver->pid > 0;
}

bool receiver_start(struct receiver *receiver, size_t count, int file, int cpu)
{
	int receiving[count];
	bool ok;

	*receiver = (struct receiver){ .control = -1, .count = count };
	receiver->sockets = malloc(count * sizeof(int));
	if (!receiver->sockets) {
		out_error(NULL, "out of memory");
		return false;
	}
	for (size_t i = 0; i < count; i++)
		receiver->sockets[i] = receiving[i] = -1;
	ok = connect_all(receiver, receiving) && fork_child(receiver, receiving, file, cpu);
	for (size_t i = 0; i < count; i++)
		if (receiving[i] >= 0)
			close(receiving[i]);
	if (!ok)
		receiver_stop(receiver);
	return ok;
}

bool receiver_order(struct receiver *receiver, size_t connection, uint64_t bytes,
		    enum receiver_mode mode)
{
	struct order order = { .connection = connection, .bytes = bytes, .mode = mode };

	return send(receiver->control, &order, sizeof(order), MSG_NOSIGNAL) == sizeof(order);
}

bool receiver_report(struct receiver *receiver, struct receiver_report *report)
{
	ssize_t n;

	do
		n = recv(receiver->control, report, sizeof(*report), 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*report);
}

void receiver_hang_up(struct receiver *receiver, size_t connection)
{
	if (receiver->sockets[connection] >= 0)
		close(receiver->sockets[connection]);
	receiver->sockets[connection] = -1;
}

void receiver_stop(struct receiver *receiver)
{
	if (!receiver->sockets)
		return;
	for (size_t i = 0; i < receiver->count; i++)
		receiver_hang_up(receiver, i);
	if (receiver->control >= 0)
		close(receiver->control);
	if (receiver->pid > 0)
		waitpid(receiver->pid, NULL, 0);
	free(receiver->sockets);
	receiver->sockets = NULL;
}
