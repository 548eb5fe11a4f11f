// SPDX-License-Identifier: GPL-2.0
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "debugfs.h"
#include "meter.h"
#include "transfer.h"

static struct dentry *root;

static int path_show(struct seq_file *m, void *unused)
{
	unsigned long path = (unsigned long)m->private;
	u64 value[PW_NR_METERS];
	unsigned int id;

	pw_meter_read(path, value);
	for (id = 0; id < PW_NR_METERS; id++)
		seq_printf(m, "%s %llu\n", pw_meter_info[id].name, value[id]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(path);

static int gauges_show(struct seq_file *m, void *unused)
{
	unsigned int id;

	for (id = 0; id < PW_NR_GAUGES; id++)
		seq_printf(m, "%s %lld\n", pw_gauge_info[id].name,
			   pw_gauge_read(id));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(gauges);

/* One column per path, one row per counter. */
static int paths_show(struct seq_file *m, void *unused)
{
	static const unsigned int shown[] = {
		PAGEWIRE_PATH_COPY, PAGEWIRE_PATH_SG,
	};
	u64 value[ARRAY_SIZE(shown)][PW_NR_METERS];
	unsigned int id, i;

	seq_printf(m, "%-26s", "");
	for (i = 0; i < ARRAY_SIZE(shown); i++) {
		pw_meter_read(shown[i], value[i]);
		seq_printf(m, "%16s", pw_path_name(shown[i]));
	}
	seq_puts(m, "  unit   meaning\n");
	for (id = 0; id < PW_NR_METERS; id++) {
		const struct pw_meter_info *info = &pw_meter_info[id];

		seq_printf(m, "%-26s", info->name);
		for (i = 0; i < ARRAY_SIZE(shown); i++)
			seq_printf(m, "%16llu", value[i][id]);
		seq_printf(m, "  %-5s  %s\n", info->unit, info->doc);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(paths);

static const struct seq_operations transfers_sops = {
	.start = pw_live_start,
	.next = pw_live_next,
	.stop = pw_live_stop,
	.show = pw_live_show,
};
DEFINE_SEQ_ATTRIBUTE(transfers);

static ssize_t reset_write(struct file *file, const char __user *buf,
			   size_t len, loff_t *pos)
{
	pw_meter_reset();
	return len;
}

static const struct file_operations reset_fops = {
	.owner = THIS_MODULE,
	.write = reset_write,
	.llseek = noop_llseek,
};

void pw_debugfs_init(void)
{
	struct dentry *dir;
	unsigned long path;

	root = debugfs_create_dir("pagewire", NULL);
	debugfs_create_file("paths", 0444, root, NULL, &paths_fops);
	debugfs_create_file("gauges", 0444, root, NULL, &gauges_fops);
	debugfs_create_file("transfers", 0444, root, NULL, &transfers_fops);
	debugfs_create_file("reset", 0200, root, NULL, &reset_fops);
	dir = debugfs_create_dir("path", root);
	for (path = 0; path < PW_NR_PATHS; path++)
		if (pw_path_name(path))
			debugfs_create_file(pw_path_name(path), 0444, dir,
					    (void *)path, &path_fops);
}

void pw_debugfs_exit(void)
{
	debugfs_remove(root);
}
