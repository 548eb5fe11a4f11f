// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compare_count.h"
#include "dev.h"

/* What the receiver does is counted under this name. */
#define RECEIVER_LABEL "receiver"

static const char *tag_failure(int error)
{
	switch (-error) {
	case EBUSY:
		return "its processes are being observed already";
	case EOPNOTSUPP:
		return "this kernel has no probes";
	case ENOTTY:
		return "the loaded module is too old";
	case ENOSPC:
		return "the module has no room for another label; load it anew";
	default:
		return strerror(-error);
	}
}

/* From here on nothing is counted any more. */
static void give_up(struct counter *counter, const char *why)
{
	snprintf(counter->why, sizeof(counter->why), "%s", why);
	counter_close(counter);
}

static int open_device(struct counter *counter)
{
	struct pagewire_features features;
	int err;

	counter->keeper = dev_open();
	if (counter->keeper < 0)
		return counter->keeper;
	counter->device = dev_open();
	if (counter->device < 0)
		return counter->device;
	err = dev_features(counter->device, &features);
	if (err)
		return err;
	return features.features & PAGEWIRE_FEATURE_TAG ? 0 : -EOPNOTSUPP;
}

void counter_open(struct counter *counter, pid_t receiver)
{
	enum meters_state state = meters_state();
	int err;

	*counter = (struct counter){ .device = -1, .keeper = -1 };
	if (state != METERS_READABLE) {
		give_up(counter, meters_state_text(state));
		return;
	}
	err = open_device(counter);
	if (!err)
		err = dev_tag(counter->keeper, RECEIVER_LABEL, receiver, false);
	if (err)
		give_up(counter, tag_failure(err));
}

void counter_close(struct counter *counter)
{
	if (counter->device >= 0)
		close(counter->device);
	if (counter->keeper >= 0)
		close(counter->keeper);
	counter->device = -1;
	counter->keeper = -1;
}

bool counter_before(struct counter *counter, const char *label)
{
	int err = meters_read_path(label, &counter->before);

	/* A label that is new has none. */
	return !err || err == -ENOENT;
}

bool counter_after(struct counter *counter, const char *label, struct meters *delta)
{
	struct meters now;

	if (counter->device < 0 || meters_read_path(label, &now))
		return false;
	meters_delta(&counter->before, &now, delta);
	return true;
}

void counter_begin(struct counter *counter, const char *label)
{
	int err = dev_tag(counter->device, label, 0, false);

	if (err)
		give_up(counter, tag_failure(err));
}

void counter_end(struct counter *counter)
{
	if (counter->device >= 0)
		dev_untag(counter->device);
}
