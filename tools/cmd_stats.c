// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <json-c/json.h>

#include "args.h"
#include "cmd.h"
#include "meters.h"
#include "out.h"
#include "seen.h"

static const char usage[] =
	"Usage: pagewire stats [PATH|LABEL...] [OPTIONS]\n\n"
	"Shows the module's counters of its paths and of the labels under which processes\n"
	"were observed, or of those named. Needs root.\n\n"
	"      --watch[=SECONDS]  per second, every SECONDS (1), until a signal\n"
	"      --count=N          with --watch: end after N times\n"
	"      --json             a JSON object; with --watch one each time\n"
	"  -h, --help             this text\n";

struct stats_options {
	double watch;
	unsigned int count;
	bool json;
};

/* All counters at one moment. */
struct snapshot {
	struct timespec when;
	int nr_paths; /* and labels */
	struct meters paths[METERS_MAX_PATHS], total, gauges;
	int nr_total; /* how many paths of the module are in it */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

static int read_snapshot(char names[][METERS_NAME_SIZE], int nr_names, struct snapshot *to)
{
	int i, error = 0;

	memset(to, 0, sizeof(*to));
	clock_gettime(CLOCK_MONOTONIC, &to->when);
	for (i = 0; i < nr_names && !error; i++) {
		error = meters_read_path(names[i], &to->paths[i]);
		if (!meters_of_path(&to->paths[i]))
			continue;
		meters_add(&to->total, &to->paths[i]);
		to->nr_total++;
	}
	to->nr_paths = nr_names;
	snprintf(to->total.path, sizeof(to->total.path), "total");
	return error ? error : meters_read_gauges(&to->gauges);
}

static struct json_object *meters_json(const struct meters *meters)
{
	struct json_object *object = json_object_new_object();
	size_t i;

