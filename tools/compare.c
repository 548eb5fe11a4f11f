// SPDX-License-Identifier: GPL-2.0
/*
 * Measuring. The paths alternate: in each round each path sends the same bytes
 * once, and the order is rotated, so that whatever disturbs the machine for a
 * while disturbs all of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <linux/pagewire.h>

#include "cmd.h"
#include "compare.h"
#include "dev.h"
#include "out.h"
#include "receiver.h"

#define MOST_TRANSFERS 1024
/* Rounds of small transfers stop here. */
#define ROUND_BYTES    (64u << 20)
#define CACHE_WINDOW   (256u << 20)

/* The part of the first @bytes that is in the page cache, or -1 if nobody says. */
static double cached_part(int file, uint64_t bytes)
{
	uint64_t page = sysconf(_SC_PAGESIZE), pages = 0, cached = 0;
	unsigned char *there = malloc(CACHE_WINDOW / page);

	for (uint64_t at = 0; there && at < bytes; at += CACHE_WINDOW) {
		size_t length = bytes - at < CACHE_WINDOW ? bytes - at : CACHE_WINDOW;
		size_t count = (length + page - 1) / page;
		void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, file, at);

		if (map == MAP_FAILED)
			break;
		if (mincore(map, length, there) == 0) {
			pages += count;
			for (size_t i = 0; i < count; i++)
				cached += there[i] & 1;
		}
		munmap(map, length);
	}
	free(there);
	return pages ? (double)cached / pages : -1;
}

/* Dirty pages would stay. */
static void evict(const struct comparison *c)
{
	fdatasync(c->file);
	posix_fadvise(c->file, 0, 0, POSIX_FADV_DONTNEED);
}

static const char *module_unavailable(const struct path *path)
{
	const char *reason = NULL;
	struct pagewire_features features;
	unsigned int number = strcmp(path->name, "sg") ? PAGEWIRE_PATH_COPY : PAGEWIRE_PATH_SG;
	int dev = dev_open();

	if (dev == -ENOENT || dev == -ENODEV || dev == -ENXIO)
		return "the module is not loaded; see 'pagewire doctor'";
	if (dev == -EACCES || dev == -EPERM)
		return "no permission for " DEV_NAME "; see 'pagewire doctor'";
	if (dev < 0)
		return "cannot open " DEV_NAME "; see 'pagewire doctor'";
	if (dev_features(dev, &features) < 0)
		reason = "cannot ask " DEV_NAME " what it can do; see 'pagewire doctor'";
	else if (!(features.paths & 1u << number))
		reason = "the module that is loaded lacks this path";
	close(dev);
	return reason;
}

/* The transfers of one round. 0 or -errno. */
static int send_round(const struct comparison *c, const struct trial *trial, struct series *series,
		      int socket, struct sample *sample)
{
	struct path_job job = { .file = c->file, .file_name = c->file_name, .socket = socket };

	series->note = NULL;
	for (uint64_t i = 0; i < trial->transfers; i++) {
		struct path_outcome outcome = { 0 };
		int err;

		job.offset = i * trial->size;
		job.length = trial->size;
		err = series->path->send(&job, &outcome);
		sample->syscalls += outcome.syscalls;
		sample->copied = sample->copied < 0 || outcome.copied_bytes < 0
					 ? -1
					 : sample->copied + outcome.copied_bytes;
		sample->passed = sample->passed < 0 || outcome.passed_bytes < 0
					 ? -1
					 : sample->passed + outcome.passed_bytes;
		if (outcome.note)
			series->note = outcome.note;
		if (err)
			return err;
		if (outcome.bytes != trial->size)
			return -ENODATA;
	}
	return 0;
}

static double cpu_seconds(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec + used.tv_nsec / 1e9;
}

/* Sends and measures; the clock stops when the receiver has everything. */
static int measure(struct comparison *c, const struct trial *trial, struct series *series,
		   int socket, struct sample *sample)
{
	struct rusage before, after;
	double started, cpu;
	int err;

	getrusage(RUSAGE_SELF, &before);
	started = receiver_clock();
	cpu = cpu_seconds();
	if (c->counting)
		counter_begin(&c->counter, c->counting);
	err = send_round(c, trial, series, socket, sample);
	if (c->counting)
		counter_end(&c->counter);
	sample->cpu = cpu_seconds() - cpu;
	getrusage(RUSAGE_SELF, &after);
	sample->seconds = -started;
	sample->voluntary = after.ru_nvcsw - before.ru_nvcsw;
	sample->involuntary = after.ru_nivcsw - before.ru_nivcsw;
	return err;
}

