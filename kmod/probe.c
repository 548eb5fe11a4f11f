// SPDX-License-Identifier: GPL-2.0
#include <linux/bio.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/tracepoint.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <trace/events/sched.h>
#include <trace/events/net.h>
#include <trace/events/block.h>
#include <trace/events/sock.h>
#include <trace/events/tcp.h>

#include "probe.h"

static unsigned int users;
static DEFINE_MUTEX(arm_lock);	/* guards users and the state of all probes */

static void count_current(enum pw_seen id, u64 n)
{
	struct pw_label *label;

	rcu_read_lock();
	label = pw_label_of_current();
	if (label)
		pw_seen_add(label, id, n);
	rcu_read_unlock();
}

static void on_sys_enter(void *data, struct pt_regs *regs, long nr)
{
	struct pw_label *label;

	rcu_read_lock();
	label = pw_tag_find(current->tgid);
	if (label) {
		pw_seen_add(label, PW_S_SYSCALLS, 1);
		pw_seen_add(label, PW_S_MODE_SWITCHES, 1);
	}
	rcu_read_unlock();
}

static void on_sys_exit(void *data, struct pt_regs *regs, long ret)
{
	count_current(PW_S_MODE_SWITCHES, 1);
}

static void on_user_fault(void *data, unsigned long address,
			  struct pt_regs *regs, unsigned long error_code)
{
	count_current(PW_S_USER_FAULTS, 1);
	count_current(PW_S_MODE_SWITCHES, 2);
}

static void on_kernel_fault(void *data, unsigned long address,
			    struct pt_regs *regs, unsigned long error_code)
{
	count_current(PW_S_KERNEL_FAULTS, 1);
}

static void on_switch(void *data, bool preempt, struct task_struct *prev,
		      struct task_struct *next, unsigned int prev_state)
{
	struct pw_label *label;

	rcu_read_lock();
	label = pw_tag_find(prev->tgid);
	if (label) {
		pw_seen_add(label, PW_S_CTX_SWITCHES, 1);
		if (preempt || !prev_state)
			pw_seen_add(label, PW_S_CTX_INVOLUNTARY, 1);
	}
	rcu_read_unlock();
}

static void on_fork(void *data, struct task_struct *parent,
		    struct task_struct *child)
{
	if (parent->tgid == child->tgid)
		return;
	rcu_read_lock();
	pw_tag_fork(parent->tgid, child->tgid);
	rcu_read_unlock();
}

/* Every thread's end comes by; the last one finds none alive. */
static void on_exit(void *data, struct task_struct *task)
{
	if (atomic_read(&task->signal->live))
		return;
	pw_tag_gone(task->tgid);
}

enum page_kind { KIND_CACHE, KIND_USER, KIND_KERNEL };

static enum page_kind kind_of(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (folio_test_slab(folio))
		return KIND_KERNEL;
	if (folio_test_anon(folio))
		return KIND_USER;
	return folio_mapping(folio) ? KIND_CACHE : KIND_KERNEL;
}

static void on_bio(void *data, struct bio *bio)
{
	struct pw_label *label;
	struct bio_vec bv;
	struct bvec_iter i;

	/*
	 * What a stacked device passes on comes from inside the call that gave
	 * it the first bio: count what the file system asked.
	 */
	if (bio_op(bio) != REQ_OP_READ || current->bio_list)
		return;
	rcu_read_lock();
	label = pw_label_of_current();
	if (!label)
		goto out;
	pw_seen_add(label, PW_S_DMA_IN, bio->bi_iter.bi_size);
	bio_for_each_bvec(bv, bio, i) {
		enum page_kind kind = kind_of(bv.bv_page);

		if (kind == KIND_CACHE)
			pw_seen_add(label, PW_S_DMA_IN_CACHE, bv.bv_len);
		else if (kind == KIND_USER)
			pw_seen_add(label, PW_S_DMA_IN_USER, bv.bv_len);
	}
out:
	rcu_read_unlock();
}

/* Header bytes of a TCP packet, from the start of the linear part. */
static unsigned int headers_of(const struct sk_buff *skb)
{
	return skb_transport_offset(skb) + tcp_hdrlen(skb);
}

/* Counts the payload of skb; sign -1 takes a retransmission back. */
static void count_payload(struct pw_label *label, const struct sk_buff *skb,
			  unsigned int headers, int sign)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	unsigned int linear = skb_headlen(skb), i;

	pw_seen_add(label, PW_S_TX_LINEAR,
		    sign * (s64)(linear - min(linear, headers)));
	for (i = 0; i < shinfo->nr_frags; i++) {
		const skb_frag_t *frag = &shinfo->frags[i];
		bool kernel = kind_of(skb_frag_page(frag)) == KIND_KERNEL;

		pw_seen_add(label, kernel ? PW_S_TX_KERNEL : PW_S_PASSED,
			    sign * (s64)skb_frag_size(frag));
	}
}

static void on_xmit(void *data, const struct sk_buff *skb,
		    const struct net_device *dev)
{
	const struct sock *sk = skb->sk;
	struct pw_label *label;

	pw_probe_segmented();
	/* A device on top of another hands the packet on: count the last. */
	if (!sk || !list_empty(&dev->adj_list.lower))
		return;
	rcu_read_lock();
	label = pw_tag_find_socket(sk);
	if (label) {
		struct ubuf_info *ubuf = skb_zcopy((struct sk_buff *)skb);

		if (ubuf)
			pw_tag_ubuf(ubuf, label);
		count_payload(label, skb, headers_of(skb), 1);
		if (skb->len > headers_of(skb))
			pw_tag_socket_sent(sk, !skb_shinfo(skb)->nr_frags);
	}
	rcu_read_unlock();
}

