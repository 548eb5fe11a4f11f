/* SPDX-License-Identifier: GPL-2.0 */
/*
 * probe: tracepoints, kretprobes and ftrace hooks that feed the labels.
 *
 * All of them are registered when the first tag is made and removed after the
 * last: while nothing is tagged they cost nothing. A kernel may lack some;
 * what they would have counted is then unknown, which is not 0.
 */
#ifndef PAGEWIRE_PROBE_H
#define PAGEWIRE_PROBE_H

#include <linux/kconfig.h>

#include "label.h"

struct seq_file;

/* Without these a kernel shows nothing that probes could count. */
#define PW_PROBES	(IS_ENABLED(CONFIG_HAVE_SYSCALL_TRACEPOINTS) && \
			 IS_ENABLED(CONFIG_KRETPROBES) && \
			 IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_ARGS))

#if PW_PROBES
/*
 * Registers the probes if they aren't, for one more user of them. Never fails
 * as a whole: see pw_probe_why_hidden(). May sleep, for tenths of a second.
 */
void pw_probe_arm(void);
void pw_probe_disarm(void);

/*
 * NULL: probes that count this value work on this kernel. Else the name of
 * one that doesn't. Known after the first arming.
 */
const char *pw_probe_why_hidden(enum pw_seen id);

/* Copies that probes missed since the module was loaded. */
u64 pw_probe_missed(void);

/* One line a probe: name and state. */
void pw_probe_show(struct seq_file *m);
#else
static inline void pw_probe_arm(void) { }
static inline void pw_probe_disarm(void) { }
static inline const char *pw_probe_why_hidden(enum pw_seen id)
{
	return "kernel without kprobes, ftrace or tracepoints";
}

static inline u64 pw_probe_missed(void)
{
	return 0;
}

static inline void pw_probe_show(struct seq_file *m) { }
#endif

/* The packet that skb_segment() took apart has left, or will not. */
void pw_probe_segmented(void);

/* The same of probe_copy.c alone, for probe.c. */
void pw_probe_copy_arm(void);
void pw_probe_copy_disarm(void);
const char *pw_probe_copy_why_hidden(enum pw_seen id);
void pw_probe_copy_show(struct seq_file *m);
u64 pw_probe_copy_missed(void);

/*
 * The label of whoever runs just now, for work that is done in his own
 * context; NULL where that is none of his: in a softirq that only happens to
 * run on top of him. Under rcu_read_lock().
 */
static inline struct pw_label *pw_label_of_current(void)
{
	return in_serving_softirq() ? NULL : pw_tag_find(current->tgid);
}

#endif /* PAGEWIRE_PROBE_H */
