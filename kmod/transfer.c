// SPDX-License-Identifier: GPL-2.0
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "queue.h"
#include "trace.h"
#include "transfer.h"

static LIST_HEAD(live);
static DEFINE_SPINLOCK(live_lock);	/* guards live */
static atomic64_t last_id;

struct pw_transfer *pw_transfer_new(struct pw_queue *queue,
				    const struct pagewire_send *req, u32 *reason)
{
	struct pw_transfer *t;
	int err;

	*reason = PAGEWIRE_WHY_LIMIT;
	err = pw_queue_begin(queue);
	if (err)
		return ERR_PTR(err);

	*reason = 0;
	t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	if (!t)
		goto no_transfer;
	t->segments = t->few;
	if (req->nr_segments > PW_FEW_SEGMENTS)
		t->segments = kvcalloc(req->nr_segments, sizeof(*t->segments),
				       GFP_KERNEL_ACCOUNT);
	if (!t->segments)
		goto no_segments;

	t->queue = queue;
	t->path = req->path;
	t->flags = req->flags;
	t->missed = ULONG_MAX;
	t->result.cookie = req->cookie;
	t->result.path = req->path;
	return t;

no_segments:
	kfree(t);
no_transfer:
	pw_queue_end(queue);
	return ERR_PTR(-ENOMEM);
}

void pw_transfer_free(struct pw_transfer *t)
{
	u32 i;

	pw_batch_exit(&t->batch);
	pw_memory_exit(&t->memory);
	for (i = 0; i < t->nr; i++) {
		struct pw_segment *seg = &t->segments[i];

		pw_source_close(seg, seg->pos > seg->start);
	}
	pw_sink_close(&t->sink);
	if (t->charged)
		pw_queue_uncharge(t->queue, t->charged);
	pw_queue_end(t->queue);
	if (t->segments != t->few)
		kvfree(t->segments);
	kfree(t);
}

static int charge(struct pw_transfer *t, u64 bytes)
{
	int err = pw_queue_charge(t->queue, bytes);

	if (err)
		t->result.reason = PAGEWIRE_WHY_LIMIT;
	else
		t->charged += bytes;
	return err;
}

int pw_transfer_allow_copy(struct pw_transfer *t, unsigned int why)
{
	if (!(t->flags & PAGEWIRE_SEND_SG_ONLY))
		return 0;
	t->result.reason = PAGEWIRE_WHY_SG_ONLY;
	t->result.copied_why |= BIT(why);
	return -EOPNOTSUPP;
}

static void add_total(struct pw_transfer *t, u64 bytes)
{
	if (check_add_overflow(t->total, bytes, &t->total))
		t->total = U64_MAX;
}

int pw_transfer_add_socket(struct pw_transfer *t, int fd)
{
	unsigned int why;
	int err;

	err = pw_sink_open(&t->sink, fd, &t->result.reason);
	if (err)
		return err;
	why = pw_sink_copies(&t->sink);
	return why ? pw_transfer_allow_copy(t, why) : 0;
}

int pw_transfer_add_file(struct pw_transfer *t,
			 const struct pagewire_segment *req)
{
	struct pw_segment *seg = &t->segments[t->nr];
	int err;

	err = pw_source_open(seg, req->fd, req->offset, req->length,
			     &t->result.reason);
	if (err)
		return err;
	t->nr++;
	add_total(t, seg->end - seg->start);
	return seg->why ? pw_transfer_allow_copy(t, seg->why) : 0;
}

int pw_transfer_add_memory(struct pw_transfer *t, u32 length)
{
	struct pw_segment *seg = &t->segments[t->nr];
	int err;

	err = charge(t, length);
	if (err)
		return err;
	if (!t->memory.pages) {
		err = pw_memory_init(&t->memory);
		if (err)
			return err;
	}
	seg->source = PW_SOURCE_MEMORY;
	seg->start = t->memory.bytes;
	seg->pos = seg->start;
	seg->end = seg->start + length;
	t->nr++;
	add_total(t, length);
	return 0;
}

static int fill_from(struct pw_transfer *t, unsigned int nr)
{
	switch (t->segments[nr].source) {
	case PW_SOURCE_CACHE:
		return pw_source_cache_fill(t, nr);
	case PW_SOURCE_READ:
		return pw_source_read_fill(t, nr);
	default:
		return pw_source_memory_fill(t, nr);
	}
}

/* Shall the socket copy this segment's bytes? Those of our own pages never. */
static bool wants_copy(const struct pw_transfer *t, const struct pw_segment *seg)
{
	return t->path == PAGEWIRE_PATH_COPY && seg->source == PW_SOURCE_CACHE;
}

