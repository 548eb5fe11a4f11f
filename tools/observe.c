// SPDX-License-Identifier: GPL-2.0
/* From counters to a verdict. */
#include <stdio.h>
#include <string.h>
#include <json-c/json.h>

#include "observe.h"
#include "out.h"
#include "seen.h"

#define MOST_SENTENCES 8
#define SENTENCE_SIZE  1024
/* Places that the sentence on copies names; the table names all. */
#define NAMED_PLACES   3

struct verdict {
	const char *word; /* for programs */
	int count;
	char sentences[MOST_SENTENCES][SENTENCE_SIZE];
};

static char *next_sentence(struct verdict *verdict)
{
	return verdict->sentences[verdict->count++];
}

/* All and nothing are said of just that: what rounds to them is not it. */
static const char *percent(char text[SEEN_TEXT_SIZE], int64_t part, int64_t whole)
{
	double value = 100.0 * part / whole;

	if (part == whole || !part)
		snprintf(text, SEEN_TEXT_SIZE, "%d %%", part ? 100 : 0);
	else if (value < 0.1)
		snprintf(text, SEEN_TEXT_SIZE, "less than 0.1 %%");
	else if (value > 99.9)
		snprintf(text, SEEN_TEXT_SIZE, "more than 99.9 %%");
	else
		snprintf(text, SEEN_TEXT_SIZE, "%.1f %%", value);
	return text;
}

static const char *word(int64_t sent, int64_t copied, int64_t undone)
{
	if (sent <= 0)
		return sent ? "unknown" : "nothing sent";
	if (undone > 0)
		return "undone";
	return !copied ? "passed" : copied == sent ? "copied" : "mixed";
}

static void judge_sent(struct verdict *verdict, const struct meters *counts)
{
	int64_t sent = seen_sent(counts), copied = seen_sent_copied(counts);
	int64_t undone = meters_known(counts, "zerocopy_undone_bytes");
	int64_t passed = meters_known(counts, "passed_bytes"), direct;
	char text[4][SEEN_TEXT_SIZE], own[96] = "", *to = next_sentence(verdict);

	verdict->word = word(sent, copied, undone);
	if (sent <= 0) {
		strcpy(to, sent ? "How much it sent, and how, is n/a: this kernel hides it."
				: "It sent nothing over TCP.");
		return;
	}
	direct = sent - copied - passed;
	if (direct > 0)
		snprintf(own, sizeof(own), " (%s of it from pages of the kernel's own)",
			 seen_bytes(text[3], direct));
	snprintf(to, SENTENCE_SIZE,
		 "%s of the %s it sent were passed by descriptor%s; %s were copied%s",
		 percent(text[0], sent - copied, sent), seen_bytes(text[1], sent), own,
		 percent(text[2], copied, sent), undone > 0 ? " into the socket." : ".");
	/* What TCP sends again is copied again. */
	if (undone > 0)
		snprintf(next_sentence(verdict), SENTENCE_SIZE,
			 "But zero-copy was undone: %s of what was passed were copied after all, "
			 "before the receiver got them. The kernel does so when the receiver is on "
			 "this machine.",
			 seen_bytes(text[3], undone < passed ? undone : passed));
}

static void judge_copies(struct verdict *verdict, const struct observation *o)
{
	int64_t copied = seen_copied(&o->counts), sent = seen_sent(&o->counts);
	char bytes[SEEN_TEXT_SIZE], *to = next_sentence(verdict);
	size_t used;
	int i;

	if (copied < 0) {
		strcpy(to, "How much the CPU copied is n/a: this kernel hides part of it.");
		return;
	}
	used = snprintf(to, SENTENCE_SIZE, "The CPU copied %s",
			copied ? seen_bytes(bytes, copied) : "nothing");
	if (copied && sent > 0)
		used += snprintf(to + used, SENTENCE_SIZE - used, ", %.2f bytes for each byte sent",
				 (double)copied / sent);
	for (i = 0; i < o->nr_places && i < NAMED_PLACES; i++)
		used += snprintf(to + used, SENTENCE_SIZE - used, "%s%s %s", i ? ", " : " (",
				 o->places[i].function, seen_bytes(bytes, o->places[i].bytes));
	if (i < o->nr_places)
		used += snprintf(to + used, SENTENCE_SIZE - used, ", %d more place%s",
				 o->nr_places - i, o->nr_places - i == 1 ? "" : "s");
	snprintf(to + used, SENTENCE_SIZE - used, "%s.", i ? ")" : "");
}

