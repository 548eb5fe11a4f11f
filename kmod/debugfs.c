// SPDX-License-Identifier: GPL-2.0
#include <linux/debugfs.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "debugfs.h"
#include "label.h"
#include "meter.h"
#include "probe.h"
#include "transfer.h"

static struct dentry *root;
static struct dentry *path_dir;

/* Does a path of the module have a meter of this name? Its file shows that. */
static bool is_meter(const char *name)
{
	unsigned int id;

	for (id = 0; id < PW_NR_METERS; id++)
		if (!strcmp(pw_meter_info[id].name, name))
			return true;
	return false;
}

static void show_seen(struct seq_file *m, struct pw_label *label, bool alone)
{
	u64 seen[PW_NR_SEEN];
	unsigned int id;

	pw_label_read(label, seen);
	for (id = 0; id < PW_NR_SEEN; id++) {
		const char *name = pw_seen_info[id].name;

		if (!alone && is_meter(name))
			continue;
		if (pw_probe_why_hidden(id))
			seq_printf(m, "%s n/a\n", name);
		else
			seq_printf(m, "%s %llu\n", name, seen[id]);
	}
	seq_printf(m, "missed %llu\n", pw_probe_missed());
}

static int label_show(struct seq_file *m, void *unused)
{
	show_seen(m, m->private, true);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(label);

void pw_debugfs_add_label(struct pw_label *label)
{
	unsigned int path;

	for (path = 0; path < PW_NR_PATHS; path++)
		if (pw_path_name(path) &&
		    !strcmp(pw_path_name(path), label->name))
			return;
	debugfs_create_file(label->name, 0444, path_dir, label, &label_fops);
}

static int path_show(struct seq_file *m, void *unused)
{
	unsigned long path = (unsigned long)m->private;
	struct pw_label *label = pw_label_find(pw_path_name(path));
	u64 value[PW_NR_METERS];
	unsigned int id;

	pw_meter_read(path, value);
	for (id = 0; id < PW_NR_METERS; id++)
		seq_printf(m, "%s %llu\n", pw_meter_info[id].name, value[id]);
	if (label)
		show_seen(m, label, false);
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

/* Labels side by side in the table. */
#define COLUMNS	6

struct column {
	const char *name;
	u64 seen[PW_NR_SEEN];
};

/* Payload that was transmitted, once: what "per GiB" is per. */
static u64 transmitted(const u64 seen[PW_NR_SEEN])
{
	return seen[PW_S_PASSED] + seen[PW_S_TX_KERNEL] + seen[PW_S_TX_LINEAR];
}

static void show_value(struct seq_file *m, const struct column *column,
		       enum pw_seen id, bool per_gib)
{
	u64 bytes = transmitted(column->seen);

	if (pw_probe_why_hidden(id) || (per_gib && !bytes))
		seq_printf(m, "%16s", "n/a");
	else if (per_gib)
		seq_printf(m, "%16llu", mul_u64_u64_div_u64(column->seen[id],
							    SZ_1G, bytes));
	else
		seq_printf(m, "%16llu", column->seen[id]);
}

static void show_columns(struct seq_file *m, const struct column *column,
			 unsigned int nr, bool per_gib)
{
	unsigned int id, i;

	seq_printf(m, "\n%-26s", per_gib ? "probes, per GiB sent" : "probes");
	for (i = 0; i < nr; i++)
		seq_printf(m, "%16s", column[i].name);
	seq_puts(m, "  unit   meaning\n");
	for (id = 0; id < PW_NR_SEEN; id++) {
		const struct pw_meter_info *info = &pw_seen_info[id];

		seq_printf(m, "%-26s", info->name);
		for (i = 0; i < nr; i++)
			show_value(m, &column[i], id, per_gib);
		seq_printf(m, "  %-5s  %s\n", info->unit, info->doc);
	}
}

struct table {
	struct seq_file *m;
	unsigned int nr;
	struct column column[COLUMNS];
};

static void flush_table(struct table *table)
{
	if (!table->nr)
		return;
	show_columns(table->m, table->column, table->nr, false);
	show_columns(table->m, table->column, table->nr, true);
	table->nr = 0;
}

static void add_column(struct pw_label *label, void *arg)
{
	struct table *table = arg;
	struct column *column = &table->column[table->nr++];

	column->name = label->name;
	pw_label_read(label, column->seen);
	if (table->nr == COLUMNS)
		flush_table(table);
}

static int show_labels(struct seq_file *m)
{
	struct table *table = kzalloc(sizeof(*table), GFP_KERNEL);

	if (!table)
		return -ENOMEM;
	table->m = m;
	pw_label_for_each(add_column, table);
	flush_table(table);
	kfree(table);
	return 0;
}

/* One column per path, one row per counter; then the same for labels. */
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
	return show_labels(m);
}
DEFINE_SHOW_ATTRIBUTE(paths);

static int probes_show(struct seq_file *m, void *unused)
{
	pw_probe_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(probes);

static void show_places(struct pw_label *label, void *arg)
{
	pw_label_show_places(arg, label);
}

/* "label function calls bytes": who asked for copies. */
static int places_show(struct seq_file *m, void *unused)
{
	pw_label_for_each(show_places, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(places);

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
	pw_label_reset_all();
	return len;
}

static const struct file_operations reset_fops = {
	.owner = THIS_MODULE,
	.write = reset_write,
	.llseek = noop_llseek,
};

void pw_debugfs_init(void)
{
	unsigned long path;

	root = debugfs_create_dir("pagewire", NULL);
	debugfs_create_file("paths", 0444, root, NULL, &paths_fops);
	debugfs_create_file("gauges", 0444, root, NULL, &gauges_fops);
	debugfs_create_file("transfers", 0444, root, NULL, &transfers_fops);
	debugfs_create_file("reset", 0200, root, NULL, &reset_fops);
	debugfs_create_file("probes", 0444, root, NULL, &probes_fops);
	debugfs_create_file("places", 0444, root, NULL, &places_fops);
	path_dir = debugfs_create_dir("path", root);
	for (path = 0; path < PW_NR_PATHS; path++)
		if (pw_path_name(path))
			debugfs_create_file(pw_path_name(path), 0444, path_dir,
					    (void *)path, &path_fops);
}

void pw_debugfs_exit(void)
{
	debugfs_remove(root);
}
