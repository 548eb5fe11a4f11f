// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "net.h"
#include "sampler.h"

#define PERIOD_NS (100 * 1000 * 1000)

struct sampler {
	struct out_progress *progress;
	int socket;
	uint64_t before; /* bytes that the socket had taken at the start */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool done; /* under lock */
};

static void *sample(void *arg)
{
	struct sampler *sampler = arg;
	struct timespec next;
	uint64_t taken;

	pthread_mutex_lock(&sampler->lock);
	while (!sampler->done) {
		clock_gettime(CLOCK_REALTIME, &next);
		next.tv_nsec += PERIOD_NS;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&sampler->wake, &sampler->lock, &next) != ETIMEDOUT)
			continue;
		taken = net_taken(sampler->socket);
		if (taken > sampler->before)
			out_progress_update(sampler->progress, taken - sampler->before);
	}
	pthread_mutex_unlock(&sampler->lock);
	return NULL;
}

struct sampler *sampler_start(struct out_progress *progress, int socket)
{
	struct sampler *sampler = progress->terminal ? malloc(sizeof(*sampler)) : NULL;
	sigset_t all, before;
	int error;

	if (!sampler)
		return NULL;
	*sampler = (struct sampler){ .progress = progress,
				     .socket = socket,
				     .before = net_taken(socket),
				     .lock = PTHREAD_MUTEX_INITIALIZER,
				     .wake = PTHREAD_COND_INITIALIZER };
	/* Signals are for the thread that sends: they end the transfer. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&sampler->thread, NULL, sample, sampler);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		return sampler;
	free(sampler);
	return NULL;
}

void sampler_stop(struct sampler *sampler)
{
	if (!sampler)
		return;
	pthread_mutex_lock(&sampler->lock);
	sampler->done = true;
	pthread_cond_signal(&sampler->wake);
	pthread_mutex_unlock(&sampler->lock);
	pthread_join(sampler->thread, NULL);
	free(sampler);
}
