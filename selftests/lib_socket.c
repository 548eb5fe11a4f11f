// SPDX-License-Identifier: GPL-2.0
/* Socket pairs and the receiver thread for the test programs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib.h"

void set_option(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		die("setsockopt %d, %d to %d", level, option, value);
}

void set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		die("O_NONBLOCK");
}

static void set_buffer(int fd, int option, int forced, int size)
{
	if (!size)
		return;
	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof(size)))
		set_option(fd, SOL_SOCKET, option, size);
}

static socklen_t loopback_address(int family, struct sockaddr_storage *where)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)where;
	struct sockaddr_in *four = (struct sockaddr_in *)where;

	memset(where, 0, sizeof(*where));
	where->ss_family = family;
	if (family == AF_INET6) {
		six->sin6_addr = in6addr_loopback;
		return sizeof(*six);
	}
	four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(*four);
}

struct pair pair_open(int family, int sndbuf, int rcvbuf)
{
	struct sockaddr_storage where;
	socklen_t length = loopback_address(family, &where);
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pair p;

	/* The window is settled by the handshake: buffers come first. */
	set_buffer(listener, SO_RCVBUF, SO_RCVBUFFORCE, rcvbuf);
	if (listener < 0 || bind(listener, (struct sockaddr *)&where, length) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&where, &length))
		die("listening on loopback, family %d", family);
	p.tx = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	set_buffer(p.tx, SO_SNDBUF, SO_SNDBUFFORCE, sndbuf);
	if (p.tx < 0 || connect(p.tx, (struct sockaddr *)&where, length))
		die("connecting over loopback, family %d", family);
	p.rx = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (p.rx < 0)
		die("accepting over loopback, family %d", family);
	close(listener);
	return p;
}

struct pair pair_open_small(void)
{
	return pair_open(AF_INET, 16384, 16384);
}

struct pair pair_open_large(void)
{
	return pair_open(AF_INET, 4 << 20, 4 << 20);
}

void pair_close(struct pair *p)
{
	close(p->tx);
	close(p->rx);
}

/* Reads once, under the lock so that a reset can't move the place meanwhile. */
static void receive_some(struct receiver *r)
{
	size_t n = r->room - r->length;
	ssize_t got;

	if (r->chunk && n > r->chunk)
		n = r->chunk;
	got = recv(r->fd, r->bytes + r->length, n, MSG_DONTWAIT);
	if (got > 0) {
		r->length += got;
	} else if (!got || (errno != EAGAIN && errno != EINTR)) {
		r->error = got ? errno : 0;
		r->ended = true;
	}
	pthread_cond_broadcast(&r->changed);
}

static void *receive(void *argument)
{
	struct receiver *r = argument;

	pthread_mutex_lock(&r->lock);
	while (!r->ended && !r->stop) {
		struct pollfd p = { .fd = r->fd, .events = POLLIN };

		if (r->length == r->room) {
			pthread_cond_wait(&r->changed, &r->lock);
			continue;
		}
		pthread_mutex_unlock(&r->lock);
		/* The time-out is how a request to stop is noticed. */
		poll(&p, 1, 50);
		if (r->pause_ms)
			sleep_ms(r->pause_ms);
		pthread_mutex_lock(&r->lock);
		if (p.revents)
			receive_some(r);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

void receiver_start(struct receiver *r, int fd, size_t room, size_t chunk, unsigned int pause_ms)
{
	*r = (struct receiver){
		.fd = fd,
		.bytes = malloc(room),
		.room = room,
		.chunk = chunk,
		.pause_ms = pause_ms,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
	if (!r->bytes)
		die("%zu bytes of memory", room);
	errno = pthread_create(&r->thread, NULL, receive, r);
	if (errno)
		die("starting a thread");
}

size_t receiver_wait(struct receiver *r, size_t length)
{
	struct timespec until;
	size_t seen;

	pthread_mutex_lock(&r->lock);
	do {
		seen = r->length;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += 20;
		while (r->length == seen && seen < length && seen < r->room && !r->ended) {
			if (pthread_cond_timedwait(&r->changed, &r->lock, &until) == ETIMEDOUT)
				break;
		}
	} while (r->length != seen && r->length < length);
	seen = r->length;
	pthread_mutex_unlock(&r->lock);
	return seen;
}

void receiver_reset(struct receiver *r)
{
	pthread_mutex_lock(&r->lock);
	r->length = 0;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void receiver_stop(struct receiver *r, bool drain)
{
	if (drain)
		receiver_wait(r, SIZE_MAX);
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
}

ssize_t read_available(int fd, uint8_t *bytes, size_t room, unsigned int quiet_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t length = 0;

	while (length < room && poll(&p, 1, quiet_ms) > 0) {
		ssize_t n = recv(fd, bytes + length, room - length, MSG_DONTWAIT);

		if (n < 0)
			return -errno;
		if (!n)
			break;
		length += n;
	}
	return length;
}