static void judge_switches(struct verdict *verdict, const struct meters *counts)
{
	int64_t switches = meters_known(counts, "mode_switches"), sent = seen_sent(counts);
	char number[4][SEEN_TEXT_SIZE], per_mib[48] = "";

	if (switches > 0 && sent > 0)
		snprintf(per_mib, sizeof(per_mib), " (%.1f for each MiB sent)",
			 switches / (sent / 1048576.0));
	snprintf(next_sentence(verdict), SENTENCE_SIZE,
		 "It made %s system calls and %s page faults: %s switches between user and "
		 "kernel%s. The scheduler took the CPU away %s times.",
		 seen_number(number[0], meters_known(counts, "syscalls")),
		 seen_number(number[1], meters_known(counts, "user_faults")),
		 seen_number(number[2], switches), per_mib,
		 seen_number(number[3], meters_known(counts, "ctx_switches")));
}

static void judge_disk(struct verdict *verdict, const struct meters *counts)
{
	int64_t bytes = meters_known(counts, "dma_in_bytes");
	char text[3][SEEN_TEXT_SIZE];

	if (!bytes)
		return;
	snprintf(next_sentence(verdict), SENTENCE_SIZE,
		 "It had %s read from disks: %s into the page cache, %s into user pages.",
		 seen_bytes(text[0], bytes),
		 seen_bytes(text[1], meters_known(counts, "dma_in_cache_bytes")),
		 seen_bytes(text[2], meters_known(counts, "dma_in_user_bytes")));
}

/* What speaks against taking the figures at their word. */
static void judge_gaps(struct verdict *verdict, const struct meters *counts)
{
	uint64_t missed = meters_get(counts, "missed");
	char number[SEEN_TEXT_SIZE], hidden[SENTENCE_SIZE / 2] = "";
	size_t used = 0;

	if (missed)
		snprintf(next_sentence(verdict), SENTENCE_SIZE,
			 "The probes missed %s copies: those figures are too low.",
			 seen_number(number, missed));
	for (size_t i = 0; i < counts->count && used < sizeof(hidden); i++)
		if (counts->list[i].hidden)
			used += snprintf(hidden + used, sizeof(hidden) - used, "%s%s",
					 used ? ", " : "", counts->list[i].name);
	if (used)
		snprintf(next_sentence(verdict), SENTENCE_SIZE,
			 "n/a, which is not 0, for this kernel hides it (" METERS_DIRECTORY
			 "/probes tells which probes it lacks): %s.",
			 hidden);
}

static void judge(struct verdict *verdict, const struct observation *o)
{
	verdict->count = 0;
	judge_sent(verdict, &o->counts);
	judge_copies(verdict, o);
	judge_switches(verdict, &o->counts);
	judge_disk(verdict, &o->counts);
	judge_gaps(verdict, &o->counts);
}

static void print_places(const struct observation *o)
{
	char number[SEEN_TEXT_SIZE];

	if (o->nr_places)
		out_text("\n%-40s %14s %20s\n", "copied by", "calls", "bytes");
	for (int i = 0; i < o->nr_places; i++) {
		out_text("%-40s", o->places[i].function);
		out_text(" %14s", seen_number(number, o->places[i].calls));
		out_text(" %20s\n", seen_number(number, o->places[i].bytes));
	}
}

void observe_text(const struct observation *o)
{
	struct verdict verdict;
	char number[SEEN_TEXT_SIZE];

	judge(&verdict, o);
	out_text("%s, process %d: %.3f s, %s", o->label, (int)o->pid, o->seconds, o->ended);
	if (o->status >= 0)
		out_text(", status %d", o->status);
	out_text("\n\n");
	for (size_t i = 0; i < o->counts.count; i++) {
		const struct meter *meter = &o->counts.list[i];

		out_text("%-26s %20s\n", meter->name,
			 seen_number(number, meter->hidden ? -1 : (int64_t)meter->value));
	}
	print_places(o);
	out_text("\n");
	for (int i = 0; i < verdict.count; i++)
		out_text("%s\n", verdict.sentences[i]);
}

