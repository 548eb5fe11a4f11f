// SPDX-License-Identifier: GPL-2.0

#include <stdio.h>

#include "out.h"
#include "seen.h"

static int64_t sum(const struct meters *meters, const char *const *names)
{
	int64_t sum = 0, value;

	for (; *names; names++) {
		value = meters_known(meters, *names);
		if (value < 0)
			return -1;
		sum += value;
	}
	return sum;
}

int64_t seen_sent(const struct meters *meters)
{
	static const char *const names[] = { "passed_bytes", "tx_kernel_bytes", "tx_linear_bytes",
					     NULL };

	return sum(meters, names);
}

int64_t seen_copied(const struct meters *meters)
{
	static const char *const names[] = { "copied_to_user_bytes", "copied_from_user_bytes",
					     "copied_in_kernel_bytes", "zerocopy_undone_bytes",
					     NULL };

	return sum(meters, names);
}

int64_t seen_sent_copied(const struct meters *meters)
{
	static const char *const names[] = { "copied_from_user_bytes", "copied_in_kernel_bytes",
					     NULL };
	int64_t sent = seen_sent(meters), copied = sum(meters, names), unpassed;

	if (sent < 0)
		return -1;
	unpassed = sent - meters_known(meters, "passed_bytes");
	return copied >= 0 && copied < unpassed ? copied : unpassed;
}

const char *seen_number(char text[SEEN_TEXT_SIZE], int64_t value)
{
	return value < 0 ? "n/a" : out_grouped(text, value);
}

const char *seen_bytes(char text[SEEN_TEXT_SIZE], int64_t value)
{
	return value < 0 ? "n/a" : out_bytes(text, value);
}
