/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One tracepoint per event in a transfer's life. "id" is the same in all
 * events of a transfer and never used twice.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pagewire

#if !defined(PAGEWIRE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PAGEWIRE_TRACE_H

#include <linux/tracepoint.h>

#include "transfer.h"

TRACE_EVENT(pagewire_start,
	TP_PROTO(const struct pw_transfer *t),
	TP_ARGS(t),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, cookie)
		__field(u32, path)
		__field(u32, segments)
		__field(u64, total)
	),
	TP_fast_assign(
		__entry->id = t->id;
		__entry->cookie = t->result.cookie;
		__entry->path = t->path;
		__entry->segments = t->nr;
		__entry->total = t->total;
	),
	TP_printk("id=%llu cookie=%llu path=%u segments=%u total=%llu",
		  __entry->id, __entry->cookie, __entry->path,
		  __entry->segments, __entry->total)
);

/* The socket took page-cache pages; descriptors: those begun with them. */
TRACE_EVENT(pagewire_descriptors,
	TP_PROTO(const struct pw_transfer *t, const struct pw_span *span),
	TP_ARGS(t, span),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, segment)
		__field(u32, descriptors)
		__field(u32, bytes)
	),
	TP_fast_assign(
		__entry->id = t->id;
		__entry->segment = span->segment;
		__entry->descriptors = span->descriptors;
		__entry->bytes = span->bytes;
	),
	TP_printk("id=%llu segment=%u descriptors=%u bytes=%u", __entry->id,
		  __entry->segment, __entry->descriptors, __entry->bytes)
);

/* About to sleep for the disk, for the page at this index of the file. */
TRACE_EVENT(pagewire_disk_wait,
	TP_PROTO(const struct pw_transfer *t, unsigned long index),
	TP_ARGS(t, index),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, index)
		__field(u32, segment)
	),
	TP_fast_assign(
		__entry->id = t->id;
		__entry->index = index;
		__entry->segment = t->filling;
	),
	TP_printk("id=%llu segment=%u index=%llu",
		  __entry->id, __entry->segment, __entry->index)
);

/* Slept for room in the socket, or for the turn at it. */
TRACE_EVENT(pagewire_socket_wait,
	TP_PROTO(const struct pw_transfer *t),
	TP_ARGS(t),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, sent)
		__field(u32, state)
	),
	TP_fast_assign(
		__entry->id = t->id;
		__entry->sent = t->result.bytes;
		__entry->state = t->state;
	),
	TP_printk("id=%llu sent=%llu for=%s", __entry->id, __entry->sent,
		  __print_symbolic(__entry->state,
				   { PW_STATE_QUEUED, "turn" },
				   { PW_STATE_SOCKET, "room" }))
);

TRACE_EVENT(pagewire_done,
	TP_PROTO(const struct pw_transfer *t),
	TP_ARGS(t),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, cookie)
		__field(u64, bytes)
		__field(u64, passed)
		__field(u64, copied)
		__field(s32, status)
	),
	TP_fast_assign(
		__entry->id = t->id;
		__entry->cookie = t->result.cookie;
		__entry->bytes = t->result.bytes;
		__entry->passed = t->result.passed_bytes;
		__entry->copied = t->result.copied_bytes;
		__entry->status = t->result.status;
	),
	TP_printk("id=%llu cookie=%llu status=%d bytes=%llu passed=%llu copied=%llu",
		  __entry->id, __entry->cookie, __entry->status,
		  __entry->bytes, __entry->passed, __entry->copied)
);

#endif /* PAGEWIRE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
