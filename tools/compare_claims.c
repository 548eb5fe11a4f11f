// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <json-c/json.h>

#include "compare_claims.h"
#include "out.h"
#include "seen.h"

static const struct claim claims[] = {
	{ "read-write", "read and write", 4, 2, 2, false,
	  "it seeks first, and reads and sends at most 128 KiB at a time" },
	{ "mmap-write", "mmap and write", 4, 1, 2, false,
	  "it asks how large the file is, maps 64 MiB at a time, gives advice and unmaps" },
	{ "copy", "sendfile of Linux 2.1", 2, 1, 2, false, "its socket was full in between" },
	{ "sendfile", "sendfile of Linux 2.4, with descriptors", 2, 0, 2, false,
	  "one sendfile(2) moves 2 GiB at most" },
	{ "sg", "sendfile of Linux 2.4, with descriptors", 2, 0, 2, false,
	  "its socket was full in between" },
	{ "uring-direct", "asynchronous and direct I/O", -1, -1, -1, true, NULL },
	{ "uring-direct-zc", "asynchronous and direct I/O", -1, -1, -1, true, NULL },
};

#define NR_CLAIMS (sizeof(claims) / sizeof(claims[0]))

/* Bytes that a transfer copies beside its payload: a request of io_uring, a poll. */
#define NEAR	  0.01

static const struct claim *claim_of(const char *path)
{
	for (size_t i = 0; i < NR_CLAIMS; i++)
		if (!strcmp(claims[i].path, path))
			return &claims[i];
	return NULL;
}

