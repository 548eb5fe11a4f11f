// SPDX-License-Identifier: GPL-2.0
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/kallsyms.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "debugfs.h"
#include "label.h"

#define MAX_LABELS	64

#define PW_SEEN_INFO(id, n, u, d)	[PW_S_##id] = { n, u, d },
const struct pw_meter_info pw_seen_info[PW_NR_SEEN] = {
	PW_SEEN(PW_SEEN_INFO)
};

static LIST_HEAD(labels);
static unsigned int nr_labels;
static DEFINE_MUTEX(labels_lock);	/* guards labels, nr_labels, zero */

static bool name_ok(const char *name)
{
	const char *c;

	if (!*name || *name == '.')
		return false;
	for (c = name; *c; c++)
		if (!isascii(*c) || (!isalnum(*c) && !strchr("-_.:", *c)))
			return false;
	return c - name < PAGEWIRE_LABEL_MAX;
}

static struct pw_label *label_new(const char *name)
{
	struct pw_label *label;

	if (nr_labels == MAX_LABELS)
		return ERR_PTR(-ENOSPC);
	label = kzalloc(sizeof(*label), GFP_KERNEL_ACCOUNT);
	if (!label)
		return ERR_PTR(-ENOMEM);
	label->cpu = alloc_percpu(struct pw_label_cpu);
	if (!label->cpu) {
		kfree(label);
		return ERR_PTR(-ENOMEM);
	}
	strscpy(label->name, name, sizeof(label->name));
	list_add_tail(&label->node, &labels);
	nr_labels++;
	pw_debugfs_add_label(label);
	return label;
}

static struct pw_label *find(const char *name)
{
	struct pw_label *label;

	lockdep_assert_held(&labels_lock);
	list_for_each_entry(label, &labels, node)
		if (!strcmp(label->name, name))
			return label;
	return NULL;
}

struct pw_label *pw_label_find(const char *name)
{
	struct pw_label *label;

	mutex_lock(&labels_lock);
	label = find(name);
	mutex_unlock(&labels_lock);
	return label;
}

struct pw_label *pw_label_get(const char *name)
{
	struct pw_label *label;

	if (!name_ok(name))
		return ERR_PTR(-EINVAL);
	mutex_lock(&labels_lock);
	label = find(name) ?: label_new(name);
	mutex_unlock(&labels_lock);
	return label;
}

void pw_label_for_each(void (*fn)(struct pw_label *label, void *arg), void *arg)
{
	struct pw_label *label;

	mutex_lock(&labels_lock);
	list_for_each_entry(label, &labels, node)
		fn(label, arg);
	mutex_unlock(&labels_lock);
}

static void sum_up(struct pw_label *label, u64 seen[PW_NR_SEEN])
{
	unsigned int id;
	int cpu;

	memset(seen, 0, PW_NR_SEEN * sizeof(*seen));
	for_each_possible_cpu(cpu)
		for (id = 0; id < PW_NR_SEEN; id++)
			seen[id] += per_cpu_ptr(label->cpu, cpu)->seen[id];
}

void pw_label_read(struct pw_label *label, u64 seen[PW_NR_SEEN])
{
	unsigned int id;

	sum_up(label, seen);
	for (id = 0; id < PW_NR_SEEN; id++)
		seen[id] -= READ_ONCE(label->zero[id]);
}

/* Places start again from nothing; what is copied meanwhile may be lost there. */
void pw_label_reset_all(void)
{
	struct pw_label *label;
	int cpu;

	mutex_lock(&labels_lock);
	list_for_each_entry(label, &labels, node) {
		sum_up(label, label->zero);
		for_each_possible_cpu(cpu)
			memset(per_cpu_ptr(label->cpu, cpu)->place, 0,
			       sizeof(struct pw_place) * PW_PLACES);
	}
	mutex_unlock(&labels_lock);
}

void pw_label_exit(void)
{
	struct pw_label *label, *next;

	list_for_each_entry_safe(label, next, &labels, node) {
		free_percpu(label->cpu);
		kfree(label);
	}
}

/* The last place collects what doesn't fit. */
static struct pw_place *find_place(struct pw_place *place, unsigned long ip)
{
	unsigned int i;

	for (i = 0; i < PW_PLACES - 1; i++) {
		if (place[i].ip == ip)
			break;
		if (!place[i].ip) {
			place[i].ip = ip;
			break;
		}
	}
	return &place[i];
}

void pw_seen_copy(struct pw_label *label, enum pw_seen id, u64 n,
		  unsigned long ip)
{
	struct pw_place *place;
	unsigned long flags;

	pw_seen_add(label, id, n);
	pw_seen_add(label, PW_S_COPIES, 1);

	/* Probes of softirqs write here too. */
	local_irq_save(flags);
	place = find_place(this_cpu_ptr(label->cpu)->place, ip);
	place->calls++;
	place->bytes += n;
	local_irq_restore(flags);
}

/* One line a function: "function calls bytes", callers on all CPUs together. */
static void add_place(struct pw_place *sum, const struct pw_place *add)
{
	char name[KSYM_SYMBOL_LEN], other[KSYM_SYMBOL_LEN];
	unsigned int i;

	sprint_symbol_no_offset(name, add->ip);
	for (i = 0; i < PW_PLACES - 1 && sum[i].calls; i++) {
		sprint_symbol_no_offset(other, sum[i].ip);
		if (!strcmp(name, other))
			break;
	}
	sum[i].ip = add->ip;
	sum[i].calls += add->calls;
	sum[i].bytes += add->bytes;
}

void pw_label_show_places(struct seq_file *m, struct pw_label *label)
{
	struct pw_place *sum;
	unsigned int i;
	int cpu;

	sum = kcalloc(PW_PLACES, sizeof(*sum), GFP_KERNEL);
	if (!sum)
		return;
	for_each_possible_cpu(cpu) {
		struct pw_place *place = per_cpu_ptr(label->cpu, cpu)->place;

		for (i = 0; i < PW_PLACES; i++)
			if (place[i].calls)
				add_place(sum, &place[i]);
	}
	for (i = 0; i < PW_PLACES && sum[i].calls; i++)
		seq_printf(m, "%s %ps %llu %llu\n", label->name,
			   (void *)sum[i].ip, sum[i].calls, sum[i].bytes);
	kfree(sum);
}