static bool differs(const struct trial *trial, enum receiver_mode mode,
		    const struct receiver_report *report)
{
	return report->bytes != trial->bytes || report->differs ||
	       (mode == RECEIVER_CHECKSUM && report->checksum != trial->checksum);
}

static void tell_difference(const struct comparison *c, const struct trial *trial,
			    const struct series *series, const struct receiver_report *report)
{
	const char *name = series->path->name;

	if (report->bytes != trial->bytes)
		out_error(NULL, "path %s: %llu of %llu bytes arrived", name,
			  (unsigned long long)report->bytes, (unsigned long long)trial->bytes);
	else if (report->differs)
		out_error(NULL, "path %s: what arrived differs from %s at byte %llu", name,
			  c->file_name, (unsigned long long)report->difference);
	else
		out_error("let nobody change the file meanwhile, to be sure that it is the path",
			  "path %s: what arrived has another checksum than %s at the beginning",
			  name, c->file_name);
}

/* The path takes no part any more. */
static void drop(struct receiver *receiver, size_t which, struct series *series, int err)
{
	series->error = err;
	receiver_hang_up(receiver, which);
	out_error(err == -ENODATA ? "let nobody change the file meanwhile" : NULL,
		  "path %s: %s%s%s", series->path->name,
		  err == -ENODATA ? "the file became shorter" : strerror(-err),
		  series->note ? ": " : "", series->note ? series->note : "");
}

/* One path, one round. False if the receiver is gone. */
static bool run_one(struct comparison *c, struct receiver *receiver, struct trial *trial,
		    size_t which, enum receiver_mode mode, struct sample *sample)
{
	struct series *series = &trial->series[which];
	struct receiver_report report;
	int err;

	*sample = (struct sample){ .cached = -1 };
	if (c->cold) {
		evict(c);
		sample->cached = cached_part(c->file, trial->bytes);
	}
	if (!receiver_order(receiver, which, trial->bytes, mode))
		return false;
	err = measure(c, trial, series, receiver->sockets[which], sample);
	if (err)
		drop(receiver, which, series, err);
	if (!receiver_report(receiver, &report))
		return false;
	if (err)
		return true;
	if (report.error) {
		drop(receiver, which, series, report.error);
		return true;
	}
	sample->seconds += report.finished;
	sample->receiver_cpu = report.cpu;
	sample->valid = true;
	if (differs(trial, mode, &report)) {
		if (!series->differs)
			tell_difference(c, trial, series, &report);
		series->differs = true;
	} else if (mode == RECEIVER_COMPARE) {
		series->verified = true;
	}
	return true;
}

static bool takes_part(const struct series *series)
{
	return !series->unavailable && !series->error;
}

/* One round more that nobody times: probes take time themselves. */
static bool count_round(struct comparison *c, struct receiver *receiver, struct trial *trial,
			struct out_progress *progress, uint64_t *done)
{
	bool alive = true;

	for (size_t i = 0; alive && i < c->nr_paths; i++) {
		struct series *series = &trial->series[i];
		const char *label = series->path->name;
		struct sample dropped;

		*done += trial->bytes;
		if (c->counter.device < 0 || !takes_part(series) ||
		    !counter_before(&c->counter, label))
			continue;
		c->counting = label;
		alive = run_one(c, receiver, trial, i, RECEIVER_COUNT, &dropped);
		c->counting = NULL;
		series->was_counted = alive && takes_part(series) &&
				      counter_after(&c->counter, label, &series->counted);
		out_progress_update(progress, *done);
	}
	return alive;
}

static bool run_trial(struct comparison *c, struct receiver *receiver, struct trial *trial,
		      struct out_progress *progress, uint64_t *done)
{
	unsigned int rounds = c->repeat + (c->verify ? 1 : 0);

	for (unsigned int round = 0; round < rounds; round++) {
		bool comparing = c->verify && round == 0;
		enum receiver_mode mode = comparing   ? RECEIVER_COMPARE
					  : c->verify ? RECEIVER_CHECKSUM
						      : RECEIVER_COUNT;

		for (size_t i = 0; i < c->nr_paths; i++) {
			size_t which = (i + round) % c->nr_paths;
			struct series *series = &trial->series[which];
			struct sample dropped;
			struct sample *sample =
				comparing ? &dropped : &series->samples[round - c->verify];

			if (takes_part(series) && !run_one(c, receiver, trial, which, mode, sample))
				return false;
			*done += trial->bytes;
			out_progress_update(progress, *done);
		}
	}
	return count_round(c, receiver, trial, progress, done);
}