static void add_why(struct claim_check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_why(struct claim_check *check, const char *format, ...)
{
	size_t used = strlen(check->why);
	va_list arguments;

	if (used)
		used += snprintf(check->why + used, sizeof(check->why) - used, "; ");
	if (used >= sizeof(check->why))
		return;
	va_start(arguments, format);
	vsnprintf(check->why + used, sizeof(check->why) - used, format, arguments);
	va_end(arguments);
}

/* -1 stays -1: hidden. */
static double per(int64_t value, uint64_t of)
{
	return value < 0 ? -1 : (double)value / of;
}

static void check_switches(struct claim_check *check, const struct trial *trial,
			   const struct meters *counted)
{
	const struct claim *claim = check->claim;
	double calls = per(meters_known(counted, "syscalls"), trial->transfers);
	double faults = per(meters_known(counted, "user_faults"), trial->transfers);

	if (claim->switches < 0)
		check->on_switches = NO_CLAIM;
	else if (check->switches < 0)
		check->on_switches = NOT_SHOWN;
	else if (fabs(check->switches - claim->switches) < NEAR)
		check->on_switches = AGREES;
	else
		check->on_switches = DIFFERS;
	if (check->on_switches != DIFFERS)
		return;
	add_why(check, "%s switches, 2 for each of %.4g system calls%s",
		check->switches > claim->switches ? "more" : "fewer", calls,
		faults > NEAR ? " and page faults of user mode" : "");
	if (check->switches > claim->switches && calls * 2 > claim->switches + NEAR)
		add_why(check, "%s", claim->more_calls);
}

static void check_copies(struct claim_check *check, const struct trial *trial,
			 const struct meters *counted)
{
	const struct claim *claim = check->claim;
	double undone = per(meters_known(counted, "zerocopy_undone_bytes"), trial->bytes);
	double in_kernel = per(meters_known(counted, "copied_in_kernel_bytes"), trial->bytes);

	if (claim->cpu_copies < 0)
		check->on_copies = NO_CLAIM;
	else if (check->copies < 0)
		check->on_copies = NOT_SHOWN;
	else if (fabs(check->copies - claim->cpu_copies) < NEAR)
		check->on_copies = AGREES;
	else
		check->on_copies = DIFFERS;
	if (undone > NEAR)
		add_why(check,
			"%.2f copies a byte were made after all of what was passed: the receiver "
			"is on "
			"this machine and may not keep the sender's pages",
			undone);
	if (check->on_copies != DIFFERS)
		return;
	if (in_kernel > NEAR)
		add_why(check,
			"%.2f copies a byte inside the kernel: the file system, a device without "
			"scatter-gather, or encryption asked for them (" METERS_DIRECTORY
			"/places tells which)",
			in_kernel);
	else
		add_why(check, "%s copies; " METERS_DIRECTORY "/places tells who made them",
			check->copies > claim->cpu_copies ? "more" : "fewer");
}

static void check_cache(struct claim_check *check, const struct trial *trial,
			const struct meters *counted)
{
	double cache = per(meters_known(counted, "dma_in_cache_bytes"), trial->bytes);
	double user = per(meters_known(counted, "dma_in_user_bytes"), trial->bytes);

	if (!check->claim->past_cache) {
		check->on_cache = NO_CLAIM;
	} else if (cache < 0 || user < 0) {
		check->on_cache = NOT_SHOWN;
	} else if (cache < NEAR && user > 1 - NEAR) {
		check->on_cache = AGREES;
	} else {
		check->on_cache = DIFFERS;
		if (cache >= NEAR)
			add_why(check, "%.2f of each byte came through the page cache", cache);
		else
			add_why(check,
				"only %.2f of each byte came from a disk straight into the "
				"program's pages: the file system keeps files in memory, or has no "
				"direct I/O",
				user);
	}
}

bool claim_check(const struct trial *trial, const struct series *series, struct claim_check *check)
{
	const struct meters *counted = &series->counted;

	*check = (struct claim_check){ .claim = claim_of(series->path->name) };
	if (!check->claim || !series->was_counted)
		return false;
	check->switches = per(meters_known(counted, "mode_switches"), trial->transfers);
	check->copies = per(seen_copied(counted), trial->bytes);
	check->dma_in = per(meters_known(counted, "dma_in_bytes"), trial->bytes);
	check_switches(check, trial, counted);
	check_copies(check, trial, counted);
	check_cache(check, trial, counted);
	return true;
}

static const char *word(const struct claim_check *check)
{
	bool differs = check->on_switches == DIFFERS || check->on_copies == DIFFERS ||
		       check->on_cache == DIFFERS;

	if (check->on_switches == NOT_SHOWN || check->on_copies == NOT_SHOWN ||
	    check->on_cache == NOT_SHOWN)
		return "n/a";
	if (!differs)
		return "agrees";
	if (check->on_copies == AGREES)
		return "copies agree";
	return check->on_switches == AGREES ? "switches agree" : "differs";
}

static void print_claim(int claimed)
{
	if (claimed < 0)
		out_text(" %8s", "-");
	else
		out_text(" %8d", claimed);
}

static void print_counted(double value, int decimals)
{
	if (value < 0)
		out_text(" %8s", "n/a");
	else
		out_text(" %8.*f", decimals, value);
}

static void print_row(const struct claim_check *check)
{
	out_text("%-16s", check->claim->path);
	print_claim(check->claim->switches);
	print_counted(check->switches, check->switches > (int64_t)check->switches ? 1 : 0);
	print_claim(check->claim->cpu_copies);
	print_counted(check->copies, 2);
	print_claim(check->claim->dma_copies);
	print_counted(check->dma_in, 2);
	out_text("  %s\n", word(check));
}

void claims_table(const struct comparison *c, const struct trial *trial)
{
	struct claim_check check;
	char text[sizeof(check.why) + 128];
	size_t i, found = 0;

	for (i = 0; i < c->nr_paths; i++) {
		if (!claim_check(trial, &trial->series[i], &check))
			continue;
		if (!found++)
			out_text("\nWhat articles on zero-copy say, and what was counted here\n"
				 "%-16s %17s %17s %17s\n%-16s %8s %8s %8s %8s %8s %8s\n",
				 "", "switches/transfer", "CPU copies/byte", "DMA copies/byte",
				 "path", "said", "counted", "said", "counted", "said", "disk in");
		print_row(&check);
	}
	for (i = 0; found && i < c->nr_paths; i++) {
		if (!claim_check(trial, &trial->series[i], &check) || !check.why[0])
			continue;
		snprintf(text, sizeof(text), "%s (%s): %s.", check.claim->path, check.claim->of,
			 check.why);
		compare_paragraph(text);
	}
}

static void add(struct json_object *object, const char *name, double value)
{
	json_object_object_add(object, name, value < 0 ? NULL : out_json_double(value));
}

static void add_agreement(struct json_object *object, const char *name, enum agreement agreement)
{
	bool known = agreement == AGREES || agreement == DIFFERS;

	json_object_object_add(object, name,
			       known ? json_object_new_boolean(agreement == AGREES) : NULL);
}

struct json_object *claims_json(const struct trial *trial, const struct series *series)
{
	struct json_object *object;
	struct claim_check check;

	if (!claim_check(trial, series, &check))
		return NULL;
	object = json_object_new_object();
	json_object_object_add(object, "of", json_object_new_string(check.claim->of));
	add(object, "switches_per_transfer", check.claim->switches);
	add(object, "cpu_copies_per_byte", check.claim->cpu_copies);
	add(object, "dma_copies_per_byte", check.claim->dma_copies);
	add_agreement(object, "switches_agree", check.on_switches);
	add_agreement(object, "copies_agree", check.on_copies);
	add_agreement(object, "no_page_cache", check.on_cache);
	json_object_object_add(object, "why",
			       check.why[0] ? json_object_new_string(check.why) : NULL);
	return object;
}
