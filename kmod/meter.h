/* SPDX-License-Identifier: GPL-2.0 */
/*
 * meter: per-CPU counters of each path, and gauges of what is in flight.
 *
 * A counter counts events that happened, at the place where they happened.
 * All functions may be called from any context; none sleeps but reset, init
 * and exit.
 */
#ifndef PAGEWIRE_METER_H
#define PAGEWIRE_METER_H

#include <linux/percpu.h>
#include <linux/types.h>
#include <linux/pagewire.h>

#define PW_NR_PATHS	(PAGEWIRE_PATH_DIRECT + 1)

/* The one table: id, name in debugfs, unit, meaning. Order is the order shown. */
#define PW_METERS(X)							\
	X(TRANSFERS, "transfers", "", "accepted")			\
	X(COMPLETED, "completed", "", "ended with status 0")		\
	X(FAILED, "failed", "", "ended with an error")			\
	X(CANCELLED, "cancelled", "", "ended by a signal")		\
	X(IN_FLIGHT, "in_flight", "", "accepted and not ended")		\
	X(REFUSED, "refused", "", "refused before anything was sent")	\
	X(SEGMENTS, "segments", "", "of accepted transfers")		\
	X(BYTES, "bytes", "B", "payload that sockets took")		\
	X(PASSED_BYTES, "passed_bytes", "B", "of these, by descriptor")	\
	X(DESCRIPTORS, "descriptors", "", "that these needed") \
	X(COPIED_BYTES, "copied_bytes", "B", "of these, copied by the CPU") \
	X(COPIES, "copies", "", "copy operations")			\
	X(COPIED_ASKED, "copied_asked_bytes", "B", "copied: path copy")	\
	X(COPIED_MEMORY, "copied_memory_bytes", "B",			\
	  "copied: caller memory")					\
	X(COPIED_FILESYSTEM, "copied_filesystem_bytes", "B",		\
	  "copied: page cache not authoritative")			\
	X(COPIED_DAX, "copied_dax_bytes", "B", "copied: no page cache")	\
	X(COPIED_NO_PAGE, "copied_no_page_bytes", "B",			\
	  "copied: tmpfs hole or swapped out")				\
	X(COPIED_NO_SG, "copied_no_sg_bytes", "B",			\
	  "copied: route without scatter-gather")			\
	X(COPIED_TLS, "copied_tls_bytes", "B", "copied: the CPU encrypts") \
	X(CACHE_HITS, "cache_hits", "", "folios found ready")		\
	X(CACHE_MISSES, "cache_misses", "", "folios missing or not ready") \
	X(READAHEAD_PAGES, "readahead_pages", "pages",			\
	  "that came into the cache by our read-ahead")			\
	X(DISK_WAITS, "disk_waits", "", "sleeps for the disk")		\
	X(SOCKET_WAITS, "socket_waits", "",				\
	  "sleeps for room in a socket, or for a turn at it")		\
	X(SENDMSGS, "sendmsgs", "", "calls into the socket layer")	\
	X(ERRORS, "errors", "", "failed + cancelled")			\
	X(ERRORS_AGAIN, "errors_again", "", "EAGAIN")			\
	X(ERRORS_INTERRUPTED, "errors_interrupted", "", "EINTR")	\
	X(ERRORS_IO, "errors_io", "", "the file could not be read")	\
	X(ERRORS_PEER, "errors_peer", "",				\
	  "connection closed, reset or timed out")			\
	X(ERRORS_OTHER, "errors_other", "", "any other")

#define PW_GAUGES(X)							\
	X(TRANSFERS, "transfers", "", "in flight")			\
	X(PINNED_PAGES, "pinned_pages", "pages", "of the page cache, held") \
	X(MEMORY_PAGES, "memory_pages", "pages", "of our own, held")	\
	X(FILES, "files", "", "file references held")			\
	X(SOCKETS, "sockets", "", "socket references held")		\
	X(USER_BYTES, "user_bytes", "B", "charged to users")		\
	X(OPENS, "opens", "", "open descriptions of the device")

#define PW_METER_ID(id, ...)	PW_M_##id,
enum pw_meter { PW_METERS(PW_METER_ID) PW_NR_METERS };

#define PW_GAUGE_ID(id, ...)	PW_G_##id,
enum pw_gauge { PW_GAUGES(PW_GAUGE_ID) PW_NR_GAUGES };

struct pw_meter_info {
	const char *name;
	const char *unit;
	const char *doc;
};

extern const struct pw_meter_info pw_meter_info[PW_NR_METERS];
extern const struct pw_meter_info pw_gauge_info[PW_NR_GAUGES];

struct pw_meter_cpu {
	u64 path[PW_NR_PATHS][PW_NR_METERS];
	s64 gauge[PW_NR_GAUGES];
};

extern struct pw_meter_cpu __percpu *pw_meter_cpu;

static inline void pw_meter_add(unsigned int path, enum pw_meter id, u64 n)
{
	this_cpu_add(pw_meter_cpu->path[path][id], n);
}

static inline void pw_gauge_add(enum pw_gauge id, s64 n)
{
	this_cpu_add(pw_meter_cpu->gauge[id], n);
}

/* Name of a path that has meters, or NULL. */
const char *pw_path_name(unsigned int path);

/* The meter that counts bytes copied for an enum pagewire_reason. */
enum pw_meter pw_meter_of_copy(unsigned int reason);
/* The meter that counts transfers that ended with this negative errno. */
enum pw_meter pw_meter_of_error(int status);

/* Values of one path since the last reset; in_flight is never reset. */
void pw_meter_read(unsigned int path, u64 value[PW_NR_METERS]);
s64 pw_gauge_read(enum pw_gauge id);
void pw_meter_reset(void);

int pw_meter_init(void);
void pw_meter_exit(void);

#endif /* PAGEWIRE_METER_H */
