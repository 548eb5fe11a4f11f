// SPDX-License-Identifier: GPL-2.0
/* The comparison as a table for people, at most 100 columns wide. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "compare_claims.h"
#include "out.h"

#define WIDTH 98
#define BAR   10

void compare_paragraph(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column && column + 1 + word > WIDTH) {
			out_text("\n");
			column = 0;
		}
		out_text("%s%.*s", column ? " " : "  ", (int)word, text);
		column += word + (column ? 1 : 2);
		text += word;
		text += strspn(text, " ");
	}
	out_text("\n");
}

static void bar(double part)
{
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	int length = part * BAR + 0.5;

	for (int i = 0; i < BAR; i++)
		out_text("%s", i >= length ? " " : utf8 ? "\u2588" : "#");
}

static void known_bytes(bool known, double bytes)
{
	char text[OUT_NUMBER_SIZE];

	out_text(" %10s", known ? out_bytes(text, bytes) : "n/a");
}

/* Between user and kernel if they were counted, else those of the scheduler. */
static void known_switches(const struct comparison *c, const struct trial *trial,
			   const struct series *series)
{
	int64_t counted = meters_known(&series->counted, "mode_switches");
	char text[OUT_NUMBER_SIZE];
	double value;

	if (series->was_counted)
		out_text(" %8s", counted < 0 ? "n/a" : out_grouped(text, counted));
	else if (c->counter.why[0] && compare_median(c, series, compare_switches, trial, &value))
		out_text(" %8s", out_grouped(text, value));
	else
		out_text(" %8s", "n/a");
}

static void row(const struct comparison *c, const struct trial *trial, const struct series *series,
		double largest)
{
	char text[OUT_NUMBER_SIZE];
	double value;
	bool known;

	out_text("%-16s", series->path->name);
	if (series->unavailable) {
		out_text("  unavailable: %s\n", series->unavailable);
		return;
	}
	if (series->error) {
		out_text("  failed: %s\n", series->note ? series->note : strerror(-series->error));
		return;
	}
	known = compare_median(c, series, compare_rate, trial, &value);
	out_text(" %12s", known ? out_rate(text, value) : "n/a");
	compare_median(c, series, compare_cpu_per_gib, trial, &value);
	out_text(" %10.1f", value);
	if (compare_ratio(c, trial, series, &value)) {
		out_text(" %6.2f ", value);
		bar(value / largest);
	} else {
		out_text(" %6s %*s", "n/a", BAR, "");
	}
	known = compare_syscalls_of(c, trial, series, &value);
	out_text(" %8s", known ? out_grouped(text, value) : "n/a");
	known_switches(c, trial, series);
	known = compare_copied_of(c, trial, series, &value);
	known_bytes(known, value);
	known = compare_passed_of(c, trial, series, &value);
	known_bytes(known, value);
	out_text("%s\n", series->differs ? " WRONG BYTES" : "");
}

static void notes(const struct comparison *c, const struct trial *trial)
{
	for (size_t i = 0; i < c->nr_paths; i++) {
		const struct series *series = &trial->series[i];
		char text[256];

		if (!series->note || series->error)
			continue;
		snprintf(text, sizeof(text), "%s: %s", series->path->name, series->note);
		compare_paragraph(text);
	}
}

static void table(const struct comparison *c, const struct trial *trial)
{
	char size[OUT_NUMBER_SIZE], bytes[OUT_NUMBER_SIZE];
	double largest = 0, ratio;

	for (size_t i = 0; i < c->nr_paths; i++)
		if (compare_ratio(c, trial, &trial->series[i], &ratio) && ratio > largest)
			largest = ratio;

	if (trial->transfers == 1)
		out_text("\nA round: one transfer of %s\n", out_bytes(size, trial->size));
	else
		out_text("\nA round: %llu transfers of %s, one after the other: %s\n",
			 (unsigned long long)trial->transfers, out_bytes(size, trial->size),
			 out_bytes(bytes, trial->bytes));
	out_text("%-16s %12s %10s %-*s %8s %8s %10s %10s\n", "path", "rate", "CPU ms/GiB", BAR + 7,
		 "x sendfile's CPU", "syscalls", "switches", "copied", "passed");
	for (size_t i = 0; i < c->nr_paths; i++)
		row(c, trial, &trial->series[i], largest);
	notes(c, trial);
	claims_table(c, trial);
}

static void percent(char *text, size_t size, double part)
{
	if (part < 0)
		snprintf(text, size, "an unknown part");
	else
		snprintf(text, size, "%.*f %%", part > 0 && part < 1 ? 1 : 0, part * 100);
}

static void heading(const struct comparison *c)
{
	char size[OUT_NUMBER_SIZE], part[32];

	percent(part, sizeof(part), c->cold ? compare_stayed(c) : c->cached);
	out_text("%s: %s on %s, %s\n", c->file_name, out_bytes(size, c->file_size),
		 c->place.filesystem, c->cold ? "cold" : "hot");
	out_text(c->cold ? "Dropped from the page cache before each transfer; at most %s stayed.\n"
			 : "Read before the first transfer: %s of it is in the page cache.\n",
		 part);
	out_text("%s, %d CPU%s (%s)\n", c->place.kernel, c->place.cpus,
		 c->place.cpus == 1 ? "" : "s", c->place.cpu);
	if (c->sender_cpu >= 0)
		out_text("Loopback, from CPU %d to CPU %d. ", c->sender_cpu, c->receiver_cpu);
	else
		out_text("Loopback, sender and receiver on any CPU. ");
	if (c->repeat == 1)
		out_text("One round: no median of anything\n");
	else
		out_text("Medians of %u rounds, all paths in each, in turn\n", c->repeat);
}

static void explanation(const struct comparison *c)
{
	const char *meaning = place_meaning(c->place.kind);
	char text[512];

	out_text("\n");
	compare_paragraph(
		"CPU: of the sending process. On loopback the receiver's share of TCP runs in the "
		"sender's calls and is counted there, for all paths alike. x sendfile's CPU: "
		"median of the ratios within each round. Syscalls, switches, copied, passed: of "
		"one round.");
	if (c->counter.why[0]) {
		snprintf(text, sizeof(text),
			 "copied, passed, syscalls: as far as the paths themselves can tell, and "
			 "switches: those of the scheduler. The module's probes counted nothing: "
			 "%s; "
			 "see 'pagewire doctor'.",
			 c->counter.why);
		compare_paragraph(text);
	} else {
		compare_paragraph(
			"Syscalls, switches (between user and kernel), copied, passed: counted by "
			"the "
			"module's probes in an extra round, the receiver's work left out; a byte "
			"that "
			"is copied twice counts twice. DMA: what disks wrote into memory; what a "
			"card "
			"would read from it, loopback has not. 'pagewire stats PATH' has more.");
	}
	compare_paragraph("Loopback makes the kernel copy what MSG_ZEROCOPY sends; a network card "
			  "doesn't.");
	if (meaning)
		compare_paragraph(meaning);
	compare_paragraph(
		c->verify ? "Checked: each path's bytes compared with the file in an extra round, "
			    "by a checksum in the timed ones."
			  : "Not checked: the receiver dropped the bytes unread.");
}

void compare_table(const struct comparison *c)
{
	setlocale(LC_CTYPE, "");
	heading(c);
	for (size_t i = 0; i < c->nr_trials; i++)
		table(c, &c->trials[i]);
	explanation(c);
}