static bool prepare_trial(struct comparison *c, struct trial *trial, uint64_t size)
{
	int err;

	trial->size = size && size < c->file_size ? size : c->file_size;
	trial->transfers = c->file_size / trial->size;
	if (trial->transfers > MOST_TRANSFERS)
		trial->transfers = MOST_TRANSFERS;
	if (trial->transfers > 1 && trial->transfers > ROUND_BYTES / trial->size)
		trial->transfers = trial->size < ROUND_BYTES ? ROUND_BYTES / trial->size : 1;
	trial->bytes = trial->size * trial->transfers;
	err = receiver_file_checksum(c->file, trial->bytes, &trial->checksum);
	if (err) {
		out_error(NULL, "cannot read %s: %s", c->file_name, strerror(-err));
		return false;
	}
	trial->series = calloc(c->nr_paths, sizeof(*trial->series));
	for (size_t i = 0; trial->series && i < c->nr_paths; i++) {
		struct series *series = &trial->series[i];

		series->path = c->paths[i];
		if (series->path->in_kernel)
			series->unavailable = module_unavailable(series->path);
		else if (series->path->unavailable)
			series->unavailable = series->path->unavailable(c->file);
		series->samples = calloc(c->repeat, sizeof(*series->samples));
		if (!series->samples)
			trial->series = NULL;
	}
	if (!trial->series)
		out_error(NULL, "out of memory");
	return trial->series;
}

/* Two sizes that come to the same are one trial. */
static bool prepare(struct comparison *c)
{
	for (size_t i = 0; i < c->nr_sizes; i++) {
		struct trial *trial = &c->trials[c->nr_trials];
		bool known = false;

		if (!prepare_trial(c, trial, c->sizes[i]))
			return false;
		for (size_t j = 0; j < c->nr_trials; j++)
			known |= c->trials[j].size == trial->size;
		if (!known)
			c->nr_trials++;
	}
	return true;
}

/* Sender and receiver get a processor each: where they run changes the figures. */
static void bind_cpus(struct comparison *c)
{
	cpu_set_t allowed, mine;

	c->sender_cpu = c->receiver_cpu = -1;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0 || CPU_COUNT(&allowed) < 2)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		if (c->sender_cpu < 0)
			c->sender_cpu = cpu;
		c->receiver_cpu = cpu;
	}
	CPU_ZERO(&mine);
	CPU_SET(c->sender_cpu, &mine);
	if (sched_setaffinity(0, sizeof(mine), &mine) < 0)
		c->sender_cpu = c->receiver_cpu = -1;
}

/* A path that failed at one size has lost its connection for the next ones. */
static void carry_errors(struct comparison *c, size_t from)
{
	for (size_t i = 0; from + 1 < c->nr_trials && i < c->nr_paths; i++)
		c->trials[from + 1].series[i].error = c->trials[from].series[i].error;
}

static int verdict(const struct comparison *c)
{
	bool failed = false, missing = false, worked = false, differs = false;

	for (size_t i = 0; i < c->nr_trials; i++) {
		for (size_t j = 0; j < c->nr_paths; j++) {
			const struct series *series = &c->trials[i].series[j];

			differs |= series->differs;
			failed |= series->error != 0;
			missing |= series->unavailable != NULL;
			worked |= takes_part(series);
		}
	}
	if (differs)
		return EXIT_DIFFERS;
	if (failed)
		return EXIT_FAILED;
	return missing && (c->paths_named || !worked) ? EXIT_MISSING : EXIT_OK;
}

int compare_run(struct comparison *c)
{
	struct out_progress progress;
	struct receiver receiver;
	uint64_t total = 0, done = 0;
	bool alive = true;

	place_find(&c->place, c->file);
	if (!prepare(c))
		return EXIT_FAILED;
	/* Preparing read all of it. */
	c->cached = cached_part(c->file, c->file_size);
	bind_cpus(c);
	if (!receiver_start(&receiver, c->nr_paths, c->file, c->receiver_cpu))
		return EXIT_FAILED;

	for (size_t i = 0; i < c->nr_trials; i++)
		total += c->trials[i].bytes * c->nr_paths * (c->repeat + c->verify + 1);
	counter_open(&c->counter, receiver.pid);
	out_progress_start(&progress, "compare", total, true);
	for (size_t i = 0; alive && i < c->nr_trials; i++) {
		alive = run_trial(c, &receiver, &c->trials[i], &progress, &done);
		carry_errors(c, i);
	}
	out_progress_end(&progress);
	counter_close(&c->counter);
	receiver_stop(&receiver);
	if (!alive) {
		out_error(NULL, "the receiving process ended too early");
		return EXIT_FAILED;
	}
	return verdict(c);
}
