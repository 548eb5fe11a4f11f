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

static const char usage[] =
	"Usage: pagewire stats [PATH...] [OPTIONS]\n\n"
	"Shows the module's counters of all paths, or of those named. Needs root.\n\n"
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
	int nr_paths;
	struct meters paths[METERS_MAX_PATHS], total, gauges;
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
		meters_add(&to->total, &to->paths[i]);
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
				       json_object_new_uint64(meters->list[i].value));
	return object;
}

static void print_json(const struct snapshot *at)
{
	struct json_object *object = json_object_new_object(), *list = json_object_new_object();
	int i;

	for (i = 0; i < at->nr_paths; i++)
		json_object_object_add(list, at->paths[i].path, meters_json(&at->paths[i]));
	json_object_object_add(object, "paths", list);
	json_object_object_add(object, "total", meters_json(&at->total));
	json_object_object_add(object, "gauges", meters_json(&at->gauges));
	out_json(object);
}

static void print_table(const struct snapshot *at)
{
	char number[OUT_NUMBER_SIZE];
	const char *name;
	size_t row;
	int i;

	out_text("%-24s", "counter");
	for (i = 0; i < at->nr_paths; i++)
		out_text(" %20s", at->paths[i].path);
	if (at->nr_paths > 1)
		out_text(" %20s", at->total.path);
	out_text("\n");
	for (row = 0; row < at->total.count; row++) {
		name = at->total.list[row].name;
		out_text("%-24s", name);
		for (i = 0; i < at->nr_paths; i++)
			out_text(" %20s", out_grouped(number, meters_get(&at->paths[i], name)));
		if (at->nr_paths > 1)
			out_text(" %20s", out_grouped(number, at->total.list[row].value));
		out_text("\n");
	}
	out_text("\n%-24s %20s\n", "in flight now", "");
	for (row = 0; row < at->gauges.count; row++)
		out_text("%-24s %20s\n", at->gauges.list[row].name,
			 out_grouped(number, at->gauges.list[row].value));
}

static double seconds_between(const struct snapshot *before, const struct snapshot *now)
{
	return (now->when.tv_sec - before->when.tv_sec) +
	       (now->when.tv_nsec - before->when.tv_nsec) / 1e9;
}

/* A reset in between makes a counter smaller: then it counted from zero. */
static uint64_t delta(const struct meters *before, const struct meters *now, const char *name)
{
	uint64_t was = meters_get(before, name), is = meters_get(now, name);

	return is >= was ? is - was : is;
}

static struct json_object *rates_json(const struct meters *before, const struct meters *now,
				      double seconds)
{
	struct json_object *object = json_object_new_object();
	const char *name;
	size_t i;

	for (i = 0; i < now->count; i++) {
		name = now->list[i].name;
		/* A number of right now, not a count. */
		if (strcmp(name, "in_flight"))
			json_object_object_add(object, name,
					       out_json_double(delta(before, now, name) / seconds));
	}
	return object;
}

static void print_watch_json(const struct snapshot *before, const struct snapshot *now)
{
	struct json_object *object = json_object_new_object(), *list = json_object_new_object();
	double seconds = seconds_between(before, now);
	int i;

	for (i = 0; i < now->nr_paths; i++)
		json_object_object_add(list, now->paths[i].path,
				       rates_json(&before->paths[i], &now->paths[i], seconds));
	json_object_object_add(object, "seconds", out_json_double(seconds));
	json_object_object_add(object, "paths_per_second", list);
	json_object_object_add(object, "total_per_second",
			       rates_json(&before->total, &now->total, seconds));
	json_object_object_add(object, "gauges", meters_json(&now->gauges));
	out_json(object);
}

static void print_watch_line(const struct meters *before, const struct meters *now, double seconds)
{
	char rate[OUT_NUMBER_SIZE], passed[OUT_NUMBER_SIZE], copied[OUT_NUMBER_SIZE];

	out_text("%-8s %11.1f %14s %14s %14s %11.1f %11.1f %9.1f %9" PRIu64 "\n", now->path,
		 delta(before, now, "transfers") / seconds,
		 out_rate(rate, delta(before, now, "bytes") / seconds),
		 out_rate(passed, delta(before, now, "passed_bytes") / seconds),
		 out_rate(copied, delta(before, now, "copied_bytes") / seconds),
		 delta(before, now, "disk_waits") / seconds,
		 delta(before, now, "socket_waits") / seconds,
		 delta(before, now, "errors") / seconds, meters_get(now, "in_flight"));
}

static void print_watch_text(const struct snapshot *before, const struct snapshot *now)
{
	double seconds = seconds_between(before, now);
	int i;

	out_text("%-8s %11s %14s %14s %14s %11s %11s %9s %9s\n", "path", "transfers/s", "bytes",
		 "passed", "copied", "disk w/s", "socket w/s", "errors/s", "in flight");
	for (i = 0; i < now->nr_paths; i++)
		print_watch_line(&before->paths[i], &now->paths[i], seconds);
	if (now->nr_paths > 1)
		print_watch_line(&before->total, &now->total, seconds);
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
			return out_usage_error("the module has no counters of a path '%s'",
					       argv[i]);
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
