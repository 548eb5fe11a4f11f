// SPDX-License-Identifier: GPL-2.0
/* Pieces one after another, each file by a path of user space. */

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "send.h"

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t socket_to_end = -1;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
	if (socket_to_end >= 0)
		shutdown(socket_to_end, SHUT_WR);
}

void send_catch_signals(int socket)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

	socket_to_end = socket;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action = (struct sigaction){ .sa_handler = SIG_IGN };
	sigaction(SIGPIPE, &action, NULL);
}

bool send_interrupted(void)
{
	return interrupted;
}

static int send_memory(int socket, const struct send_piece *piece, bool more,
		       struct path_outcome *out)
{
	const char *at = piece->memory;
	ssize_t taken;

	while (out->bytes < piece->length) {
		out->syscalls++;
		taken = send(socket, at + out->bytes, piece->length - out->bytes,
			     MSG_NOSIGNAL | (more ? MSG_MORE : 0));
		if (taken < 0)
			return -errno;
		out->bytes += taken;
	}
	out->copied_bytes = out->bytes;
	return 0;
}

/* A sum that stays unknown when one of its parts is. */
static int64_t sum(int64_t a, int64_t b)
{
	return a < 0 || b < 0 ? -1 : a + b;
}

void send_by_user(struct send_order *order, struct send_report *report)
{
	const struct send_piece *piece;
	struct path_outcome out;
	bool more;
	int error = 0;

	for (; report->piece < order->nr_pieces; report->piece++) {
		piece = &order->pieces[report->piece];
		more = report->piece + 1 < order->nr_pieces;
		out = (struct path_outcome){ 0 };
		if (piece->file < 0) {
			error = send_memory(order->socket, piece, more, &out);
		} else if (piece->expected) {
			struct path_job job = { .file = piece->file,
						.file_name = piece->name,
						.offset = piece->offset,
						.length = piece->expected,
						.socket = order->socket,
						.more = more };

			error = order->path->send(&job, &out);
		}
		report->bytes += out.bytes;
		report->syscalls += out.syscalls;
		report->copied_bytes = sum(report->copied_bytes, out.copied_bytes);
		report->passed_bytes = sum(report->passed_bytes, out.passed_bytes);
		if (out.note)
			report->note = out.note;
		if (!error && interrupted)
			error = -EINTR;
		if (error) {
			report->piece_done = out.bytes;
			break;
		}
	}
	report->error = error;
}
