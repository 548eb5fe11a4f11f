/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The receiving side of a comparison: a child process with one connection over
 * loopback for each path. It does what it is ordered to, and reports.
 */
#ifndef PAGEWIRE_TOOLS_RECEIVER_H
#define PAGEWIRE_TOOLS_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What to do with the bytes of a round. */
enum receiver_mode {
	RECEIVER_COMPARE,  /* byte by byte with the beginning of the file */
	RECEIVER_CHECKSUM, /* into a checksum */
	RECEIVER_COUNT,	   /* drop them in the kernel */
};

struct receiver_report {
	uint64_t bytes;	   /* that arrived */
	uint64_t checksum; /* RECEIVER_CHECKSUM */
	bool differs;	   /* RECEIVER_COMPARE, at byte @difference */
	uint64_t difference;
	int error;	 /* 0 or -errno, of the connection or the file */
	double finished; /* receiver_clock() when the last byte was there */
	double cpu;	 /* seconds that the process used */
};

struct receiver {
	pid_t pid;
	int control;
	size_t count;
	int *sockets; /* the sending ends, -1: closed */
};

/*
 * Starts it with @count connections. It runs on processor @cpu unless that is
 * -1. @file is what RECEIVER_COMPARE compares with. False after the error was told.
 */
bool receiver_start(struct receiver *receiver, size_t count, int file, int cpu);

/* Orders it to take @bytes from a connection. False if it is gone. */
bool receiver_order(struct receiver *receiver, size_t connection, uint64_t bytes,
		    enum receiver_mode mode);

/* Waits for the report on the last order. False if it is gone. */
bool receiver_report(struct receiver *receiver, struct receiver_report *report);

/* Closes one connection: a receiver that waits for more sees the end. */
void receiver_hang_up(struct receiver *receiver, size_t connection);

void receiver_stop(struct receiver *receiver);

/* The checksum of the first @bytes of @file; 0 or -errno. */
int receiver_file_checksum(int file, uint64_t bytes, uint64_t *checksum);

/* Seconds on a clock that both processes share. */
double receiver_clock(void);

#endif
