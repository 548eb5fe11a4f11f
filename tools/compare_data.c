// SPDX-License-Identifier: GPL-2.0
/* The comparison as data: JSON with medians and samples, CSV with samples. */
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "compare.h"
#include "compare_claims.h"
#include "out.h"
#include "seen.h"

static void add_int(struct json_object *object, const char *name, int64_t value)
{
	json_object_object_add(object, name, json_object_new_int64(value));
}

/* Negative: unknown, null. */
static void add_known(struct json_object *object, const char *name, int64_t value)
{
	json_object_object_add(object, name, value < 0 ? NULL : json_object_new_int64(value));
}

static void add_number(struct json_object *object, const char *name, bool known, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.9g", value);
	json_object_object_add(object, name, known ? json_object_new_double_s(value, text) : NULL);
}

static void add_text(struct json_object *object, const char *name, const char *text)
{
	json_object_object_add(object, name, text ? json_object_new_string(text) : NULL);
}

static void add_bool(struct json_object *object, const char *name, bool value)
{
	json_object_object_add(object, name, json_object_new_boolean(value));
}

static struct json_object *sample_object(const struct sample *sample, unsigned int round)
{
	struct json_object *object = json_object_new_object();

	add_int(object, "round", round + 1);
	add_number(object, "seconds", true, sample->seconds);
	add_number(object, "cpu_seconds", true, sample->cpu);
	add_number(object, "receiver_cpu_seconds", true, sample->receiver_cpu);
	add_int(object, "syscalls", sample->syscalls);
	add_int(object, "voluntary_switches", sample->voluntary);
	add_int(object, "involuntary_switches", sample->involuntary);
	add_known(object, "copied_bytes", sample->copied);
	add_known(object, "passed_bytes", sample->passed);
	add_number(object, "cached_before", sample->cached >= 0, sample->cached);
	return object;
}

static const char *status(const struct series *series)
{
	if (series->unavailable)
		return "unavailable";
	if (series->error)
		return "failed";
	return series->differs ? "differs" : "ok";
}

static void add_medians(struct json_object *object, const struct comparison *c,
			const struct trial *trial, const struct series *series)
{
	static const struct {
		const char *name;
		double (*figure)(const struct trial *, const struct sample *);
	} figures[] = {
		{ "rate_bytes_per_second", compare_rate },
		{ "cpu_ms_per_gib", compare_cpu_per_gib },
		{ "syscalls", compare_syscalls },
		{ "switches", compare_switches },
		{ "copied_bytes", compare_copied },
		{ "passed_bytes", compare_passed },
	};
	double value = 0;
	bool known;

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		known = compare_median(c, series, figures[i].figure, trial, &value);
		add_number(object, figures[i].name, known, value);
	}
	known = compare_ratio(c, trial, series, &value);
	add_number(object, "cpu_ratio_to_sendfile", known, value);
}

/* Sums that the table shows too, in front of all that was counted. */
static struct json_object *counted_object(const struct trial *trial, const struct series *series)
{
	struct json_object *object;
	const struct meters *counted = &series->counted;
	int64_t copied = seen_copied(counted);

	if (!series->was_counted)
		return NULL;
	object = json_object_new_object();
	add_known(object, "sent_bytes", seen_sent(counted));
	add_known(object, "cpu_copied_bytes", copied);
	add_number(object, "copies_per_byte", copied >= 0, (double)copied / trial->bytes);
	for (size_t i = 0; i < counted->count; i++)
		add_known(object, counted->list[i].name,
			  meters_known(counted, counted->list[i].name));
	return object;
}

static struct json_object *series_object(const struct comparison *c, const struct trial *trial,
					 const struct series *series)
{
	struct json_object *object = json_object_new_object();
	struct json_object *medians = json_object_new_object();
	struct json_object *samples = json_object_new_array();

	add_text(object, "path", series->path->name);
	add_bool(object, "in_kernel", series->path->in_kernel);
	add_text(object, "status", status(series));
	add_text(object, "reason",
		 series->unavailable ? series->unavailable
		 : series->error     ? strerror(-series->error)
				     : NULL);
	add_text(object, "note", series->note);
	add_bool(object, "verified", series->verified && !series->differs);
	add_medians(medians, c, trial, series);
	json_object_object_add(object, "median", medians);
	json_object_object_add(object, "counted", counted_object(trial, series));
	json_object_object_add(object, "claim", claims_json(trial, series));
	for (unsigned int i = 0; i < c->repeat; i++)
		if (series->samples[i].valid)
			json_object_array_add(samples, sample_object(&series->samples[i], i));
	json_object_object_add(object, "rounds", samples);
	return object;
}

