// SPDX-License-Identifier: GPL-2.0
/*
 * All pieces by one call of the module. The call returns when everything is
 * done, so the progress bar looks at the socket from a thread of its own.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dev.h"
#include "net.h"
#include "send.h"

struct sampler {
	struct send_order *order;
	uint64_t before; /* bytes that the socket had taken when the transfer began */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool done, running;
};

static void *sample(void *arg)
{
	struct sampler *sampler = arg;
	struct send_order *order = sampler->order;
	uint64_t taken;
	struct timespec next;

	pthread_mutex_lock(&sampler->lock);
	while (!sampler->done) {
		clock_gettime(CLOCK_REALTIME, &next);
		next.tv_nsec += 100 * 1000 * 1000;
		if (next.tv_nsec >= 1000 * 1000 * 1000) {
			next.tv_sec++;
			next.tv_nsec -= 1000 * 1000 * 1000;
		}
		if (pthread_cond_timedwait(&sampler->wake, &sampler->lock, &next) != ETIMEDOUT)
			continue;
		taken = net_taken(order->socket);
		if (taken > sampler->before)
			out_progress_update(&order->progress, taken - sampler->before);
	}
	pthread_mutex_unlock(&sampler->lock);
	return NULL;
}

/* Without a thread there is no bar, but still a transfer. */
static void sampler_start(struct sampler *sampler, struct send_order *order)
{
	sigset_t all, before;

	*sampler = (struct sampler){.order = order,
				    .lock = PTHREAD_MUTEX_INITIALIZER,
				    .wake = PTHREAD_COND_INITIALIZER};
	if (!order->progress.terminal)
		return;
	sampler->before = net_taken(order->socket);
	/* Signals are for the thread that is in the ioctl: they end the transfer. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	sampler->running = !pthread_create(&sampler->thread, NULL, sample, sampler);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void sampler_stop(struct sampler *sampler)
{
	if (!sampler->running)
		return;
	pthread_mutex_lock(&sampler->lock);
	sampler->done = true;
	pthread_cond_signal(&sampler->wake);
	pthread_mutex_unlock(&sampler->lock);
	pthread_join(sampler->thread, NULL);
}

static struct pagewire_segment segment_of(const struct send_piece *piece)
{
	if (piece->file < 0)
		return (struct pagewire_segment){.kind = PAGEWIRE_SEGMENT_MEMORY,
						 .length = piece->length,
						 .addr = (uintptr_t)piece->memory};
	return (struct pagewire_segment){.kind = PAGEWIRE_SEGMENT_FILE,
					 .fd = piece->file,
					 .offset = piece->offset,
					 .length = piece->length};
}

void send_by_module(struct send_order *order, struct send_report *report)
{
	struct pagewire_send request = {
		.nr_segments = order->nr_pieces,
		.socket = order->socket,
		.path = !strcmp(order->path->name, "sg") ? PAGEWIRE_PATH_SG : PAGEWIRE_PATH_COPY,
		.flags = order->sg_only ? PAGEWIRE_SEND_SG_ONLY : 0,
		.result.segment = order->nr_pieces,
	};
	struct pagewire_segment *segments = calloc(order->nr_pieces, sizeof(*segments));
	struct pagewire_result *result = &request.result;
	struct sampler sampler;
	int error;
	size_t i;

	if (!segments) {
		report->error = -ENOMEM;
		return;
	}
	for (i = 0; i < order->nr_pieces; i++)
		segments[i] = segment_of(&order->pieces[i]);
	request.segments = (uintptr_t)segments;

	sampler_start(&sampler, order);
	error = dev_send(order->device, &request);
	sampler_stop(&sampler);
	free(segments);

	report->syscalls = 1;
	report->refused = error < 0;
	report->error = error ? error : result->status;
	report->piece = result->segment;
	report->piece_done = result->segment_bytes;
	report->reason = result->reason;
	report->bytes = result->bytes;
	report->passed_bytes = result->passed_bytes;
	report->copied_bytes = result->copied_bytes;
	report->has_details = true;
	report->copied_why = result->copied_why;
	report->descriptors = result->descriptors;
	report->copies = result->copies;
	report->disk_waits = result->disk_waits;
	report->socket_waits = result->socket_waits;
	report->cache_hits = result->cache_hits;
	report->cache_misses = result->cache_misses;
}
