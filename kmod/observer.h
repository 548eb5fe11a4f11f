/* SPDX-License-Identifier: GPL-2.0 */
/* observer: one open description's wish to see what processes do. */
#ifndef PAGEWIRE_OBSERVER_H
#define PAGEWIRE_OBSERVER_H

#include <linux/mutex.h>
#include <linux/pagewire.h>

#include "label.h"

/**
 * struct pw_observer - tags and probes of one open description of the device
 * @lock: guards armed, and keeps tagging and untagging apart
 * @armed: it is one of those who need the probes
 * @tagger: its tags
 */
struct pw_observer {
	struct mutex lock;	/* guards all of this */
	bool armed;
	struct pw_tagger tagger;
};

void pw_observer_init(struct pw_observer *observer);
/* As PAGEWIRE_IOC_TAG describes it. May sleep, for tenths of a second. */
int pw_observer_tag(struct pw_observer *observer,
		    const struct pagewire_tag *tag);
/*
 * Takes back all tags. in_call: a tagged caller does so in a call of his own
 * that is not part of what he wanted to see.
 */
void pw_observer_untag(struct pw_observer *observer, bool in_call);

#endif /* PAGEWIRE_OBSERVER_H */
