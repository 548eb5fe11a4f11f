// SPDX-License-Identifier: GPL-2.0
/*
 * pagewire-limit: the least that passing pages to TCP can cost
 *
 * Sends the same 1 MiB of physically contiguous, referenced pages again and
 * again: what remains is TCP and the socket layer. No file, no page-cache
 * look-up, no reference but those that TCP takes. For benchmarks only.
 */
#include <linux/bvec.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/socket.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "limit.h"

#define LIMIT_BATCH (1UL << 20)
#define LIMIT_ORDER get_order(LIMIT_BATCH)

static struct page *limit_pages;

static int limit_batch(struct socket *sock, size_t length, bool more)
{
	struct msghdr msg = {
		.msg_flags = MSG_SPLICE_PAGES | MSG_NOSIGNAL | (more ? MSG_MORE : 0),
	};
	struct bio_vec bvec;

	bvec_set_page(&bvec, limit_pages, length, 0);
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &bvec, 1, length);
	return sock_sendmsg(sock, &msg);
}

static long limit_send(struct pagewire_limit_send *request)
{
	u64 wanted = request->bytes;
	struct socket *sock;
	int err = 0;

	sock = sockfd_lookup(request->socket, &err);
	if (!sock)
		return err;

	request->bytes = 0;
	while (request->bytes < wanted) {
		u64 left = wanted - request->bytes;
		int sent;

		if (signal_pending(current))
			break;
		sent = limit_batch(sock, min_t(u64, left, LIMIT_BATCH), left > LIMIT_BATCH);
		if (sent <= 0) {
			err = sent;
			break;
		}
		request->bytes += sent;
	}
	sockfd_put(sock);
	return request->bytes ? 0 : err;
}

static long limit_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct pagewire_limit_send __user *user = (void __user *)argument;
	struct pagewire_limit_send request;
	long err;

	if (command != PAGEWIRE_LIMIT_IOC_SEND)
		return -ENOTTY;
	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	if (request.reserved)
		return -EINVAL;
	err = limit_send(&request);
	if (!err && copy_to_user(user, &request, sizeof(request)))
		err = -EFAULT;
	return err;
}

static const struct file_operations limit_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = limit_ioctl,
};

static struct miscdevice limit_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pagewire-limit",
	.mode = 0600,
	.fops = &limit_fops,
};

static int __init limit_init(void)
{
	int err;

	limit_pages = alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_ZERO, LIMIT_ORDER);
	if (!limit_pages)
		return -ENOMEM;
	err = misc_register(&limit_device);
	if (err)
		__free_pages(limit_pages, LIMIT_ORDER);
	return err;
}
module_init(limit_init);

static void __exit limit_exit(void)
{
	misc_deregister(&limit_device);
	/* Pages that wait in a socket stay until TCP drops its references. */
	__free_pages(limit_pages, LIMIT_ORDER);
}
module_exit(limit_exit);

MODULE_DESCRIPTION("pagewire benchmark: lower limit of passing pages to TCP");
MODULE_LICENSE("GPL");
