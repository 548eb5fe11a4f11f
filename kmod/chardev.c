// SPDX-License-Identifier: GPL-2.0
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "chardev.h"
#include "observer.h"
#include "probe.h"
#include "queue.h"
#include "transfer.h"

#define SEND_FLAGS	(PAGEWIRE_SEND_SG_ONLY | PAGEWIRE_SEND_MORE)
#define PATHS		(BIT(PAGEWIRE_PATH_COPY) | BIT(PAGEWIRE_PATH_SG))
#define SEGMENT_KINDS	(BIT(PAGEWIRE_SEGMENT_FILE) | BIT(PAGEWIRE_SEGMENT_MEMORY))

/* The ABI, frozen. */
static_assert(sizeof(struct pagewire_segment) == 40);
static_assert(sizeof(struct pagewire_result) == 128);
static_assert(sizeof(struct pagewire_send) == 184);
static_assert(sizeof(struct pagewire_features) == 128);
static_assert(sizeof(struct pagewire_tag) == 64);

/* What an open description of the device has. */
struct device_file {
	struct pw_queue *queue;
	struct pw_observer observer;
};

static int device_open(struct inode *inode, struct file *file)
{
	struct device_file *device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);

	if (!device)
		return -ENOMEM;
	device->queue = pw_queue_new();
	if (!device->queue) {
		kfree(device);
		return -ENOMEM;
	}
	pw_observer_init(&device->observer);
	/* misc left its own structure there. */
	file->private_data = device;
	return nonseekable_open(inode, file);
}

static int device_release(struct inode *inode, struct file *file)
{
	struct device_file *device = file->private_data;

	pw_observer_untag(&device->observer, false);
	pw_queue_free(device->queue);
	kfree(device);
	return 0;
}

static int get_features(void __user *arg)
{
	struct pagewire_features f = {
		.abi = PAGEWIRE_ABI,
		.paths = PATHS,
		.features = PW_PROBES ? PAGEWIRE_FEATURE_TAG : 0,
		.send_flags = SEND_FLAGS,
		.segment_kinds = SEGMENT_KINDS,
		.max_segments = PAGEWIRE_MAX_SEGMENTS,
		.max_memory_segment = PAGEWIRE_MAX_MEMORY_SEGMENT,
		.max_memory = PAGEWIRE_MAX_MEMORY,
		.max_batch = PW_BATCH_BYTES,
		.max_transfers = READ_ONCE(pw_max_transfers),
		.max_user_bytes = READ_ONCE(pw_max_user_bytes),
	};

	strscpy(f.version, THIS_MODULE->version, sizeof(f.version));
	return copy_to_user(arg, &f, sizeof(f)) ? -EFAULT : 0;
}

static int check_request(const struct pagewire_send *req, u32 *reason)
{
	*reason = PAGEWIRE_WHY_REQUEST;
	if (req->flags & ~SEND_FLAGS ||
	    memchr_inv(req->reserved, 0, sizeof(req->reserved)))
		return -EINVAL;
	if (!req->nr_segments)
		return -EINVAL;
	if (req->nr_segments > PAGEWIRE_MAX_SEGMENTS)
		return -E2BIG;

	*reason = PAGEWIRE_WHY_PATH;
	if (req->path > PAGEWIRE_PATH_DIRECT)
		return -EINVAL;
	if (!(PATHS & BIT(req->path)))
		return -EOPNOTSUPP;

	*reason = PAGEWIRE_WHY_REQUEST;
	if (req->path == PAGEWIRE_PATH_COPY &&
	    req->flags & PAGEWIRE_SEND_SG_ONLY)
		return -EINVAL;

	*reason = 0;
	return 0;
}