/*
 * Fills the batch as far as that is possible without waiting; waits if that
 * would be nothing. Leaves it empty only at the end, or with an error. An
 * error behind bytes that can be sent first will be met again.
 */
static int fill(struct pw_transfer *t)
{
	struct pw_batch *batch = &t->batch;

	pw_batch_reset(batch);
	while (t->filling < t->nr) {
		struct pw_segment *seg = &t->segments[t->filling];
		u32 before = batch->bytes;
		int err;

		if (seg->pos == seg->end) {
			t->filling++;
			t->missed = ULONG_MAX;
			continue;
		}
		if (!batch->bytes)
			batch->copy = wants_copy(t, seg);
		else if (batch->copy != wants_copy(t, seg))
			break;
		if (!pw_batch_room(batch))
			break;

		err = fill_from(t, t->filling);
		if (err)
			return batch->bytes ? 0 : err;
		if (batch->bytes && batch->bytes == before &&
		    seg->pos != seg->end)
			break;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static void count_span(struct pw_transfer *t, const struct pw_span *span,
		       unsigned int sink_why)
{
	struct pagewire_result *r = &t->result;
	unsigned int why = span->why ?: sink_why;

	if (r->segment != span->segment) {
		r->segment = span->segment;
		r->segment_bytes = 0;
	}
	/* Caller memory was copied long ago, but a refusal counts nothing. */
	if (!r->segment_bytes && span->why == PAGEWIRE_WHY_MEMORY)
		pw_count_copy(t);
	r->segment_bytes += span->bytes;

	if (!why) {
		r->passed_bytes += span->bytes;
		r->descriptors += span->descriptors;
		pw_count(t, PW_M_PASSED_BYTES, span->bytes);
		pw_count(t, PW_M_DESCRIPTORS, span->descriptors);
		trace_pagewire_descriptors(t, span);
		return;
	}
	r->copied_bytes += span->bytes;
	r->copied_why |= BIT(why);
	pw_count(t, PW_M_COPIED_BYTES, span->bytes);
	pw_count(t, pw_meter_of_copy(why), span->bytes);
}

/* The socket took n bytes; sink_why: why it copied them, if it did. */
static void count_sent(struct pw_transfer *t, size_t n, unsigned int sink_why)
{
	struct pw_span span;

	pw_batch_advance(&t->batch, n);
	t->result.bytes += n;
	pw_count(t, PW_M_BYTES, n);
	if (sink_why)
		pw_count_copy(t);
	for (; pw_batch_consume(&t->batch, n, &span); n -= span.bytes)
		count_span(t, &span, sink_why);
	pw_batch_show(&t->batch);
}

static void count_socket_wait(struct pw_transfer *t)
{
	t->result.socket_waits++;
	pw_count(t, PW_M_SOCKET_WAITS, 1);
	trace_pagewire_socket_wait(t);
}

static int wait_for_room(struct pw_transfer *t, unsigned int stalls)
{
	bool slept;
	int err;

	t->state = PW_STATE_SOCKET;
	err = pw_sink_wait(&t->sink, stalls, &slept);
	if (slept)
		count_socket_wait(t);
	t->state = PW_STATE_SENDING;
	return err;
}

/* Why the socket would copy the batch; an error if it must not. */
static int sink_copies(struct pw_transfer *t, unsigned int *why)
{
	if (t->batch.copy) {
		*why = PAGEWIRE_WHY_ASKED;
		return 0;
	}
	*why = pw_sink_copies(&t->sink);
	return *why ? pw_transfer_allow_copy(t, *why) : 0;
}

/* Sends the whole batch. */
static int drain(struct pw_transfer *t)
{
	bool more = t->filling < t->nr || t->flags & PAGEWIRE_SEND_MORE;
	unsigned int stalls = 0, why;
	ssize_t n;
	int err;

	while (t->batch.bytes) {
		err = sink_copies(t, &why);
		if (err)
			return err;
		n = pw_sink_send(&t->sink, &t->batch, more);
		pw_count(t, PW_M_SENDMSGS, 1);
		if (n > 0) {
			stalls = 0;
			count_sent(t, n, why);
			t->corked = more || t->batch.bytes;
			continue;
		}
		/* The latter: TCP Fast Open, which connects with the first data. */
		if (n && n != -EAGAIN && n != -EINPROGRESS)
			return n;
		err = wait_for_room(t, stalls++);
		if (err)
			return err;
	}
	return 0;
}

static int send_all(struct pw_transfer *t)
{
	bool slept;
	int err;

	t->state = PW_STATE_QUEUED;
	err = pw_sink_enter(&t->sink, &slept);
	if (slept)
		count_socket_wait(t);
	t->state = PW_STATE_SENDING;

	while (!err) {
		err = fill(t);
		if (err || !t->batch.bytes)
			break;
		pw_batch_show(&t->batch);
		err = drain(t);
		if (!err && t->filling < t->nr && signal_pending(current))
			err = -EINTR;
	}
	if (t->corked && !(t->flags & PAGEWIRE_SEND_MORE))
		pw_sink_push(&t->sink);
	pw_sink_leave(&t->sink);
	return err;
}

/* The first segment that did not go out whole. */
static void find_segment(struct pw_transfer *t)
{
	struct pagewire_result *r = &t->result;

	for (; r->segment < t->nr; r->segment++, r->segment_bytes = 0) {
		struct pw_segment *seg = &t->segments[r->segment];

		if (seg->pos != seg->end ||
		    r->segment_bytes != seg->end - seg->start)
			break;
	}
}

static enum pw_meter outcome(int status)
{
	if (!status)
		return PW_M_COMPLETED;
	return status == -EINTR ? PW_M_CANCELLED : PW_M_FAILED;
}

static void begin(struct pw_transfer *t)
{
	t->id = atomic64_inc_return(&last_id);
	t->pid = task_tgid_nr(current);
	get_task_comm(t->comm, current);

	pw_count(t, PW_M_TRANSFERS, 1);
	pw_count(t, PW_M_IN_FLIGHT, 1);
	pw_count(t, PW_M_SEGMENTS, t->nr);
	pw_gauge_add(PW_G_TRANSFERS, 1);

	spin_lock(&live_lock);
	list_add_tail(&t->live, &live);
	spin_unlock(&live_lock);
	trace_pagewire_start(t);
}

static void end(struct pw_transfer *t, int status)
{
	t->result.status = status;
	find_segment(t);
	trace_pagewire_done(t);

	spin_lock(&live_lock);
	list_del(&t->live);
	spin_unlock(&live_lock);

	if (status) {
		pw_count(t, PW_M_ERRORS, 1);
		pw_count(t, pw_meter_of_error(status), 1);
	}
	pw_count(t, outcome(status), 1);
	pw_count(t, PW_M_IN_FLIGHT, -1);
	pw_gauge_add(PW_G_TRANSFERS, -1);
}

int pw_transfer_run(struct pw_transfer *t)
{
	int err;

	err = charge(t, PAGE_ALIGN(min_t(u64, t->total, PW_BATCH_BYTES)));
	if (err)
		return err;
	/* A range of n pages' length lies in n + 2 at most. */
	err = pw_batch_init(&t->batch, (t->total >> PAGE_SHIFT) + 2 * t->nr);
	if (err)
		return err;
	begin(t);
	err = send_all(t);
	end(t, pw_errno(err));
	return 0;
}

void *pw_live_start(struct seq_file *m, loff_t *pos)
	__acquires(&live_lock)
{
	spin_lock(&live_lock);
	return seq_list_start_head(&live, *pos);
}

void *pw_live_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seq_list_next(v, &live, pos);
}

void pw_live_stop(struct seq_file *m, void *v)
	__releases(&live_lock)
{
	spin_unlock(&live_lock);
}

static const char *state_name(enum pw_state state)
{
	switch (state) {
	case PW_STATE_QUEUED:
		return "queued";
	case PW_STATE_DISK:
		return "disk";
	case PW_STATE_SENDING:
		return "sending";
	case PW_STATE_SOCKET:
		return "socket";
	}
	return "?";
}

/* What would break a line or a column; shown in octal. */
#define UNSAFE	" \t\n\\"

static void show_source(struct seq_file *m, const struct pw_transfer *t)
{
	u32 nr = min(READ_ONCE(t->filling), t->nr - 1);
	const struct pw_segment *seg = &t->segments[nr];

	if (seg->file)
		seq_file_path(m, seg->file, UNSAFE);
	else
		seq_puts(m, "(memory)");
	seq_printf(m, " %llu-%llu %u/%u ", seg->start, READ_ONCE(seg->end),
		   nr + 1, t->nr);
}

int pw_live_show(struct seq_file *m, void *v)
{
	const struct pw_transfer *t;

	if (v == &live) {
		seq_puts(m, "pid comm path state sent total file range segment peer\n");
		return 0;
	}
	t = list_entry(v, struct pw_transfer, live);
	seq_printf(m, "%d ", t->pid);
	seq_escape(m, t->comm, UNSAFE);
	seq_printf(m, " %s %s %llu %llu ", pw_path_name(t->path),
		   state_name(READ_ONCE(t->state)),
		   READ_ONCE(t->result.bytes), t->total);
	show_source(m, t);
	pw_sink_show_peer(m, &t->sink);
	seq_putc(m, '\n');
	return 0;
}
