// SPDX-License-Identifier: GPL-2.0
/* Who is tagged: processes and the sockets that they send on. */
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "label.h"

#define MAX_SOCKETS	65536

/**
 * struct pw_tag - a tagged process
 * @hash: in tags, by tgid
 * @node: on its tagger's list
 * @rcu: to free it
 * @tgid: thread group, as the initial namespace numbers it; never 0, which
 *	is the idle task
 * @label: where its work is counted
 * @children: they are tagged too
 * @tagger: owner
 */
struct pw_tag {
	struct hlist_node hash;
	struct list_head node;
	struct rcu_head rcu;
	pid_t tgid;
	struct pw_label *label;
	bool children;
	struct pw_tagger *tagger;
};

/**
 * struct pw_tagged_socket - a socket on which a tagged process sent
 * @hash: in sockets, by sk
 * @rcu: to free it
 * @sk: only compared, never followed
 * @label: where its transmissions are counted
 * @linear: the last packet with payload had none in fragments
 */
struct pw_tagged_socket {
	struct hlist_node hash;
	struct rcu_head rcu;
	const struct sock *sk;
	struct pw_label *label;
	bool linear;
};

/*
 * Labels of the buffers of user pages sent last. A packet that comes up again
 * on this machine names its buffer and no longer its socket; it comes soon.
 */
struct ubuf {
	const void *ubuf;
	struct pw_label *label;
};

#define UBUFS_BITS	10
static struct ubuf ubufs[1 << UBUFS_BITS];

static DEFINE_HASHTABLE(tags, 8);
static DEFINE_HASHTABLE(sockets, 10);
static unsigned int nr_sockets;
/* Guards all of the above and taggers' lists. Taken with irqs off. */
static DEFINE_SPINLOCK(tags_lock);

static struct pw_tag *find_tag(pid_t tgid)
{
	struct pw_tag *tag;

	hash_for_each_possible_rcu(tags, tag, hash, tgid,
				   lockdep_is_held(&tags_lock))
		if (tag->tgid == tgid)
			return tag;
	return NULL;
}

static struct pw_tagged_socket *find_socket(const struct sock *sk)
{
	struct pw_tagged_socket *s;

	hash_for_each_possible_rcu(sockets, s, hash, (unsigned long)sk,
				   lockdep_is_held(&tags_lock))
		if (s->sk == sk)
			return s;
	return NULL;
}

struct pw_label *pw_tag_find(pid_t tgid)
{
	struct pw_tag *tag = find_tag(tgid);

	return tag ? tag->label : NULL;
}

static int insert_tag(struct pw_tag *tag)
{
	unsigned long flags;
	int err = -EBUSY;

	spin_lock_irqsave(&tags_lock, flags);
	if (!find_tag(tag->tgid)) {
		hash_add_rcu(tags, &tag->hash, tag->tgid);
		list_add(&tag->node, &tag->tagger->tags);
		err = 0;
	}
	spin_unlock_irqrestore(&tags_lock, flags);
	if (err)
		kfree(tag);
	return err;
}

int pw_tag_add(struct pw_tagger *tagger, pid_t tgid, struct pw_label *label,
	       bool children)
{
	struct pw_tag *tag = kzalloc(sizeof(*tag), GFP_KERNEL_ACCOUNT);

	if (!tag)
		return -ENOMEM;
	tag->tgid = tgid;
	tag->label = label;
	tag->children = children;
	tag->tagger = tagger;
	return insert_tag(tag);
}

static void remove_tag(struct pw_tag *tag)
{
	lockdep_assert_held(&tags_lock);
	hash_del_rcu(&tag->hash);
	list_del(&tag->node);
	kfree_rcu(tag, rcu);
}

unsigned int pw_tag_drop(struct pw_tagger *tagger)
{
	struct pw_tag *tag, *next;
	unsigned int nr = 0;
	unsigned long flags;

	spin_lock_irqsave(&tags_lock, flags);
	list_for_each_entry_safe(tag, next, &tagger->tags, node) {
		remove_tag(tag);
		nr++;
	}
	spin_unlock_irqrestore(&tags_lock, flags);
	return nr;
}

/*
 * A child that can't be tagged for want of memory would be counted nowhere
 * and nobody would know; that is worth a line in the log.
 */