static struct json_object *known_json(int64_t value)
{
	return value < 0 ? NULL : json_object_new_int64(value);
}

static struct json_object *counts_json(const struct meters *counts)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < counts->count; i++)
		json_object_object_add(
			object, counts->list[i].name,
			known_json(counts->list[i].hidden ? -1 : (int64_t)counts->list[i].value));
	return object;
}

static struct json_object *places_json(const struct observation *o)
{
	struct json_object *list = json_object_new_array(), *object;

	for (int i = 0; i < o->nr_places; i++) {
		object = json_object_new_object();
		json_object_object_add(object, "function",
				       json_object_new_string(o->places[i].function));
		json_object_object_add(object, "calls", known_json(o->places[i].calls));
		json_object_object_add(object, "bytes", known_json(o->places[i].bytes));
		json_object_array_add(list, object);
	}
	return list;
}

static struct json_object *command_json(char *const *command)
{
	struct json_object *list;

	if (!command)
		return NULL;
	list = json_object_new_array();
	for (; *command; command++)
		json_object_array_add(list, json_object_new_string(*command));
	return list;
}

static struct json_object *sentences_json(const struct verdict *verdict)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < verdict->count; i++)
		json_object_array_add(list, json_object_new_string(verdict->sentences[i]));
	return list;
}

void observe_json(const struct observation *o)
{
	struct json_object *object = json_object_new_object();
	int64_t sent = seen_sent(&o->counts), copied = seen_sent_copied(&o->counts);
	struct verdict verdict;

	judge(&verdict, o);
	json_object_object_add(object, "event", json_object_new_string("end"));
	json_object_object_add(object, "label", json_object_new_string(o->label));
	json_object_object_add(object, "pid", json_object_new_int(o->pid));
	json_object_object_add(object, "command", command_json(o->command));
	json_object_object_add(object, "seconds", out_json_double(o->seconds));
	json_object_object_add(object, "ended", json_object_new_string(o->ended));
	json_object_object_add(object, "status", known_json(o->status));
	json_object_object_add(object, "counters", counts_json(&o->counts));
	json_object_object_add(object, "sent_bytes", known_json(sent));
	json_object_object_add(object, "copied_bytes", known_json(seen_copied(&o->counts)));
	json_object_object_add(object, "passed_part",
			       sent > 0 ? out_json_double((double)(sent - copied) / sent) : NULL);
	json_object_object_add(object, "places", places_json(o));
	json_object_object_add(object, "verdict", json_object_new_string(verdict.word));
	json_object_object_add(object, "text", sentences_json(&verdict));
	out_json(object);
}

void observe_interval_heading(void)
{
	out_text("%9s %12s %12s %12s %12s %12s %12s %12s\n", "seconds", "sent", "passed", "copied",
		 "syscalls", "u/k switches", "ctx switches", "from disks");
}

void observe_interval_text(double seconds, const struct meters *delta)
{
	char text[SEEN_TEXT_SIZE];

	out_text("%9.3f", seconds);
	out_text(" %12s", seen_bytes(text, seen_sent(delta)));
	out_text(" %12s", seen_bytes(text, meters_known(delta, "passed_bytes")));
	out_text(" %12s", seen_bytes(text, seen_copied(delta)));
	out_text(" %12s", seen_number(text, meters_known(delta, "syscalls")));
	out_text(" %12s", seen_number(text, meters_known(delta, "mode_switches")));
	out_text(" %12s", seen_number(text, meters_known(delta, "ctx_switches")));
	out_text(" %12s\n", seen_bytes(text, meters_known(delta, "dma_in_bytes")));
}

void observe_interval_json(double seconds, const struct meters *delta)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "event", json_object_new_string("interval"));
	json_object_object_add(object, "seconds", out_json_double(seconds));
	json_object_object_add(object, "counters", counts_json(delta));
	json_object_object_add(object, "sent_bytes", known_json(seen_sent(delta)));
	json_object_object_add(object, "copied_bytes", known_json(seen_copied(delta)));
	out_json(object);
}
