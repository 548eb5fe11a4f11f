// SPDX-License-Identifier: GPL-2.0
/* From samples to figures. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "seen.h"

double compare_rate(const struct trial *trial, const struct sample *sample)
{
	return sample->seconds > 0 ? trial->bytes / sample->seconds : -1;
}

double compare_cpu_per_gib(const struct trial *trial, const struct sample *sample)
{
	return sample->cpu * 1e3 / (trial->bytes / (double)(1u << 30));
}

double compare_syscalls(const struct trial *trial, const struct sample *sample)
{
	(void)trial;
	return sample->syscalls;
}

double compare_switches(const struct trial *trial, const struct sample *sample)
{
	(void)trial;
	return sample->voluntary + sample->involuntary;
}

double compare_copied(const struct trial *trial, const struct sample *sample)
{
	(void)trial;
	return sample->copied;
}

double compare_passed(const struct trial *trial, const struct sample *sample)
{
	(void)trial;
	return sample->passed;
}

static int by_value(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

static bool median_of(double *values, size_t count, double *median)
{
	if (!count)
		return false;
	qsort(values, count, sizeof(*values), by_value);
	*median = (values[(count - 1) / 2] + values[count / 2]) / 2;
	return true;
}

bool compare_median(const struct comparison *c, const struct series *series,
		    double (*figure)(const struct trial *, const struct sample *),
		    const struct trial *trial, double *median)
{
	double values[c->repeat];
	size_t count = 0;

	for (unsigned int i = 0; i < c->repeat; i++) {
		double value = series->samples[i].valid ? figure(trial, &series->samples[i]) : -1;

		if (value >= 0)
			values[count++] = value;
	}
	return median_of(values, count, median);
}

static const struct series *find_sendfile(const struct comparison *c, const struct trial *trial)
{
	for (size_t i = 0; i < c->nr_paths; i++)
		if (!strcmp(c->paths[i]->name, "sendfile"))
			return &trial->series[i];
	return NULL;
}

bool compare_ratio(const struct comparison *c, const struct trial *trial,
		   const struct series *series, double *ratio)
{
	const struct series *sendfile = find_sendfile(c, trial);
	double values[c->repeat];
	size_t count = 0;

	for (unsigned int i = 0; sendfile && i < c->repeat; i++) {
		const struct sample *ours = &series->samples[i], *theirs = &sendfile->samples[i];

		if (ours->valid && theirs->valid && theirs->cpu > 0)
			values[count++] = ours->cpu / theirs->cpu;
	}
	return median_of(values, count, ratio);
}

double compare_stayed(const struct comparison *c)
{
	double most = -1;

	for (size_t i = 0; i < c->nr_trials; i++)
		for (size_t j = 0; j < c->nr_paths; j++)
			for (unsigned int k = 0; k < c->repeat; k++) {
				const struct sample *sample = &c->trials[i].series[j].samples[k];

				if (sample->valid && sample->cached > most)
					most = sample->cached;
			}
	return most;
}

static bool known(int64_t value, double *figure)
{
	*figure = value;
	return value >= 0;
}

bool compare_syscalls_of(const struct comparison *c, const struct trial *trial,
			 const struct series *series, double *syscalls)
{
	if (series->was_counted)
		return known(meters_known(&series->counted, "syscalls"), syscalls);
	return compare_median(c, series, compare_syscalls, trial, syscalls);
}

bool compare_copied_of(const struct comparison *c, const struct trial *trial,
		       const struct series *series, double *bytes)
{
	if (series->was_counted)
		return known(seen_copied(&series->counted), bytes);
	return compare_median(c, series, compare_copied, trial, bytes);
}

bool compare_passed_of(const struct comparison *c, const struct trial *trial,
		       const struct series *series, double *bytes)
{
	if (series->was_counted)
		return known(meters_known(&series->counted, "passed_bytes"), bytes);
	return compare_median(c, series, compare_passed, trial, bytes);
}
