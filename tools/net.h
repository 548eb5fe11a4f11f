/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP connections by name: HOST:PORT with a host name, an IPv4 address or an
 * IPv6 address in brackets. The calls that can fail tell the user why.
 */
#ifndef PAGEWIRE_TOOLS_NET_H
#define PAGEWIRE_TOOLS_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for "[address%interface]:port". */
#define NET_NAME_SIZE 96

/* True when @where has the form HOST:PORT; HOST may be missing if @listening. */
bool net_valid(const char *where, bool listening);

/* A connected socket, or -1 after the error was told. */
int net_connect(const char *where);

/* A listening socket, or -1 after the error was told. [ADDR:]PORT; port 0 picks one. */
int net_listen(const char *where);

/* The next connection, or -errno; @peer gets its name. */
int net_accept(int listener, char peer[NET_NAME_SIZE]);

/* "address:port" of this end of @socket. */
void net_local_name(int socket, char name[NET_NAME_SIZE]);
unsigned int net_local_port(int socket);

/*
 * Bytes that the socket has taken since it was connected, whether or not the
 * peer has them yet; may be asked while another thread sends.
 */
uint64_t net_taken(int socket);

/* Bytes that the socket holds and the peer has not acknowledged. */
int net_unacked(int socket);

/*
 * Ends the sending direction and waits until the peer acknowledged everything.
 * 0, or -errno: what the connection died of, or -EINTR.
 */
int net_finish(int socket);

#endif