static void on_retransmit(void *data, const struct sock *sk,
			  const struct sk_buff *skb)
{
	struct pw_label *label;

	rcu_read_lock();
	label = pw_tag_find_socket(sk);
	if (label) {
		/*
		 * The queue's skb has no headers: these went into a clone. It
		 * has its fragments even where the device can't gather.
		 */
		pw_seen_add(label, PW_S_RETRANSMITTED, skb->len);
		if (pw_tag_socket_was_linear(sk))
			pw_seen_add(label, PW_S_TX_LINEAR, -(s64)skb->len);
		else
			count_payload(label, skb, 0, -1);
	}
	rcu_read_unlock();
}

static void on_state(void *data, const struct sock *sk, const int oldstate,
		     const int newstate)
{
	if (newstate != TCP_CLOSE)
		return;
	rcu_read_lock();
	pw_tag_socket_gone(sk);
	rcu_read_unlock();
}

/**
 * struct tracepoint_probe - a probe at a tracepoint
 * @name: of the tracepoint
 * @fn: the probe
 * @values: what can't be counted without it, PW_NR_SEEN last
 * @tp: the tracepoint, when the kernel has it
 * @armed: registered, when last tried
 */
struct tracepoint_probe {
	const char *name;
	void *fn;
	const enum pw_seen *values;
	struct tracepoint *tp;
	bool armed;
};

static const enum pw_seen socket_values[] = {
	PW_S_PASSED, PW_S_TX_KERNEL, PW_S_TX_LINEAR, PW_S_RETRANSMITTED,
	PW_NR_SEEN
};

static const enum pw_seen syscall_values[] = {
	PW_S_SYSCALLS, PW_S_MODE_SWITCHES, PW_NR_SEEN
};

static const enum pw_seen fault_values[] = {
	PW_S_USER_FAULTS, PW_S_MODE_SWITCHES, PW_NR_SEEN
};

static const enum pw_seen kernel_fault_values[] = {
	PW_S_KERNEL_FAULTS, PW_NR_SEEN
};

static const enum pw_seen switch_values[] = {
	PW_S_CTX_SWITCHES, PW_S_CTX_INVOLUNTARY, PW_NR_SEEN
};

static const enum pw_seen dma_values[] = {
	PW_S_DMA_IN, PW_S_DMA_IN_CACHE, PW_S_DMA_IN_USER, PW_NR_SEEN
};

static const enum pw_seen no_values[] = { PW_NR_SEEN };

static struct tracepoint_probe probes[] = {
	{ "sys_enter", on_sys_enter, syscall_values },
	{ "sys_exit", on_sys_exit, syscall_values },
	{ "page_fault_user", on_user_fault, fault_values },
	{ "page_fault_kernel", on_kernel_fault, kernel_fault_values },
	{ "sched_switch", on_switch, switch_values },
	{ "sched_process_fork", on_fork, no_values },
	{ "sched_process_exit", on_exit, no_values },
	{ "block_bio_queue", on_bio, dma_values },
	{ "net_dev_start_xmit", on_xmit, socket_values },
	{ "tcp_retransmit_skb", on_retransmit, socket_values },
	{ "inet_sock_set_state", on_state, socket_values },
};

/* Signatures are checked where the kernel lets a module see them. */
static void __maybe_unused check_types(void)
{
	check_trace_callback_type_sched_switch(on_switch);
	check_trace_callback_type_sched_process_fork(on_fork);
	check_trace_callback_type_sched_process_exit(on_exit);
	check_trace_callback_type_block_bio_queue(on_bio);
	check_trace_callback_type_net_dev_start_xmit(on_xmit);
	check_trace_callback_type_inet_sock_set_state(on_state);
	check_trace_callback_type_tcp_retransmit_skb(on_retransmit);
}

static void remember(struct tracepoint *tp, void *unused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strcmp(probes[i].name, tp->name))
			probes[i].tp = tp;
}

void pw_probe_arm(void)
{
	unsigned int i;

	mutex_lock(&arm_lock);
	if (users++)
		goto out;
	for_each_kernel_tracepoint(remember, NULL);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		struct tracepoint_probe *p = &probes[i];

		p->armed = p->tp && !tracepoint_probe_register(p->tp, p->fn, p);
	}
	pw_probe_copy_arm();
out:
	mutex_unlock(&arm_lock);
}

void pw_probe_disarm(void)
{
	unsigned int i;

	mutex_lock(&arm_lock);
	if (--users)
		goto out;
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (probes[i].armed)
			tracepoint_probe_unregister(probes[i].tp, probes[i].fn,
						    &probes[i]);
	tracepoint_synchronize_unregister();
	pw_probe_copy_disarm();
	pw_tag_forget_sockets();
out:
	mutex_unlock(&arm_lock);
}

static bool counts(const struct tracepoint_probe *p, enum pw_seen id)
{
	const enum pw_seen *value;

	for (value = p->values; *value != PW_NR_SEEN; value++)
		if (*value == id)
			return true;
	return false;
}

const char *pw_probe_why_hidden(enum pw_seen id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (counts(&probes[i], id) && !probes[i].armed)
			return probes[i].name;
	return pw_probe_copy_why_hidden(id);
}

u64 pw_probe_missed(void)
{
	return pw_probe_copy_missed();
}

void pw_probe_show(struct seq_file *m)
{
	unsigned int i;

	mutex_lock(&arm_lock);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		const struct tracepoint_probe *p = &probes[i];
		const char *state = "never armed";

		if (p->armed)
			state = users ? "live" : "works, off";
		else if (p->tp)
			state = "refused";
		seq_printf(m, "tracepoint %s: %s\n", p->name, state);
	}
	pw_probe_copy_show(m);
	mutex_unlock(&arm_lock);
}
