// SPDX-License-Identifier: GPL-2.0
/* A thread that sits in a transfer while the test does something to it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

static void *send_it(void *argument)
{
	struct sender *s = argument;
	uint64_t start = now_ms();

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	s->answer = device_send(s->device, &s->send);
	s->took_ms = now_ms() - start;
	s->done = true;
	return NULL;
}

void sender_start(struct sender *s, int device, const struct pagewire_send *send)
{
	*s = (struct sender){ .device = device, .send = *send };
	errno = pthread_create(&s->thread, NULL, send_it, s);
	if (errno)
		die("starting a thread");
}

static bool sleeps(pid_t tid)
{
	char name[64], text[256] = "";
	const char *state;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
	f = fopen(name, "r");
	if (!f || !fgets(text, sizeof(text), f))
		text[0] = 0;
	if (f)
		fclose(f);
	state = strrchr(text, ')');
	return state && state[2] == 'S';
}

bool sender_blocks(struct sender *s)
{
	uint64_t until = now_ms() + 20000;
	unsigned int seen = 0;

	/* Between two bits of progress it sleeps too: wait for a longer one. */
	while (seen < 10 && !s->done && now_ms() < until) {
		pid_t tid = __atomic_load_n(&s->tid, __ATOMIC_ACQUIRE);

		seen = tid && sleeps(tid) ? seen + 1 : 0;
		sleep_ms(10);
	}
	return seen == 10 && !s->done;
}

bool sender_ends_within(struct sender *s, unsigned int ms)
{
	uint64_t until = now_ms() + ms;

	while (!s->done && now_ms() < until)
		sleep_ms(5);
	return s->done;
}

void sender_join(struct sender *s)
{
	pthread_join(s->thread, NULL);
}
