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
#include <crypto/aead.h>
#include <net/sock.h>

#include "compat.h"
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
 * struct hook - a function that copies inside the kernel
 * @name: its name
 * @fn: what counts it
 * @id: as what
 * @bytes: number of the argument that says how much
 * @optional: it may be in a module that isn't loaded, and then copies nothing
 * @ops: the hook
 * @state: 0 when it was registered, or the errno
 */
struct hook {
	const char *name;
	ftrace_func_t fn;
	enum pw_seen id;
	int bytes;
	bool optional;
	struct ftrace_ops ops;
	int state;
};

/*
 * Whose packet this CPU takes apart for a device that can't. Its segments have
 * no socket until they are whole, and may be copied before that. Bottom halves
 * are off from there until the first of them is transmitted.
 */
static DEFINE_PER_CPU(struct pw_label *, segmenting);

void pw_probe_segmented(void)
{
	this_cpu_write(segmenting, NULL);
}

static void on_segment(unsigned long ip, unsigned long parent_ip,
		       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct sk_buff *skb = (void *)pw_ftrace_argument(fregs, 0);
	struct pw_label *label = NULL;
	int bit;

	bit = ftrace_test_recursion_trylock(ip, parent_ip);
	if (bit < 0)
		return;
	rcu_read_lock();
	if (skb->sk)
		label = pw_tag_find_socket(skb->sk);
	this_cpu_write(segmenting, label);
	rcu_read_unlock();
	ftrace_test_recursion_unlock(bit);
}

/*
 * Whose packet it is. One on its way up has no socket any more, but one with
 * user pages still names the buffer, whose label was noted when it was sent.
 */
static struct pw_label *label_of(const struct sk_buff *skb)
{
	struct ubuf_info *ubuf = skb_zcopy((struct sk_buff *)skb);

	if (skb->sk)
		return pw_tag_find_socket(skb->sk);
	return ubuf ? pw_tag_find_ubuf(ubuf) : this_cpu_read(segmenting);
}

static void count_packet(struct hook *hook, const struct sk_buff *skb,
			 size_t bytes, unsigned long ip)
{
	struct pw_label *label;

	if (!bytes)
		return;
	rcu_read_lock();
	label = label_of(skb);
	if (label)
		pw_seen_copy(label, hook->id, bytes, ip);
	rcu_read_unlock();
}

/* These call themselves for packets in packets, and would count twice. */
static bool calls_itself(unsigned long ip, unsigned long parent_ip)
{
	return parent_ip > ip && parent_ip - ip < 2048;
}

static void on_packet(unsigned long ip, unsigned long parent_ip,
		      struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct hook *hook = container_of(ops, struct hook, ops);
	int bit;

	if (calls_itself(ip, parent_ip))
		return;
	bit = ftrace_test_recursion_trylock(ip, parent_ip);
	if (bit < 0)
		return;
	count_packet(hook, (void *)pw_ftrace_argument(fregs, 0),
		     (int)pw_ftrace_argument(fregs, hook->bytes), ip);
	ftrace_test_recursion_unlock(bit);
}

static void on_ubufs(unsigned long ip, unsigned long parent_ip,
		     struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct hook *hook = container_of(ops, struct hook, ops);
	const struct sk_buff *skb = (void *)pw_ftrace_argument(fregs, 0);
	int bit;

	bit = ftrace_test_recursion_trylock(ip, parent_ip);
	if (bit < 0)
		return;
	count_packet(hook, skb, skb->data_len, ip);
	ftrace_test_recursion_unlock(bit);
}

/* kTLS: from the plain text to the encrypted, by the CPU, in its own context. */
static void on_encrypt(unsigned long ip, unsigned long parent_ip,
		       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct hook *hook = container_of(ops, struct hook, ops);
	const struct aead_request *req =
		(void *)pw_ftrace_argument(fregs, 0);
	struct pw_label *label;
	int bit;

	bit = ftrace_test_recursion_trylock(ip, parent_ip);
	if (bit < 0)
		return;
	rcu_read_lock();
	label = pw_label_of_current();
	if (label)
		pw_seen_copy(label, hook->id, req->cryptlen, parent_ip);
	rcu_read_unlock();
	ftrace_test_recursion_unlock(bit);
}

/* Where a process hands bytes to TCP: from here on the socket is its own. */
static void on_send(unsigned long ip, unsigned long parent_ip,
		    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct sock *sk = (void *)pw_ftrace_argument(fregs, 0);
	struct pw_label *label;
	int bit;

	bit = ftrace_test_recursion_trylock(ip, parent_ip);
	if (bit < 0)
		return;
	rcu_read_lock();
	label = pw_label_of_current();
	if (label)
		pw_tag_socket(sk, label);
	rcu_read_unlock();
	ftrace_test_recursion_unlock(bit);
}

