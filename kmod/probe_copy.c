// SPDX-License-Identifier: GPL-2.0
/*
 * Copies by the CPU.
 *
 * Between user memory and the kernel, and from one iov_iter of the kernel's
 * to another: kretprobes on the functions in lib/ where all of these end,
 * never on their callers, or a byte would be counted twice. Only they know how
 * much was copied, and only when they return.
 *
 * Inside the network: ftrace hooks on the functions that copy packets; these
 * lose nothing in softirqs, where kretprobes do. They are counted for the
 * socket of the packet, for they run in anyone's context.
 */
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "probe.h"

/**
 * struct leaf - a function that copies between memory and an iov_iter
 * @name: its name
 * @iter: number of the argument that is the iov_iter, from 0
 * @bytes: number of the argument that says how much, where it returns a bool;
 *	-1: it returns how much
 * @to: it copies to the iterator's memory
 * @rp: the probe
 * @state: 0 when it was registered, or the errno; -ENOENT: not in this kernel
 */
struct leaf {
	const char *name;
	int iter;
	int bytes;
	bool to;
	struct kretprobe rp;
	int state;
};

static struct leaf leaves[] = {
	{ "_copy_to_iter", 2, -1, true },
	{ "_copy_mc_to_iter", 2, -1, true },
	{ "copy_page_to_iter_nofault", 3, -1, true },
	{ "csum_and_copy_to_iter", 3, -1, true },
	{ "_copy_from_iter", 2, -1, false },
	{ "_copy_from_iter_nocache", 2, -1, false },
	{ "_copy_from_iter_flushcache", 2, -1, false },
	{ "copy_page_from_iter_atomic", 3, -1, false },
	{ "copy_folio_from_iter_atomic", 3, -1, false },
	{ "csum_and_copy_from_iter", 3, -1, false },
	{ "csum_and_copy_from_iter_full", 3, 1, false },
};

/* What a probe remembers from entry to return. */
struct call {
	struct pw_label *label;
	enum pw_seen id;
	size_t bytes;
};

static int on_leaf(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct leaf *leaf = container_of(get_kretprobe(ri), struct leaf, rp);
	struct call *call = (void *)ri->data;
	const struct iov_iter *iter;

	rcu_read_lock();
	call->label = pw_label_of_current();
	rcu_read_unlock();
	if (!call->label)
		return 1;	/* skips the return */

	iter = (void *)regs_get_kernel_argument(regs, leaf->iter);
	if (iov_iter_is_discard(iter))
		return 1;
	if (!user_backed_iter(iter))
		call->id = PW_S_IN_KERNEL;
	else
		call->id = leaf->to ? PW_S_TO_USER : PW_S_FROM_USER;
	call->bytes = leaf->bytes < 0 ? 0 :
		      regs_get_kernel_argument(regs, leaf->bytes);
	return 0;
}

static int on_leaf_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct leaf *leaf = container_of(get_kretprobe(ri), struct leaf, rp);
	struct call *call = (void *)ri->data;
	unsigned long ret = regs_return_value(regs);
	size_t n = ret;

	if (leaf->bytes >= 0)
		n = (bool)ret ? call->bytes : 0;
	if (n)
		pw_seen_copy(call->label, call->id, n,
			     get_kretprobe_retaddr(ri));
	return 0;
}

/**
 * struct hook - a function that copies inside the network
 * @name: its name
 * @bytes: number of the argument that says how much; -1: all fragments
 * @id: what is counted
 * @ops: the hook
 * @state: 0 when it was registered, or the errno
 */
struct hook {
	const char *name;
	int bytes;
	enum pw_seen id;
	struct ftrace_ops ops;
	int state;
};

static void on_hook(unsigned long ip, unsigned long parent_ip,
		    struct ftrace_ops *ops, struct ftrace_regs *fregs);

static struct hook hooks[] = {
	{ "skb_copy_bits", 3, PW_S_IN_KERNEL },
	{ "skb_copy_and_csum_bits", 3, PW_S_IN_KERNEL },
	{ "skb_store_bits", 3, PW_S_IN_KERNEL },
	{ "skb_copy_ubufs", -1, PW_S_UNDONE },
};

/*
 * Whose packet it is. A packet on its way up has no socket any more, but one
 * with user pages still knows whom to tell when they are free: msg_zerocopy
 * keeps that in an skb of the sender's.
 */
static struct pw_label *label_of(const struct sk_buff *skb)
{
	return skb->sk ? pw_tag_find_socket(skb->sk) : NULL;
}

static void on_hook(unsigned long ip, unsigned long parent_ip,
		    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct hook *hook = container_of(ops, struct hook, ops);
	const struct sk_buff *skb = (void *)ftrace_regs_get_argument(fregs, 0);
	struct pw_label *label;
	int bit;

	/* It calls itself for packets in packets. */
	if (parent_ip - ip < 4096)
		return;
	bit = ftrace_test_recursion_trylock(ip, parent_ip);
	if (bit < 0)
		return;
	rcu_read_lock();
	label = label_of(skb);
	if (label)
		pw_seen_copy(label, hook->id, hook->bytes < 0 ? skb->data_len :
			     ftrace_regs_get_argument(fregs, hook->bytes), ip);
	rcu_read_unlock();
	ftrace_test_recursion_unlock(bit);
}
