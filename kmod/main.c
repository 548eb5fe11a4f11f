// SPDX-License-Identifier: GPL-2.0
/* Start and end of the module, and its parameters. */
#include <linux/module.h>

#include "chardev.h"
#include "debugfs.h"
#include "label.h"
#include "meter.h"
#include "queue.h"
#include "sink.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

module_param_named(max_transfers, pw_max_transfers, uint, 0644);
MODULE_PARM_DESC(max_transfers, "Transfers in flight per open device (1024)");
module_param_named(max_user_bytes, pw_max_user_bytes, ulong, 0644);
MODULE_PARM_DESC(max_user_bytes, "Bytes in batches and caller memory of one user (268435456)");

static int __init pagewire_init(void)
{
	int err;

	err = pw_meter_init();
	if (err)
		return err;
	pw_sink_init();
	pw_debugfs_init();
	/* Last: from here on there are callers. */
	err = pw_chardev_init();
	if (err)
		goto no_chardev;
	return 0;

no_chardev:
	pw_debugfs_exit();
	pw_meter_exit();
	return err;
}

static void __exit pagewire_exit(void)
{
	pw_chardev_exit();
	pw_debugfs_exit();
	pw_label_exit();
	pw_meter_exit();
}

module_init(pagewire_init);
module_exit(pagewire_exit);

MODULE_DESCRIPTION("Files to sockets inside the kernel, by page descriptors");
MODULE_AUTHOR("The pagewire developers");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