void pw_tag_fork(pid_t parent, pid_t child)
{
	struct pw_tag *tag, *from;
	unsigned long flags;
	bool tagged = false;

	if (!find_tag(parent))
		return;
	tag = kzalloc(sizeof(*tag), GFP_ATOMIC | __GFP_NOWARN);
	spin_lock_irqsave(&tags_lock, flags);
	from = find_tag(parent);
	if (from && from->children && tag) {
		tag->tgid = child;
		tag->label = from->label;
		tag->children = true;
		tag->tagger = from->tagger;
		hash_add_rcu(tags, &tag->hash, child);
		list_add(&tag->node, &tag->tagger->tags);
		tagged = true;
	}
	spin_unlock_irqrestore(&tags_lock, flags);
	if (!tagged)
		kfree(tag);
	if (from && !tag)
		pr_warn_ratelimited("no memory to count child %d\n", child);
}

void pw_tag_gone(pid_t tgid)
{
	struct pw_tag *tag;
	unsigned long flags;

	spin_lock_irqsave(&tags_lock, flags);
	tag = find_tag(tgid);
	if (tag)
		remove_tag(tag);
	spin_unlock_irqrestore(&tags_lock, flags);
}

struct pw_label *pw_tag_find_socket(const struct sock *sk)
{
	struct pw_tagged_socket *s = find_socket(sk);

	return s ? s->label : NULL;
}

void pw_tag_socket_sent(const struct sock *sk, bool linear)
{
	struct pw_tagged_socket *s = find_socket(sk);

	if (s)
		WRITE_ONCE(s->linear, linear);
}

bool pw_tag_socket_was_linear(const struct sock *sk)
{
	struct pw_tagged_socket *s = find_socket(sk);

	return s && READ_ONCE(s->linear);
}

/* The last process that sent on it has it. */
void pw_tag_socket(const struct sock *sk, struct pw_label *label)
{
	struct pw_tagged_socket *s, *new = NULL;
	unsigned long flags;

	s = find_socket(sk);
	if (s && s->label == label)
		return;
	if (!s)
		new = kzalloc(sizeof(*new), GFP_ATOMIC | __GFP_NOWARN);

	spin_lock_irqsave(&tags_lock, flags);
	s = find_socket(sk);
	if (s) {
		WRITE_ONCE(s->label, label);
	} else if (new && nr_sockets < MAX_SOCKETS) {
		new->sk = sk;
		new->label = label;
		hash_add_rcu(sockets, &new->hash, (unsigned long)sk);
		nr_sockets++;
		new = NULL;
	}
	spin_unlock_irqrestore(&tags_lock, flags);
	kfree(new);
}

static void remove_socket(struct pw_tagged_socket *s)
{
	lockdep_assert_held(&tags_lock);
	hash_del_rcu(&s->hash);
	nr_sockets--;
	kfree_rcu(s, rcu);
}

void pw_tag_socket_gone(const struct sock *sk)
{
	struct pw_tagged_socket *s;
	unsigned long flags;

	if (!find_socket(sk))
		return;
	spin_lock_irqsave(&tags_lock, flags);
	s = find_socket(sk);
	if (s)
		remove_socket(s);
	spin_unlock_irqrestore(&tags_lock, flags);
}

void pw_tag_ubuf(const void *ubuf, struct pw_label *label)
{
	unsigned long flags;

	spin_lock_irqsave(&tags_lock, flags);
	ubufs[hash_ptr(ubuf, UBUFS_BITS)] = (struct ubuf){ ubuf, label };
	spin_unlock_irqrestore(&tags_lock, flags);
}

struct pw_label *pw_tag_find_ubuf(const void *ubuf)
{
	struct ubuf *slot = &ubufs[hash_ptr(ubuf, UBUFS_BITS)];
	struct pw_label *label = NULL;
	unsigned long flags;

	if (!ubuf)
		return NULL;
	spin_lock_irqsave(&tags_lock, flags);
	if (slot->ubuf == ubuf)
		label = slot->label;
	spin_unlock_irqrestore(&tags_lock, flags);
	return label;
}

void pw_tag_forget_sockets(void)
{
	struct pw_tagged_socket *s;
	struct hlist_node *next;
	unsigned long flags;
	int i;

	spin_lock_irqsave(&tags_lock, flags);
	hash_for_each_safe(sockets, i, next, s, hash)
		remove_socket(s);
	memset(ubufs, 0, sizeof(ubufs));
	spin_unlock_irqrestore(&tags_lock, flags);
}