	for (i = 0; i < meters->count; i++)
		json_object_object_add(object, meters->list[i].name,
				       meters->list[i].hidden
					       ? NULL
					       : json_object_new_uint64(meters->list[i].value));
	return object;
}

static void print_json(const struct snapshot *at)
{
	struct json_object *object = json_object_new_object();
	struct json_object *paths = json_object_new_object(), *labels = json_object_new_object();
	const struct meters *meters;
	int i;

	for (i = 0; i < at->nr_paths; i++) {
		meters = &at->paths[i];
		json_object_object_add(meters_of_path(meters) ? paths : labels, meters->path,
				       meters_json(meters));
	}
	json_object_object_add(object, "paths", paths);
	json_object_object_add(object, "labels", labels);
	json_object_object_add(object, "total", meters_json(&at->total));
	json_object_object_add(object, "gauges", meters_json(&at->gauges));
	out_json(object);
}

/* An empty field: this one has no such counter. */
static void print_cell(const struct meters *meters, const char *name)
{
	const struct meter *meter = meters_find(meters, name);
	char number[OUT_NUMBER_SIZE];

	out_text(" %20s", !meter ? "-" : meter->hidden ? "n/a" : out_grouped(number, meter->value));
}

/* A column each; the names of the rows are those of all of them. */
static void print_columns(const struct meters *const columns[], int nr)
{
	struct meters rows = { 0 };
	size_t row;
	int i;

	out_text("%-26s", "counter");
	for (i = 0; i < nr; i++) {
		out_text(" %20s", columns[i]->path);
		meters_add(&rows, columns[i]);
	}
	out_text("\n");
	for (row = 0; row < rows.count; row++) {
		out_text("%-26s", rows.list[row].name);
		for (i = 0; i < nr; i++)
			print_cell(columns[i], rows.list[row].name);
		out_text("\n");
	}
	out_text("\n");
}

/* Labels stand beside each other as long as there is room. */
#define COLUMNS 4

static void print_table(const struct snapshot *at)
{
	const struct meters *columns[COLUMNS];
	char number[OUT_NUMBER_SIZE];
	int i, nr = 0;
	size_t row;

	for (i = 0; i < at->nr_paths; i++)
		if (meters_of_path(&at->paths[i]) && nr + 1 < COLUMNS)
			columns[nr++] = &at->paths[i];
	if (nr > 1)
		columns[nr++] = &at->total;
	if (nr)
		print_columns(columns, nr);
	nr = 0;
	for (i = 0; i < at->nr_paths; i++) {
		if (!meters_of_path(&at->paths[i]))
			columns[nr++] = &at->paths[i];
		if (nr == COLUMNS || (nr && i + 1 == at->nr_paths)) {
			print_columns(columns, nr);
			nr = 0;
		}
	}
	out_text("%-26s %20s\n", "in flight now", "");
	for (row = 0; row < at->gauges.count; row++)
		out_text("%-26s %20s\n", at->gauges.list[row].name,
			 out_grouped(number, at->gauges.list[row].value));
}

static double seconds_between(const struct snapshot *before, const struct snapshot *now)
{
	return (now->when.tv_sec - before->when.tv_sec) +
	       (now->when.tv_nsec - before->when.tv_nsec) / 1e9;
}

static struct json_object *rates_json(const struct meters *before, const struct meters *now,
				      double seconds)
{
	struct json_object *object = json_object_new_object();
	struct meters delta;
	size_t i;

	meters_delta(before, now, &delta);
	for (i = 0; i < delta.count; i++) {
		const struct meter *meter = &delta.list[i];

		/* A number of right now, not a count. */
		if (strcmp(meter->name, "in_flight"))
			json_object_object_add(
				object, meter->name,
				meter->hidden ? NULL : out_json_double(meter->value / seconds));
	}
	return object;
}

static void print_watch_json(const struct snapshot *before, const struct snapshot *now)
{
	struct json_object *object = json_object_new_object();
	struct json_object *paths = json_object_new_object(), *labels = json_object_new_object();
	double seconds = seconds_between(before, now);
	int i;

	for (i = 0; i < now->nr_paths; i++)
		json_object_object_add(meters_of_path(&now->paths[i]) ? paths : labels,
				       now->paths[i].path,
				       rates_json(&before->paths[i], &now->paths[i], seconds));
	json_object_object_add(object, "seconds", out_json_double(seconds));
	json_object_object_add(object, "paths_per_second", paths);
	json_object_object_add(object, "labels_per_second", labels);
	json_object_object_add(object, "total_per_second",
			       rates_json(&before->total, &now->total, seconds));
	json_object_object_add(object, "gauges", meters_json(&now->gauges));
	out_json(object);
}

static void print_watch_line(const struct meters *before, const struct meters *now, double seconds)
{
	char rate[OUT_NUMBER_SIZE], passed[OUT_NUMBER_SIZE], copied[OUT_NUMBER_SIZE];
	struct meters delta;

	meters_delta(before, now, &delta);
	out_text("%-8s %11.1f %14s %14s %14s %11.1f %11.1f %9.1f %9" PRIu64 "\n", now->path,
		 meters_get(&delta, "transfers") / seconds,
		 out_rate(rate, meters_get(&delta, "bytes") / seconds),
		 out_rate(passed, meters_get(&delta, "passed_bytes") / seconds),
		 out_rate(copied, meters_get(&delta, "copied_bytes") / seconds),
		 meters_get(&delta, "disk_waits") / seconds,
		 meters_get(&delta, "socket_waits") / seconds,
		 meters_get(&delta, "errors") / seconds, meters_get(now, "in_flight"));
}

static void print_rate(int64_t value, double seconds)
{
	char text[OUT_NUMBER_SIZE];

	out_text(" %14s", value < 0 ? "n/a" : out_rate(text, value / seconds));
}

static void print_label_line(const struct meters *before, const struct meters *now, double seconds)
{
	static const char *const counts[] = { "syscalls", "mode_switches", "ctx_switches" };
	struct meters delta;
	int64_t value;
	size_t i;

	meters_delta(before, now, &delta);
	out_text("%-20s", now->path);
	print_rate(seen_sent(&delta), seconds);
	print_rate(meters_known(&delta, "passed_bytes"), seconds);
	print_rate(seen_copied(&delta), seconds);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		value = meters_known(&delta, counts[i]);
		if (value < 0)
			out_text(" %11s", "n/a");
		else
			out_text(" %11.1f", value / seconds);
	}
	out_text("\n");
}

static void print_watch_text(const struct snapshot *before, const struct snapshot *now)
{
	double seconds = seconds_between(before, now);
	int i;

	if (now->nr_total)
		out_text("%-8s %11s %14s %14s %14s %11s %11s %9s %9s\n", "path", "transfers/s",
			 "bytes", "passed", "copied", "disk w/s", "socket w/s", "errors/s",
			 "in flight");
	for (i = 0; i < now->nr_paths; i++)
		if (meters_of_path(&now->paths[i]))
			print_watch_line(&before->paths[i], &now->paths[i], seconds);
	if (now->nr_total > 1)
		print_watch_line(&before->total, &now->total, seconds);
	if (now->nr_total < now->nr_paths)
		out_text("%-20s %14s %14s %14s %11s %11s %11s\n", "label", "sent", "passed",
			 "copied", "syscalls/s", "u/k sw/s", "ctx sw/s");
	for (i = 0; i < now->nr_paths; i++)
		if (!meters_of_path(&now->paths[i]))
			print_label_line(&before->paths[i], &now->paths[i], seconds);
}

