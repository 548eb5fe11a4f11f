// SPDX-License-Identifier: GPL-2.0

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

#include "meters.h"
#include "out.h"

const struct meter *meters_find(const struct meters *meters, const char *name)
{
	size_t i;

	for (i = 0; i < meters->count; i++)
		if (!strcmp(meters->list[i].name, name))
			return &meters->list[i];
	return NULL;
}

uint64_t meters_get(const struct meters *meters, const char *name)
{
	const struct meter *meter = meters_find(meters, name);

	return meter ? meter->value : 0;
}

int64_t meters_known(const struct meters *meters, const char *name)
{
	const struct meter *meter = meters_find(meters, name);

	return meter && !meter->hidden ? (int64_t)meter->value : -1;
}

bool meters_of_path(const struct meters *meters)
{
	return meters_find(meters, "transfers");
}

static void put(struct meters *meters, const char *name, uint64_t value, bool hidden)
{
	struct meter *meter = &meters->list[meters->count];

	if (meters->count == METERS_MAX)
		return;
	snprintf(meter->name, METERS_NAME_SIZE, "%s", name);
	meter->value = value;
	meter->hidden = hidden;
	meters->count++;
}

void meters_add(struct meters *sum, const struct meters *other)
{
	const struct meter *meter;
	size_t i, j;

	for (i = 0; i < other->count; i++) {
		meter = &other->list[i];
		for (j = 0; j < sum->count; j++)
			if (!strcmp(sum->list[j].name, meter->name))
				break;
		if (j == sum->count) {
			put(sum, meter->name, meter->value, meter->hidden);
			continue;
		}
		sum->list[j].hidden |= meter->hidden;
		/* Counted for the whole module, and shown with each. */
		if (strcmp(meter->name, "missed"))
			sum->list[j].value += meter->value;
	}
}

void meters_delta(const struct meters *before, const struct meters *now, struct meters *delta)
{
	uint64_t was;
	size_t i;

	*delta = *now;
	for (i = 0; i < delta->count; i++) {
		was = meters_get(before, delta->list[i].name);
		if (delta->list[i].value >= was)
			delta->list[i].value -= was;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

int meters_paths(char names[METERS_MAX_PATHS][METERS_NAME_SIZE])
{
	DIR *directory = opendir(METERS_DIRECTORY "/path");
	struct dirent *entry;
	int count = 0;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory)) && count < METERS_MAX_PATHS)
		if (entry->d_name[0] != '.')
			snprintf(names[count++], METERS_NAME_SIZE, "%.*s", METERS_NAME_SIZE - 1,
				 entry->d_name);
	closedir(directory);
	qsort(names, count, METERS_NAME_SIZE, by_name);
	return count;
}

/*
 * Lines "name value", or "name n/a". A line of another form means another module than
 * this tool knows.
 */
static int read_file(const char *file_name, struct meters *meters)
{
	FILE *file = fopen(file_name, "re");
	char name[METERS_NAME_SIZE], text[24], *end;
	unsigned long long value;
	int fields;

	meters->count = 0;
	if (!file)
		return -errno;
	while ((fields = fscanf(file, "%39s %23s", name, text)) == 2) {
		bool hidden = !strcmp(text, "n/a");

		value = hidden ? 0 : strtoull(text, &end, 10);
		if (!hidden && *end)
			break;
		put(meters, name, value, hidden);
	}
	fields = fields == EOF && !ferror(file) ? 0 : -EBADMSG;
	fclose(file);
	return fields;
}

int meters_read_path(const char *path, struct meters *meters)
{
	char file_name[sizeof(METERS_DIRECTORY "/path/") + METERS_NAME_SIZE];

	snprintf(meters->path, sizeof(meters->path), "%s", path);
	snprintf(file_name, sizeof(file_name), METERS_DIRECTORY "/path/%s", meters->path);
	return read_file(file_name, meters);
}

int meters_read_gauges(struct meters *meters)
{
	meters->path[0] = 0;
	return read_file(METERS_DIRECTORY "/gauges", meters);
}

static int by_bytes(const void *a, const void *b)
{
	const struct meters_place *one = a, *other = b;

	return (one->bytes < other->bytes) - (one->bytes > other->bytes);
}

void meters_sort_places(struct meters_place *places, int count)
{
	qsort(places, count, sizeof(*places), by_bytes);
}

/* Lines "label function calls bytes", of all labels. */
int meters_places(const char *label, struct meters_place places[METERS_MAX_PLACES])
{
	FILE *file = fopen(METERS_DIRECTORY "/places", "re");
	struct meters_place place;
	unsigned long long calls, bytes;
	char name[METERS_NAME_SIZE];
	int fields, count = 0;

	if (!file)
		return -errno;
	while ((fields = fscanf(file, "%39s %63s %llu %llu", name, place.function, &calls,
				&bytes)) == 4) {
		place.calls = calls;
		place.bytes = bytes;
		if (!strcmp(name, label) && count < METERS_MAX_PLACES)
			places[count++] = place;
	}
	fields = fields == EOF && !ferror(file) ? 0 : -EBADMSG;
	fclose(file);
	return fields ? fields : count;
}

int meters_reset(void)
{
	int file = open(METERS_DIRECTORY "/reset", O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (file < 0)
		return -errno;
	if (write(file, "1\n", 2) < 0)
		error = -errno;
	close(file);
	return error;
}

enum meters_state meters_state(void)
{
	struct statfs fs;

	if (statfs(METERS_DEBUGFS, &fs) < 0 || fs.f_type != DEBUGFS_MAGIC)
		return METERS_NOT_MOUNTED;
	if (access(METERS_DEBUGFS, X_OK) < 0)
		return METERS_NO_PERMISSION;
	if (access(METERS_DIRECTORY, F_OK) < 0)
		return METERS_NO_MODULE;
	return access(METERS_DIRECTORY "/gauges", R_OK) < 0 ? METERS_NO_PERMISSION
							    : METERS_READABLE;
}

const char *meters_state_text(enum meters_state state)
{
	switch (state) {
	case METERS_READABLE:
		return "readable";
	case METERS_NOT_MOUNTED:
		return "debugfs is not mounted there";
	case METERS_NO_PERMISSION:
		return "no permission to read debugfs";
	case METERS_NO_MODULE:
		return "the module pagewire is not loaded";
	}
	return "";
}

const char *meters_state_remedy(enum meters_state state)
{
	switch (state) {
	case METERS_READABLE:
		break;
	case METERS_NOT_MOUNTED:
		return "mount -t debugfs none " METERS_DEBUGFS;
	case METERS_NO_PERMISSION:
		return "run as root; kernel lockdown forbids debugfs even then";
	case METERS_NO_MODULE:
		return "load it as root: modprobe pagewire, or insmod pagewire.ko";
	}
	return NULL;
}

void meters_error(int error)
{
	enum meters_state state = meters_state();

	if (state != METERS_READABLE)
		out_error(meters_state_remedy(state), METERS_DIRECTORY ": %s",
			  meters_state_text(state));
	else
		out_error("tool and module may differ in age: run 'pagewire doctor'",
			  METERS_DIRECTORY ": %s", strerror(-error));
}