static struct hook hooks[] = {
	{ "skb_copy_bits", on_packet, PW_S_IN_KERNEL, 3 },
	{ "skb_copy_and_csum_bits", on_packet, PW_S_IN_KERNEL, 3 },
	{ "skb_store_bits", on_packet, PW_S_IN_KERNEL, 3 },
	{ "skb_copy_ubufs", on_ubufs, PW_S_UNDONE },
	{ "skb_segment", on_segment, PW_S_IN_KERNEL },
	{ "tcp_sendmsg_locked", on_send, PW_S_PASSED },
	/* 6.1 only: from 6.5 on pages go through sendmsg as well. */
	{ "do_tcp_sendpages", on_send, PW_S_PASSED, 0, true },
	{ "crypto_aead_encrypt", on_encrypt, PW_S_IN_KERNEL, 0, true },
};

static void arm_leaf(struct leaf *leaf)
{
	memset(&leaf->rp, 0, sizeof(leaf->rp));
	leaf->rp.kp.symbol_name = leaf->name;
	leaf->rp.entry_handler = on_leaf;
	leaf->rp.handler = on_leaf_return;
	leaf->rp.data_size = sizeof(struct call);
	/* A copy may sleep in a page fault; so many may at once. */
	leaf->rp.maxactive = 512;
	leaf->state = register_kretprobe(&leaf->rp);
}

static void arm_hook(struct hook *hook)
{
	memset(&hook->ops, 0, sizeof(hook->ops));
	hook->ops.func = hook->fn;
	/* Each of them guards itself. */
	hook->ops.flags = FTRACE_OPS_FL_RECURSION;
	hook->state = ftrace_set_filter(&hook->ops, (char *)hook->name,
					strlen(hook->name), 1);
	if (hook->state)
		return;
	hook->state = register_ftrace_function(&hook->ops);
	if (hook->state)
		ftrace_free_filter(&hook->ops);
}

void pw_probe_copy_arm(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leaves); i++)
		arm_leaf(&leaves[i]);
	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		arm_hook(&hooks[i]);
}

static u64 missed;	/* by probes that are gone; guarded as their state is */

void pw_probe_copy_disarm(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (hooks[i].state)
			continue;
		unregister_ftrace_function(&hooks[i].ops);
		ftrace_free_filter(&hooks[i].ops);
	}
	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		if (leaves[i].state)
			continue;
		missed += leaves[i].rp.nmissed;
		leaves[i].rp.nmissed = 0;
		unregister_kretprobe(&leaves[i].rp);
	}
}

u64 pw_probe_copy_missed(void)
{
	u64 sum = missed;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leaves); i++)
		sum += leaves[i].rp.nmissed;
	return sum;
}

/* A leaf that a kernel hasn't got copies nothing; one it hides copies unseen. */
static const char *hidden_leaf(bool to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leaves); i++)
		if (leaves[i].to == to && leaves[i].state &&
		    leaves[i].state != -ENOENT)
			return leaves[i].name;
	return NULL;
}

const char *pw_probe_copy_why_hidden(enum pw_seen id)
{
	const char *why = NULL;
	unsigned int i;

	if (id == PW_S_TO_USER || id == PW_S_IN_KERNEL || id == PW_S_COPIES)
		why = hidden_leaf(true);
	if (!why && (id == PW_S_FROM_USER || id == PW_S_IN_KERNEL ||
		     id == PW_S_COPIES))
		why = hidden_leaf(false);
	if (id == PW_S_TX_KERNEL || id == PW_S_TX_LINEAR ||
	    id == PW_S_RETRANSMITTED)
		id = PW_S_PASSED;	/* all are counted for known sockets */
	for (i = 0; !why && i < ARRAY_SIZE(hooks); i++)
		if (hooks[i].id == id && hooks[i].state && !hooks[i].optional)
			why = hooks[i].name;
	return why;
}

static void show(struct seq_file *m, const char *kind, const char *name,
		 int state)
{
	if (state == -ENOENT)
		seq_printf(m, "%s %s: not in this kernel\n", kind, name);
	else if (state)
		seq_printf(m, "%s %s: refused, error %d\n", kind, name, state);
	else
		seq_printf(m, "%s %s: works\n", kind, name);
}

void pw_probe_copy_show(struct seq_file *m)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leaves); i++)
		show(m, "kretprobe", leaves[i].name, leaves[i].state);
	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		show(m, "ftrace", hooks[i].name, hooks[i].state);
}
