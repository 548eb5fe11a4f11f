// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/sched/coredump.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/string.h>

#include "observer.h"
#include "probe.h"

void pw_observer_init(struct pw_observer *observer)
{
	mutex_init(&observer->lock);
	observer->armed = false;
	pw_tagger_init(&observer->tagger);
}

static bool same_user(const struct cred *mine, const struct cred *his)
{
	return uid_eq(mine->uid, his->uid) && uid_eq(mine->uid, his->euid) &&
	       uid_eq(mine->uid, his->suid) && gid_eq(mine->gid, his->gid) &&
	       gid_eq(mine->gid, his->egid) && gid_eq(mine->gid, his->sgid);
}

/* A process that may not dump core has secrets, from its own user too. */
static bool is_guarded(struct task_struct *task)
{
	struct mm_struct *mm = get_task_mm(task);
	bool guarded;

	if (!mm)
		return false;
	guarded = __get_dumpable(mm->flags) != SUID_DUMP_USER &&
		  !ns_capable(mm->user_ns, CAP_SYS_PTRACE);
	mmput(mm);
	return guarded;
}

/* What ptrace_may_access() asks for reading; modules can't call it. */
static int may_observe(struct task_struct *task)
{
	const struct cred *his;
	bool ok;

	if (same_thread_group(task, current))
		return 0;
	rcu_read_lock();
	his = __task_cred(task);
	ok = same_user(current_cred(), his) ||
	     ns_capable(his->user_ns, CAP_SYS_PTRACE);
	rcu_read_unlock();
	return ok && !is_guarded(task) ? 0 : -EPERM;
}

static struct task_struct *find_process(pid_t pid)
{
	struct task_struct *task = current;

	rcu_read_lock();
	if (pid)	/* a negative one is nobody's */
		task = pid_task(find_vpid(pid), PIDTYPE_TGID);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

/* Arms first: what a tag counts has to be seen from its first moment. */
static int tag_process(struct pw_observer *observer, struct task_struct *task,
		       struct pw_label *label, bool children)
{
	int err;

	if (!observer->armed) {
		pw_probe_arm();
		observer->armed = true;
	}
	err = pw_tag_add(&observer->tagger, task->tgid, label, children);
	if (err)
		return err;
	/* Its end may have come by before the tag was there. */
	if (!atomic_read(&task->signal->live))
		pw_tag_gone(task->tgid);
	/* This call's own end will be seen, and its beginning was not. */
	if (task->tgid == current->tgid)
		pw_seen_add(label, PW_S_MODE_SWITCHES, -1);
	return 0;
}

int pw_observer_tag(struct pw_observer *observer,
		    const struct pagewire_tag *tag)
{
	struct task_struct *task;
	struct pw_label *label;
	int err;

	if (!PW_PROBES)
		return -EOPNOTSUPP;
	if (tag->flags & ~PAGEWIRE_TAG_CHILDREN ||
	    memchr_inv(tag->reserved, 0, sizeof(tag->reserved)) ||
	    !memchr(tag->label, 0, sizeof(tag->label)))
		return -EINVAL;
	task = find_process(tag->pid);
	if (!task)
		return -ESRCH;
	err = may_observe(task);
	if (err)
		goto out;
	label = pw_label_get(tag->label);
	err = PTR_ERR_OR_ZERO(label);
	if (err)
		goto out;
	mutex_lock(&observer->lock);
	err = tag_process(observer, task, label,
			  tag->flags & PAGEWIRE_TAG_CHILDREN);
	mutex_unlock(&observer->lock);
out:
	put_task_struct(task);
	return err;
}

static struct pw_label *label_of_caller(void)
{
	struct pw_label *label;

	rcu_read_lock();
	label = pw_tag_find(current->tgid);
	rcu_read_unlock();
	return label;
}

void pw_observer_untag(struct pw_observer *observer, bool in_call)
{
	struct pw_label *label;

	mutex_lock(&observer->lock);
	label = label_of_caller();
	pw_tag_drop(&observer->tagger);
	if (in_call && label && !label_of_caller()) {
		pw_seen_add(label, PW_S_SYSCALLS, -1);
		pw_seen_add(label, PW_S_MODE_SWITCHES, -1);
	}
	if (observer->armed)
		pw_probe_disarm();
	observer->armed = false;
	mutex_unlock(&observer->lock);
}