static int watch(char names[][METERS_NAME_SIZE], int nr_names, const struct stats_options *options)
{
	static struct snapshot snapshots[2];
	struct timespec pause = { .tv_sec = options->watch,
				  .tv_nsec = (options->watch - (time_t)options->watch) * 1e9 };
	struct sigaction action = { .sa_handler = on_signal };
	struct snapshot *before = &snapshots[0], *now = &snapshots[1], *swap;
	unsigned int times = 0;
	int error = read_snapshot(names, nr_names, before);

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (!error && !interrupted && (!options->count || times < options->count)) {
		if (nanosleep(&pause, NULL) < 0)
			break;
		error = read_snapshot(names, nr_names, now);
		if (error)
			break;
		if (times++ && !options->json)
			out_text("\n");
		(options->json ? print_watch_json : print_watch_text)(before, now);
		if (!out_flush())
			return EXIT_FAILED;
		swap = before;
		before = now;
		now = swap;
	}
	if (!error)
		return EXIT_OK;
	meters_error(error);
	return EXIT_MISSING;
}

/* EXIT_OK to go on; -1 when --help was all that was asked. */
static int parse(int argc, char **argv, struct stats_options *to)
{
	static const struct option options[] = { { "watch", optional_argument, NULL, 'w' },
						 { "count", required_argument, NULL, 'c' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		switch (option) {
		case 'w':
			to->watch = 1;
			if (optarg && !args_seconds(optarg, &to->watch))
				return out_usage_error("--watch: not a number of seconds: '%s'",
						       optarg);
			break;
		case 'c':
			if (!args_count(optarg, 1, &to->count))
				return out_usage_error("--count: not a number: '%s'", optarg);
			break;
		case 'j':
			to->json = true;
			break;
		case 'h':
			out_text("%s", usage);
			return -1;
		case ':':
			return out_usage_error("'%s' needs a value", argv[optind - 1]);
		default:
			return out_usage_error("unknown option '%s'", argv[optind - 1]);
		}
	}
	if (to->count && !to->watch)
		return out_usage_error("--count is for --watch");
	return EXIT_OK;
}

static int unknown_name(char names[][METERS_NAME_SIZE], int count, const char *name)
{
	char list[1024] = "";
	size_t used = 0;
	int i;

	for (i = 0; i < count && used + METERS_NAME_SIZE + 2 < sizeof(list); i++)
		used += snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", names[i]);
	return out_usage_error("the module has no counters of a path or label '%s'; it has: %s%s",
			       name, list, i < count ? ", ..." : "");
}

/* Replaces all names by those that were asked for. */
static int pick(char names[METERS_MAX_PATHS][METERS_NAME_SIZE], int *count, int argc, char **argv)
{
	char picked[METERS_MAX_PATHS][METERS_NAME_SIZE];
	int i, j, nr_picked = 0;

	if (!argc)
		return EXIT_OK;
	for (i = 0; i < argc && nr_picked < METERS_MAX_PATHS; i++) {
		for (j = 0; j < *count && strcmp(names[j], argv[i]); j++)
			;
		if (j == *count)
			return unknown_name(names, *count, argv[i]);
		strcpy(picked[nr_picked++], names[j]);
	}
	memcpy(names, picked, sizeof(picked));
	*count = nr_picked;
	return EXIT_OK;
}

int cmd_stats(int argc, char **argv)
{
	char names[METERS_MAX_PATHS][METERS_NAME_SIZE];
	struct stats_options options = { 0 };
	static struct snapshot now;
	int code = parse(argc, argv, &options), count, error;

	if (code)
		return code < 0 ? EXIT_OK : code;
	count = meters_paths(names);
	if (count < 0) {
		meters_error(count);
		return EXIT_MISSING;
	}
	code = pick(names, &count, argc - optind, argv + optind);
	if (code)
		return code;
	if (options.watch)
		return watch(names, count, &options);
	error = read_snapshot(names, count, &now);
	if (error) {
		meters_error(error);
		return EXIT_MISSING;
	}
	(options.json ? print_json : print_table)(&now);
	return EXIT_OK;
}
