// SPDX-License-Identifier: GPL-2.0
#include <linux/cred.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "meter.h"
#include "queue.h"

/**
 * struct pw_user - what a user has charged
 * @node: on users; guarded by users_lock
 * @uid: who
 * @opens: queues that point here; guarded by users_lock
 * @bytes: charged
 */
struct pw_user {
	struct list_head node;
	kuid_t uid;
	unsigned int opens;
	atomic64_t bytes;
};

unsigned int pw_max_transfers = 1024;
unsigned long pw_max_user_bytes = 256UL << 20;

static LIST_HEAD(users);
static DEFINE_MUTEX(users_lock);	/* guards users and their opens */

static struct pw_user *user_get(kuid_t uid)
{
	struct pw_user *user;

	mutex_lock(&users_lock);
	list_for_each_entry(user, &users, node)
		if (uid_eq(user->uid, uid))
			goto found;
	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		goto out;
	user->uid = uid;
	list_add(&user->node, &users);
found:
	user->opens++;
out:
	mutex_unlock(&users_lock);
	return user;
}

static void user_put(struct pw_user *user)
{
	mutex_lock(&users_lock);
	if (!--user->opens) {
		list_del(&user->node);
		kfree(user);
	}
	mutex_unlock(&users_lock);
}

struct pw_queue *pw_queue_new(void)
{
	struct pw_queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);

	if (!queue)
		return NULL;
	queue->user = user_get(current_euid());
	if (!queue->user) {
		kfree(queue);
		return NULL;
	}
	pw_gauge_add(PW_G_OPENS, 1);
	return queue;
}

void pw_queue_free(struct pw_queue *queue)
{
	WARN_ON_ONCE(atomic_read(&queue->in_flight));
	user_put(queue->user);
	kfree(queue);
	pw_gauge_add(PW_G_OPENS, -1);
}

int pw_queue_begin(struct pw_queue *queue)
{
	int max = min_t(unsigned int, READ_ONCE(pw_max_transfers), INT_MAX);

	if (atomic_inc_return(&queue->in_flight) <= max)
		return 0;
	atomic_dec(&queue->in_flight);
	return -EAGAIN;
}

void pw_queue_end(struct pw_queue *queue)
{
	atomic_dec(&queue->in_flight);
}

int pw_queue_charge(struct pw_queue *queue, u64 bytes)
{
	atomic64_t *charged = &queue->user->bytes;

	if (atomic64_add_return(bytes, charged) > READ_ONCE(pw_max_user_bytes)) {
		atomic64_sub(bytes, charged);
		return -EAGAIN;
	}
	pw_gauge_add(PW_G_USER_BYTES, bytes);
	return 0;
}

void pw_queue_uncharge(struct pw_queue *queue, u64 bytes)
{
	atomic64_sub(bytes, &queue->user->bytes);
	pw_gauge_add(PW_G_USER_BYTES, -bytes);
}