static int check_segment(const struct pagewire_segment *seg)
{
	if (seg->flags || seg->reserved)
		return -EINVAL;
	switch (seg->kind) {
	case PAGEWIRE_SEGMENT_FILE:
		return seg->addr ? -EINVAL : 0;
	case PAGEWIRE_SEGMENT_MEMORY:
		return seg->fd || seg->offset ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

static int copy_memory(struct pw_transfer *t, u64 addr, size_t len)
{
	const char __user *from = u64_to_user_ptr(addr);

	while (len) {
		size_t n;
		void *to = pw_memory_room(&t->memory, len, &n);

		if (!to)
			return -ENOMEM;
		if (copy_from_user(to, from, n)) {
			t->result.reason = PAGEWIRE_WHY_FAULT;
			return -EFAULT;
		}
		from += n;
		len -= n;
	}
	return 0;
}

static int add_memory_segment(struct pw_transfer *t,
			      const struct pagewire_segment *seg)
{
	int err;

	if (seg->length > PAGEWIRE_MAX_MEMORY_SEGMENT ||
	    seg->length > PAGEWIRE_MAX_MEMORY - t->memory.bytes) {
		t->result.reason = PAGEWIRE_WHY_MEMORY_SIZE;
		return -E2BIG;
	}
	err = pw_transfer_add_memory(t, seg->length);
	return err ?: copy_memory(t, seg->addr, seg->length);
}

static int add_segment(struct pw_transfer *t,
		       const struct pagewire_segment __user *from)
{
	struct pagewire_segment seg;
	int err;

	if (copy_from_user(&seg, from, sizeof(seg))) {
		t->result.reason = PAGEWIRE_WHY_FAULT;
		return -EFAULT;
	}
	err = check_segment(&seg);
	if (err) {
		t->result.reason = PAGEWIRE_WHY_SEGMENT;
		return err;
	}
	if (seg.kind == PAGEWIRE_SEGMENT_MEMORY)
		return add_memory_segment(t, &seg);
	return pw_transfer_add_file(t, &seg);
}

/* Everything that can be refused is refused in here, before a byte is sent. */
static int build(struct pw_transfer *t, const struct pagewire_send *req)
{
	struct pagewire_segment __user *segments = u64_to_user_ptr(req->segments);
	u32 i;
	int err;

	t->result.segment = req->nr_segments;
	err = pw_transfer_add_socket(t, req->socket);
	if (err)
		return err;
	for (i = 0; i < req->nr_segments; i++) {
		t->result.segment = i;
		err = add_segment(t, &segments[i]);
		if (err)
			return err;
	}
	t->result.segment = 0;
	return 0;
}

static int send(struct pw_queue *queue, struct pagewire_send *req)
{
	struct pw_transfer *t;
	int err;

	t = pw_transfer_new(queue, req, &req->result.reason);
	if (IS_ERR(t))
		return PTR_ERR(t);
	err = build(t, req);
	if (!err) {
		err = pw_transfer_run(t);
		if (err)
			t->result.segment = req->nr_segments;
	}
	req->result = t->result;
	pw_transfer_free(t);
	return err;
}

static int ioctl_send(struct pw_queue *queue, void __user *arg)
{
	struct pagewire_send __user *to = arg;
	struct pagewire_send req;
	int err;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	memset(&req.result, 0, sizeof(req.result));
	req.result.cookie = req.cookie;
	req.result.path = req.path;
	req.result.segment = req.nr_segments;

	/* If the result can't be told, better not to send at all. */
	if (copy_to_user(&to->result, &req.result, sizeof(req.result)))
		return -EFAULT;
	err = check_request(&req, &req.result.reason);
	if (!err)
		err = pw_errno(send(queue, &req));
	if (err) {
		req.result.status = err;
		if (req.path < PW_NR_PATHS)
			pw_meter_add(req.path, PW_M_REFUSED, 1);
	}
	if (copy_to_user(&to->result, &req.result, sizeof(req.result)))
		return -EFAULT;
	return err;
}

static int ioctl_tag(struct pw_observer *observer, void __user *arg)
{
	struct pagewire_tag tag;

	if (copy_from_user(&tag, arg, sizeof(tag)))
		return -EFAULT;
	return pw_observer_tag(observer, &tag);
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct device_file *device = file->private_data;
	void __user *to = (void __user *)arg;

	switch (cmd) {
	case PAGEWIRE_IOC_GET_FEATURES:
		return get_features(to);
	case PAGEWIRE_IOC_SEND:
		return ioctl_send(device->queue, to);
	case PAGEWIRE_IOC_TAG:
		return ioctl_tag(&device->observer, to);
	case PAGEWIRE_IOC_UNTAG:
		pw_observer_untag(&device->observer, true);
		return 0;
	default:
		return -ENOTTY;
	}
}

static const struct file_operations device_ops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pagewire",
	.mode = 0660,
	.fops = &device_ops,
};

int pw_chardev_init(void)
{
	return misc_register(&device);
}

void pw_chardev_exit(void)
{
	misc_deregister(&device);
}
