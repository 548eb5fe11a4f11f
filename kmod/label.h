/* SPDX-License-Identifier: GPL-2.0 */
/*
 * label: names under which the work of tagged processes is counted, and who
 * is tagged.
 *
 * A label is made when it is first used and stays until the module goes, so
 * that probes may hold a pointer to one without counting references. A tag
 * says "count this process (by thread group) under that label"; it belongs to
 * the open description of the device that made it and goes with it, or with
 * the process. A socket that a tagged process sends on is remembered with the
 * label until the connection is closed, for transmission happens anywhere.
 *
 * Tags and sockets are found under RCU, in any context; changes take
 * tags_lock, an irq-safe spinlock that is the innermost of all.
 */
#ifndef PAGEWIRE_LABEL_H
#define PAGEWIRE_LABEL_H

#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/pagewire.h>

#include "meter.h"

struct sock;
struct seq_file;

/* What probes see: id, name, unit, meaning. Order is the order shown. */
#define PW_SEEN(X)							\
	X(SYSCALLS, "syscalls", "", "system calls begun")		\
	X(USER_FAULTS, "user_faults", "", "page faults from user mode")	\
	X(KERNEL_FAULTS, "kernel_faults", "",				\
	  "page faults inside the kernel: no change of mode")		\
	X(MODE_SWITCHES, "mode_switches", "",				\
	  "user/kernel: calls begun and ended, two for a user fault")	\
	X(CTX_SWITCHES, "ctx_switches", "", "the scheduler took the CPU away") \
	X(CTX_INVOLUNTARY, "ctx_switches_involuntary", "",		\
	  "of these, not asked for")					\
	X(TO_USER, "copied_to_user_bytes", "B", "copied by the CPU")	\
	X(FROM_USER, "copied_from_user_bytes", "B", "copied by the CPU") \
	X(IN_KERNEL, "copied_in_kernel_bytes", "B", "copied by the CPU") \
	X(COPIES, "copies", "", "copy operations")			\
	X(UNDONE, "zerocopy_undone_bytes", "B",				\
	  "passed, but copied before the receiver got them")		\
	X(PASSED, "passed_bytes", "B",					\
	  "transmitted from page cache or user pages, retransmissions apart") \
	X(TX_KERNEL, "tx_kernel_bytes", "B",				\
	  "transmitted from pages of the kernel's own")			\
	X(TX_LINEAR, "tx_linear_bytes", "B",				\
	  "transmitted from the linear part, without headers")		\
	X(RETRANSMITTED, "retransmitted_bytes", "B", "sent once more")	\
	X(DMA_IN, "dma_in_bytes", "B", "asked from disks")		\
	X(DMA_IN_CACHE, "dma_in_cache_bytes", "B", "of these, page cache") \
	X(DMA_IN_USER, "dma_in_user_bytes", "B", "of these, user pages")

#define PW_SEEN_ID(id, ...)	PW_S_##id,
enum pw_seen { PW_SEEN(PW_SEEN_ID) PW_NR_SEEN };

extern const struct pw_meter_info pw_seen_info[PW_NR_SEEN];

/* Distinct callers of copying functions that one CPU tells apart. */
#define PW_PLACES	32

/**
 * struct pw_place - where copies were made
 * @ip: an address in the function that asked for the copy, 0: unused
 * @calls: how many
 * @bytes: how much
 */
struct pw_place {
	unsigned long ip;
	u64 calls;
	u64 bytes;
};

struct pw_label_cpu {
	u64 seen[PW_NR_SEEN];
	struct pw_place place[PW_PLACES];
};

/**
 * struct pw_label - a label
 * @node: on the list of labels, which only grows
 * @name: as in debugfs
 * @cpu: what was counted
 * @zero: where the counters stood at the last reset; guarded by labels_lock
 */
struct pw_label {
	struct list_head node;
	char name[PAGEWIRE_LABEL_MAX];
	struct pw_label_cpu __percpu *cpu;
	u64 zero[PW_NR_SEEN];
};

/* The label of this name, or NULL. May sleep. */
struct pw_label *pw_label_find(const char *name);
/* Finds or makes one. ERR_PTR: -EINVAL (name), -ENOSPC, -ENOMEM. May sleep. */
struct pw_label *pw_label_get(const char *name);
/* Runs fn on each, in the order they were made. Labels can't go meanwhile. */
void pw_label_for_each(void (*fn)(struct pw_label *label, void *arg), void *arg);
void pw_label_read(struct pw_label *label, u64 seen[PW_NR_SEEN]);
void pw_label_show_places(struct seq_file *m, struct pw_label *label);
void pw_label_reset_all(void);
void pw_label_exit(void);

/* Any context. */
static inline void pw_seen_add(struct pw_label *label, enum pw_seen id, u64 n)
{
	this_cpu_add(label->cpu->seen[id], n);
}

/* One copy of n bytes, of kind id, asked for at ip. Any context. */
void pw_seen_copy(struct pw_label *label, enum pw_seen id, u64 n,
		  unsigned long ip);

/**
 * struct pw_tagger - the tags of one open description of the device
 * @tags: guarded by tags_lock
 */
struct pw_tagger {
	struct list_head tags;
};

static inline void pw_tagger_init(struct pw_tagger *tagger)
{
	INIT_LIST_HEAD(&tagger->tags);
}

/*
 * Tags a thread group: 0, -EBUSY (it has a tag), -ENOMEM. Sleeps for memory.
 * children: processes that it forks from now on get the same tag.
 */
int pw_tag_add(struct pw_tagger *tagger, pid_t tgid, struct pw_label *label,
	       bool children);
/* Takes back all tags of this tagger. Returns how many there were. */
unsigned int pw_tag_drop(struct pw_tagger *tagger);

/* Called by probes. Any context, under rcu_read_lock() for the find_ ones. */
struct pw_label *pw_tag_find(pid_t tgid);
void pw_tag_fork(pid_t parent, pid_t child);
void pw_tag_gone(pid_t tgid);
void pw_tag_socket(const struct sock *sk, struct pw_label *label);
struct pw_label *pw_tag_find_socket(const struct sock *sk);
/* Remembers, and tells, whether its payload went out in the linear part last. */
void pw_tag_socket_sent(const struct sock *sk, bool linear);
bool pw_tag_socket_was_linear(const struct sock *sk);
void pw_tag_socket_gone(const struct sock *sk);
/* The same for a buffer of user pages (struct ubuf_info) that was sent. */
void pw_tag_ubuf(const void *ubuf, struct pw_label *label);
struct pw_label *pw_tag_find_ubuf(const void *ubuf);
/* Forgets all sockets and buffers: nothing probes any more. */
void pw_tag_forget_sockets(void);

#endif /* PAGEWIRE_LABEL_H */
