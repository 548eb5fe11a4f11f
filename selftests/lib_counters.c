// SPDX-License-Identifier: GPL-2.0
/* The module's counters, gauges and parameters, for the test programs. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

#define DEBUGFS	   "/sys/kernel/debug/pagewire/"
#define PARAMETERS "/sys/module/pagewire/parameters/"

bool counters_available(void)
{
	return !access(DEBUGFS "gauges", R_OK);
}

const char *path_name(uint32_t path)
{
	return path == PAGEWIRE_PATH_SG ? "sg" : "copy";
}

const char *path_file(uint32_t path)
{
	return path == PAGEWIRE_PATH_SG ? "path/sg" : "path/copy";
}

void counters_read(struct counters *c, const char *file)
{
	char name[128];
	FILE *f;

	snprintf(name, sizeof(name), DEBUGFS "%s", file);
	f = fopen(name, "r");
	if (!f)
		die("%s: is debugfs mounted?", name);
	c->nr = 0;
	while (c->nr < MAX_COUNTERS &&
	       fscanf(f, "%39s %" SCNu64 "\n", c->entry[c->nr].name, &c->entry[c->nr].value) == 2)
		c->nr++;
	if (!feof(f))
		die("%s: line %u isn't `name value`", name, c->nr + 1);
	fclose(f);
}

uint64_t counter(const struct counters *c, const char *name)
{
	unsigned int i;

	for (i = 0; i < c->nr; i++)
		if (!strcmp(c->entry[i].name, name))
			return c->entry[i].value;
	errno = ENOENT;
	die("there is no counter named %s", name);
}

/* Sum of all counters that begin with @prefix and end with @suffix. */
static uint64_t sum(const struct counters *c, const char *prefix, const char *suffix)
{
	uint64_t total = 0;
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		const char *name = c->entry[i].name;
		size_t length = strlen(name);

		if (!strncmp(name, prefix, strlen(prefix)) && length >= strlen(suffix) &&
		    !strcmp(name + length - strlen(suffix), suffix) && strcmp(name, "copied_bytes"))
			total += c->entry[i].value;
	}
	return total;
}

static bool equal(char *text, size_t size, uint32_t path, const char *law, uint64_t a, uint64_t b)
{
	if (a == b)
		return true;
	snprintf(text, size, "path %s: %s: %" PRIu64 " is not %" PRIu64, path_name(path), law, a,
		 b);
	return false;
}

static bool law_holds(uint32_t path, char *text, size_t size)
{
	struct counters c;

	counters_read(&c, path_file(path));
	return equal(text, size, path, "transfers = completed + failed + cancelled + in_flight",
		     counter(&c, "transfers"),
		     counter(&c, "completed") + counter(&c, "failed") + counter(&c, "cancelled") +
			     counter(&c, "in_flight")) &&
	       equal(text, size, path, "in_flight = 0", counter(&c, "in_flight"), 0) &&
	       equal(text, size, path, "bytes = passed_bytes + copied_bytes", counter(&c, "bytes"),
		     counter(&c, "passed_bytes") + counter(&c, "copied_bytes")) &&
	       equal(text, size, path, "copied_bytes = sum of copied_*_bytes",
		     counter(&c, "copied_bytes"), sum(&c, "copied_", "_bytes")) &&
	       equal(text, size, path, "errors = failed + cancelled", counter(&c, "errors"),
		     counter(&c, "failed") + counter(&c, "cancelled")) &&
	       equal(text, size, path, "errors = sum of errors_*", counter(&c, "errors"),
		     sum(&c, "errors_", ""));
}

static bool gauges_zero(char *text, size_t size)
{
	struct counters c;
	unsigned int i;

	counters_read(&c, "gauges");
	for (i = 0; i < c.nr; i++) {
		if (!c.entry[i].value)
			continue;
		snprintf(text, size, "gauge %s is %" PRIu64, c.entry[i].name, c.entry[i].value);
		return false;
	}
	return true;
}

const char *module_unrest(unsigned int ms)
{
	static char text[256];
	uint64_t until = now_ms() + ms;

	while (!gauges_zero(text, sizeof(text)) ||
	       !law_holds(PAGEWIRE_PATH_SG, text, sizeof(text)) ||
	       !law_holds(PAGEWIRE_PATH_COPY, text, sizeof(text))) {
		if (now_ms() >= until)
			return text;
		sleep_ms(20);
	}
	return NULL;
}

bool parameter_writable(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	return !access(path, W_OK);
}

uint64_t parameter_get(const char *name)
{
	char path[128];
	uint64_t value;
	FILE *f;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%" SCNu64, &value) != 1)
		die("reading %s", path);
	fclose(f);
	return value;
}

uint64_t parameter_set(const char *name, uint64_t value)
{
	uint64_t old = parameter_get(name);
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	f = fopen(path, "w");
	if (!f || fprintf(f, "%" PRIu64, value) < 0 || fclose(f))
		die("writing %s", path);
	return old;
}
