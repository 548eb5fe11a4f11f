// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once, at random: peers that vanish, signals, kills, files
 * that shrink, sockets that are shut down. What must survive is the kernel,
 * the law, and the rule that what arrives is what was asked for.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "fixture.h"

#define WORKERS	   6
#define RUN_MS	   8000
#define CHAOS_SIZE 400000

struct worker {
	pthread_t thread;
	struct random random;
	int device;
	uint32_t path;
	const struct testfile *file; /* shrinks and grows */
	volatile bool stop;
	unsigned int transfers, wrong;
};

static void on_signal(int number)
{
	(void)number;
}

/* What a peer may do to a transfer of which it reads a little. */
static void misbehave(struct worker *w, struct pair *p, struct sender *s)
{
	struct linger at_once = { .l_onoff = 1 };

	switch (random_below(&w->random, 6)) {
	case 0:
		setsockopt(p->rx, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		break;
	case 1:
		shutdown(p->tx, SHUT_WR);
		break;
	case 2:
		shutdown(p->tx, SHUT_RDWR);
		break;
	case 3:
		pthread_kill(s->thread, SIGUSR1);
		break;
	case 4:
		shutdown(p->rx, SHUT_RDWR);
		break;
	}
	close(p->rx);
}

/* One transfer that somebody disturbs; @seen is what the peer read before. */
static void one_disturbed(struct worker *w, uint8_t *seen)
{
	uint64_t offset = random_below(&w->random, CHAOS_SIZE);
	struct pagewire_segment segments[2] = {
		memory_segment("header", 6),
		file_segment(w->file->fd, offset, 1 + random_below(&w->random, CHAOS_SIZE)),
	};
	struct pair p = pair_open(random_below(&w->random, 2) ? AF_INET : AF_INET6,
				  random_below(&w->random, 4) ? 16384 : 1, 16384);
	struct pagewire_send send = request(w->path, p.tx, segments, 2);
	struct sender s;
	ssize_t n;
	size_t i;

	if (!random_below(&w->random, 4))
		set_nonblocking(p.tx);
	sender_start(&s, w->device, &send);
	n = read_available(p.rx, seen, random_below(&w->random, CHAOS_SIZE), 20);
	if (n >= 6)
		w->wrong += !!memcmp(seen, "header", 6);
	for (i = 6; n > 6 && i < (size_t)n; i++)
		w->wrong += seen[i] && seen[i] != w->file->image[offset + i - 6];
	misbehave(w, &p, &s);
	sender_join(&s);
	w->wrong += s.answer != 0;
	close(p.tx);
	w->transfers++;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	uint8_t *seen = malloc(2 * CHAOS_SIZE);

	while (!w->stop)
		one_disturbed(w, seen);
	free(seen);
	return NULL;
}

static void shrink_and_grow(struct testfile *f, struct random *random)
{
	size_t at = random_below(random, f->size);

	if (ftruncate(f->wfd, at) ||
	    pwrite(f->wfd, f->image + at, f->size - at, at) != (ssize_t)(f->size - at))
		die("truncating a file in %s", f->dir);
	if (!random_below(random, 4))
		testfile_make_cold(f);
}

TEST_F_TIMEOUT(send, disturbed_transfers_of_many_threads_leave_no_trace, 60)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct random random = random_start();
	uint64_t until = now_ms() + RUN_MS;
	struct worker workers[WORKERS];
	struct testfile files[2];
	unsigned int i, dirs = 0, transfers = 0;

	sigaction(SIGUSR1, &action, NULL);
	while (dirs < 2 && test_dir(dirs)) {
		testfile_create(files + dirs, test_dir(dirs), CHAOS_SIZE, FILE_SEED);
		dirs++;
	}
	for (i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){
			.random = { random_next(&random) },
			.device = self->device,
			.path = variant->path,
			.file = files + i % dirs,
		};
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work, workers + i));
	}
	while (now_ms() < until) {
		shrink_and_grow(files + random_below(&random, dirs), &random);
		sleep_ms(random_below(&random, 20));
	}
	for (i = 0; i < WORKERS; i++)
		workers[i].stop = true;
	for (i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		EXPECT_EQ(0, workers[i].wrong);
		transfers += workers[i].transfers;
	}
	note("%u disturbed transfers", transfers);
	EXPECT_LT(0, transfers);
	for (i = 0; i < dirs; i++)
		testfile_close(files + i);
}

TEST_F_TIMEOUT(send, killed_processes_leave_no_trace, 60)
{
	struct random random = random_start();
	uint64_t until = now_ms() + RUN_MS;
	unsigned int kills = 0;

	while (now_ms() < until) {
		struct pagewire_segment segment = file_segment(self->file.fd, kills, 0);
		struct pair p = pair_open_small();
		struct pagewire_send send = request(variant->path, p.tx, &segment, 1);
		pid_t child = fork();

		if (!child) {
			int device = device_open();

			device_send(device, &send);
			_exit(0);
		}
		sleep_ms(random_below(&random, 40));
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, NULL, 0));
		pair_close(&p);
		kills++;
	}
	note("%u processes killed", kills);
}

TEST_F_TIMEOUT(send, requests_of_random_bytes_never_harm, 60)
{
	struct random random = random_start();
	struct receiver r;
	uint64_t until = now_ms() + RUN_MS;
	unsigned int i, k, accepted = 0;

	/* Nothing may block for want of a reader, not even what goes the other way by accident. */
	receiver_start(&r, self->pair.rx, 2 * ROOM, 0, 0);
	set_nonblocking(self->pair.rx);
	for (i = 0; i < 20000 && now_ms() < until; i++) {
		struct pagewire_segment segments[3];
		struct pagewire_send send;
		uint8_t *bytes = (uint8_t *)segments;

		for (k = 0; k < 3; k++)
			segments[k] = file_segment(self->file.fd, 100 * k, 100);
		send = request(variant->path, self->pair.tx, segments, 3);
		/* A good request with a few bytes that aren't. */
		for (k = random_below(&random, 4); k; k--)
			bytes[random_below(&random, sizeof(segments))] = random_next(&random);
		bytes = (uint8_t *)&send;
		for (k = random_below(&random, 2); k; k--)
			bytes[random_below(&random, offsetof(struct pagewire_send, result))] =
				random_next(&random);
		if (!device_send(self->device, &send)) {
			accepted++;
			receiver_reset(&r);
		}
	}
	note("%u of %u were accepted", accepted, i);
	EXPECT_LT(0, accepted);
	receiver_stop(&r, false);
}

TEST_HARNESS_MAIN
