// SPDX-License-Identifier: GPL-2.0

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <time.h>
#include <unistd.h>

#include "net.h"
#include "out.h"

#define HOST_SIZE   256

/* TCP_CLOSE of <netinet/tcp.h>, which cannot be included beside <linux/tcp.h>. */
#define STATE_CLOSE 7

/* Splits "[v6]:port", "host:port", and when @listening "port" and ":port". */
static bool split(const char *where, bool listening, char host[HOST_SIZE], const char **port)
{
	const char *colon = strrchr(where, ':');
	const char *start = where;
	size_t length = colon ? colon - where : 0;
	char *end;
	long number;

	if (!colon && !listening)
		return false;
	*port = colon ? colon + 1 : where;
	if (length >= 2 && where[0] == '[' && where[length - 1] == ']') {
		start++;
		length -= 2;
	} else if (memchr(start, ':', length) || memchr(start, '[', length)) {
		return false;
	}
	if (length >= HOST_SIZE || (!length && !listening))
		return false;
	memcpy(host, start, length);
	host[length] = 0;

	number = strtol(*port, &end, 10);
	return (*port)[0] >= '0' && (*port)[0] <= '9' && !*end && number <= 65535 &&
	       (number > 0 || listening);
}

bool net_valid(const char *where, bool listening)
{
	char host[HOST_SIZE];
	const char *port;

	return split(where, listening, host, &port);
}

/* NULL after having told the error. */
static struct addrinfo *resolve(const char *where, bool listening)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICSERV | (listening ? AI_PASSIVE : 0) };
	struct addrinfo *list = NULL;
	char host[HOST_SIZE];
	const char *port;
	int error;

	if (!split(where, listening, host, &port)) {
		out_error("write HOST:PORT, 192.0.2.1:PORT or [2001:db8::1]:PORT",
			  "%s: not an address", where);
		return NULL;
	}
	error = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
	if (error) {
		out_error("check the name, or give an address; an IPv6 address takes brackets",
			  "%s: %s", where,
			  error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
		return NULL;
	}
	return list;
}

static const char *connect_remedy(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "nobody listens there: start 'pagewire recv --listen PORT' on that machine";
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ETIMEDOUT:
		return "check the address, the route and the firewalls on the way";
	}
	return NULL;
}

int net_connect(const char *where)
{
	struct addrinfo *list = resolve(where, false), *at;
	int socket_fd = -1, error = 0;

	if (!list)
		return -1;
	for (at = list; at; at = at->ai_next) {
		socket_fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
		if (socket_fd >= 0 && connect(socket_fd, at->ai_addr, at->ai_addrlen) == 0)
			break;
		error = errno;
		if (socket_fd >= 0)
			close(socket_fd);
		socket_fd = -1;
		if (error == EINTR)
			break;
	}
	freeaddrinfo(list);
	if (socket_fd < 0)
		out_error(connect_remedy(error), "%s: can't connect: %s", where, strerror(error));
	return socket_fd;
}

static int listen_at(const struct addrinfo *at)
{
	int listener = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
	int on = 1, off = 0, error;

	if (listener < 0)
		return -errno;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (at->ai_family == AF_INET6)
		setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(listener, at->ai_addr, at->ai_addrlen) == 0 && listen(listener, 64) == 0)
		return listener;
	error = -errno;
	close(listener);
	return error;
}

int net_listen(const char *where)
{
	struct addrinfo *list = resolve(where, true), *at;
	int listener = -EADDRNOTAVAIL;
	const char *remedy = NULL;
	int family;

	if (!list)
		return -1;
	/* Without an address: IPv6 first, as that socket takes IPv4 as well. */
	for (family = AF_INET6; listener < 0; family = AF_INET) {
		for (at = list; at && listener < 0; at = at->ai_next)
			if (at->ai_family == family)
				listener = listen_at(at);
		if (family == AF_INET)
			break;
	}
	freeaddrinfo(list);
	if (listener >= 0)
		return listener;
	if (listener == -EADDRINUSE)
		remedy = "take another port; port 0 picks a free one";
	else if (listener == -EACCES)
		remedy = "ports below 1024 are for root; take a higher one";
	else if (listener == -EADDRNOTAVAIL)
		remedy = "give an address of this machine, or the port alone";
	out_error(remedy, "%s: can't listen: %s", where, strerror(-listener));
	return -1;
}

static void name_of(const struct sockaddr_storage *address, socklen_t length,
		    char name[NET_NAME_SIZE])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	char host[64], port[8];

	/* A peer by IPv4 at a socket that takes both. */
	if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], host, sizeof(host));
		snprintf(name, NET_NAME_SIZE, "%s:%u", host, ntohs(v6->sin6_port));
		return;
	}
	if (getnameinfo((const struct sockaddr *)address, length, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(name, NET_NAME_SIZE, "unknown");
	else
		snprintf(name, NET_NAME_SIZE, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

int net_accept(int listener, char peer[NET_NAME_SIZE])
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int socket_fd = accept4(listener, (struct sockaddr *)&address, &length, SOCK_CLOEXEC);

	if (socket_fd < 0)
		return -errno;
	name_of(&address, length, peer);
	return socket_fd;
}

void net_local_name(int socket, char name[NET_NAME_SIZE])
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(socket, (struct sockaddr *)&address, &length) == 0)
		name_of(&address, length, name);
	else
		snprintf(name, NET_NAME_SIZE, "unknown");
}

unsigned int net_local_port(int socket)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(socket, (struct sockaddr *)&address, &length) < 0)
		return 0;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
						   : ((struct sockaddr_in *)&address)->sin_port);
}

int net_unacked(int socket)
{
	int bytes;

	return ioctl(socket, SIOCOUTQ, &bytes) < 0 ? 0 : bytes;
}

static struct tcp_info info_of(int socket)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length);
	return info;
}

uint64_t net_taken(int socket)
{
	/* bytes_sent would count retransmitted bytes twice; what was acknowledged does not. */
	return info_of(socket).tcpi_bytes_acked + net_unacked(socket);
}

int net_finish(int socket)
{
	struct timespec wait = { .tv_nsec = 500 * 1000 };
	socklen_t length = sizeof(int);
	int error = 0;

	if (shutdown(socket, SHUT_WR) < 0)
		return -errno;
	/* There is no event for "everything was acknowledged": look, ever less often. */
	while (net_unacked(socket) > 0) {
		if (info_of(socket).tcpi_state == STATE_CLOSE) {
			getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
			/* It may have been acknowledged, and closed, since we looked. */
			if (!error && net_unacked(socket) > 0)
				error = ECONNRESET;
			return -error;
		}
		if (nanosleep(&wait, NULL) < 0)
			return -errno;
		if (wait.tv_nsec < 32 * 1000 * 1000)
			wait.tv_nsec *= 2;
	}
	return 0;
}
