// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "meter.h"

#define PW_METER_INFO(id, n, u, d)	[PW_M_##id] = { n, u, d },
const struct pw_meter_info pw_meter_info[PW_NR_METERS] = {
	PW_METERS(PW_METER_INFO)
};

#define PW_GAUGE_INFO(id, n, u, d)	[PW_G_##id] = { n, u, d },
const struct pw_meter_info pw_gauge_info[PW_NR_GAUGES] = {
	PW_GAUGES(PW_GAUGE_INFO)
};

struct pw_meter_cpu __percpu *pw_meter_cpu;

/*
 * A reset can't write other CPUs' counters without losing what they add at
 * that moment, so it remembers where the counters stood instead.
 */
static u64 zero[PW_NR_PATHS][PW_NR_METERS];
static DEFINE_MUTEX(zero_lock);	/* guards zero */

const char *pw_path_name(unsigned int path)
{
	switch (path) {
	case PAGEWIRE_PATH_COPY:
		return "copy";
	case PAGEWIRE_PATH_SG:
		return "sg";
	default:
		return NULL;
	}
}

enum pw_meter pw_meter_of_copy(unsigned int reason)
{
	switch (reason) {
	case PAGEWIRE_WHY_MEMORY:
		return PW_M_COPIED_MEMORY;
	case PAGEWIRE_WHY_FILESYSTEM:
		return PW_M_COPIED_FILESYSTEM;
	case PAGEWIRE_WHY_DAX:
		return PW_M_COPIED_DAX;
	case PAGEWIRE_WHY_NO_PAGE:
		return PW_M_COPIED_NO_PAGE;
	case PAGEWIRE_WHY_NO_SG:
		return PW_M_COPIED_NO_SG;
	case PAGEWIRE_WHY_TLS:
		return PW_M_COPIED_TLS;
	default:
		return PW_M_COPIED_ASKED;
	}
}

enum pw_meter pw_meter_of_error(int status)
{
	switch (status) {
	case -EAGAIN:
		return PW_M_ERRORS_AGAIN;
	case -EINTR:
		return PW_M_ERRORS_INTERRUPTED;
	case -EIO:
		return PW_M_ERRORS_IO;
	case -EPIPE:
	case -ECONNRESET:
	case -ECONNREFUSED:
	case -ECONNABORTED:
	case -ETIMEDOUT:
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		return PW_M_ERRORS_PEER;
	default:
		return PW_M_ERRORS_OTHER;
	}
}

static u64 meter_sum(unsigned int path, enum pw_meter id)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(pw_meter_cpu, cpu)->path[path][id];
	return sum;
}

void pw_meter_read(unsigned int path, u64 value[PW_NR_METERS])
{
	unsigned int id;

	mutex_lock(&zero_lock);
	for (id = 0; id < PW_NR_METERS; id++)
		value[id] = meter_sum(path, id) - zero[path][id];
	mutex_unlock(&zero_lock);
}

s64 pw_gauge_read(enum pw_gauge id)
{
	s64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(pw_meter_cpu, cpu)->gauge[id];
	return sum;
}

/*
 * in_flight stays, for what is in flight stays so. transfers starts again
 * from what is in flight, or it would never again equal the sum of outcomes
 * and in_flight.
 */
void pw_meter_reset(void)
{
	unsigned int path, id;

	mutex_lock(&zero_lock);
	for (path = 0; path < PW_NR_PATHS; path++) {
		u64 *z = zero[path];

		for (id = 0; id < PW_NR_METERS; id++)
			z[id] = meter_sum(path, id);
		z[PW_M_IN_FLIGHT] = 0;
		z[PW_M_TRANSFERS] = z[PW_M_COMPLETED] + z[PW_M_FAILED] +
				    z[PW_M_CANCELLED];
	}
	mutex_unlock(&zero_lock);
}

int pw_meter_init(void)
{
	pw_meter_cpu = alloc_percpu(struct pw_meter_cpu);
	return pw_meter_cpu ? 0 : -ENOMEM;
}

void pw_meter_exit(void)
{
	free_percpu(pw_meter_cpu);
}
