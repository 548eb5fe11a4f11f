/* SPDX-License-Identifier: GPL-2.0 */
/*
 * queue: what one open description of the device has in flight, and the
 * limits of it and of its user.
 */
#ifndef PAGEWIRE_QUEUE_H
#define PAGEWIRE_QUEUE_H

#include <linux/atomic.h>
#include <linux/types.h>

struct pw_user;

/**
 * struct pw_queue - one open description of the device
 * @user: who opened it; a reference. All he has open share his limit
 * @in_flight: transfers
 */
struct pw_queue {
	struct pw_user *user;
	atomic_t in_flight;
};

/* Limits: module parameters, read at each use. */
extern unsigned int pw_max_transfers;
extern unsigned long pw_max_user_bytes;

struct pw_queue *pw_queue_new(void);		/* may sleep; NULL: no memory */
void pw_queue_free(struct pw_queue *queue);	/* nothing in flight; may sleep */

/* One more transfer: 0, or -EAGAIN over the limit. Any context. */
int pw_queue_begin(struct pw_queue *queue);
void pw_queue_end(struct pw_queue *queue);

/* Charges the user: 0, or -EAGAIN over the limit. Any context. */
int pw_queue_charge(struct pw_queue *queue, u64 bytes);
void pw_queue_uncharge(struct pw_queue *queue, u64 bytes);

#endif /* PAGEWIRE_QUEUE_H */