static struct json_object *trial_object(const struct comparison *c, const struct trial *trial)
{
	struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();

	add_int(object, "transfer_bytes", trial->size);
	add_int(object, "transfers", trial->transfers);
	add_int(object, "round_bytes", trial->bytes);
	for (size_t i = 0; i < c->nr_paths; i++)
		json_object_array_add(array, series_object(c, trial, &trial->series[i]));
	json_object_object_add(object, "paths", array);
	return object;
}

static struct json_object *place_object(const struct comparison *c)
{
	struct json_object *object = json_object_new_object();

	add_text(object, "kernel", c->place.kernel);
	add_text(object, "cpu", c->place.cpu);
	add_int(object, "cpus", c->place.cpus);
	add_text(object, "kind", place_kind_name(c->place.kind));
	add_text(object, "hypervisor", c->place.hypervisor[0] ? c->place.hypervisor : NULL);
	add_text(object, "filesystem", c->place.filesystem);
	add_text(object, "network", "loopback");
	add_known(object, "sender_cpu", c->sender_cpu);
	add_known(object, "receiver_cpu", c->receiver_cpu);
	add_text(object, "meaning", place_meaning(c->place.kind));
	return object;
}

void compare_json(const struct comparison *c)
{
	struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();
	double cached = c->cold ? compare_stayed(c) : c->cached;

	add_text(object, "file", c->file_name);
	add_int(object, "file_bytes", c->file_size);
	add_text(object, "cache", c->cold ? "cold" : "hot");
	add_number(object, "cached", cached >= 0, cached);
	add_int(object, "repeat", c->repeat);
	add_bool(object, "verify", c->verify);
	add_text(object, "not_counted", c->counter.why[0] ? c->counter.why : NULL);
	json_object_object_add(object, "where", place_object(c));
	for (size_t i = 0; i < c->nr_trials; i++)
		json_object_array_add(array, trial_object(c, &c->trials[i]));
	json_object_object_add(object, "sizes", array);
	out_json(object);
}

/* Unknown: an empty field. */
static void csv_known(int64_t value)
{
	if (value < 0)
		out_text(",");
	else
		out_text(",%lld", (long long)value);
}

/* What was counted in the extra round, the same for each round of a series. */
static void csv_counted(const struct series *series)
{
	const struct meters *counted = series->was_counted ? &series->counted : NULL;

	csv_known(counted ? meters_known(counted, "syscalls") : -1);
	csv_known(counted ? meters_known(counted, "mode_switches") : -1);
	csv_known(counted ? seen_copied(counted) : -1);
	csv_known(counted ? meters_known(counted, "passed_bytes") : -1);
	csv_known(counted ? meters_known(counted, "zerocopy_undone_bytes") : -1);
	csv_known(counted ? meters_known(counted, "dma_in_bytes") : -1);
	out_text("\n");
}

static void csv_series(const struct comparison *c, const struct trial *trial,
		       const struct series *series)
{
	for (unsigned int i = 0; i < c->repeat; i++) {
		const struct sample *sample = &series->samples[i];

		out_text("%llu,%llu,%s,%u,%s", (unsigned long long)trial->size,
			 (unsigned long long)trial->transfers, series->path->name, i + 1,
			 status(series));
		if (!sample->valid) {
			out_text(",,,,,,,,,");
			csv_counted(series);
			continue;
		}
		out_text(",%llu,%.9f,%.9f,%.9f,%llu,%llu,%llu", (unsigned long long)trial->bytes,
			 sample->seconds, sample->cpu, sample->receiver_cpu,
			 (unsigned long long)sample->syscalls,
			 (unsigned long long)sample->voluntary,
			 (unsigned long long)sample->involuntary);
		csv_known(sample->copied);
		csv_known(sample->passed);
		csv_counted(series);
	}
}

void compare_csv(const struct comparison *c)
{
	out_text("transfer_bytes,transfers,path,round,status,round_bytes,seconds,cpu_seconds,"
		 "receiver_cpu_seconds,syscalls,voluntary_switches,involuntary_switches,"
		 "copied_bytes,passed_bytes,counted_syscalls,counted_mode_switches,"
		 "counted_cpu_copied_bytes,counted_passed_bytes,counted_zerocopy_undone_bytes,"
		 "counted_dma_in_bytes\n");
	for (size_t i = 0; i < c->nr_trials; i++)
		for (size_t j = 0; j < c->nr_paths; j++)
			csv_series(c, &c->trials[i], &c->trials[i].series[j]);
}
