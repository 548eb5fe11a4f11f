// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>

#include "cmd.h"
#include "out.h"

#define BAR_WIDTH 30

static const char *command;

void out_command(const char *name)
{
	command = name;
}

void out_text(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	if (format[0] && format[strlen(format) - 1] == '\n')
		fflush(stdout);
}

struct json_object *out_json_double(double number)
{
	struct json_object *object = json_object_new_double(number);

	json_object_set_serializer(object, json_object_double_to_json_string, "%.6f", NULL);
	return object;
}

void out_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
	json_object_put(object);
}

static void say(const char *format, va_list arguments)
{
	fflush(stdout);
	fprintf(stderr, "pagewire%s%s: ", command ? " " : "", command ? command : "");
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void out_error(const char *remedy, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	if (remedy)
		fprintf(stderr, "  remedy: %s\n", remedy);
}

void out_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
}

int out_usage_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	fprintf(stderr, "  remedy: see 'pagewire %s%s--help'\n", command ? command : "",
		command ? " " : "");
	return EXIT_USAGE;
}

bool out_flush(void)
{
	/* The stream remembers an earlier failure; errno is that of the last one at best. */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	out_error("make room, or send the output elsewhere", "standard output can't be written: %s",
		  strerror(errno ? errno : EIO));
	return false;
}

const char *out_bytes(char text[OUT_NUMBER_SIZE], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(text, OUT_NUMBER_SIZE, unit ? "%.2f %s" : "%.0f %s", value, units[unit]);
	return text;
}

const char *out_rate(char text[OUT_NUMBER_SIZE], double per_second)
{
	out_bytes(text, per_second < 0 ? 0 : (uint64_t)per_second);
	strcat(text, "/s");
	return text;
}

const char *out_grouped(char text[OUT_NUMBER_SIZE], uint64_t number)
{
	char digits[OUT_NUMBER_SIZE];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	int i, to = 0;

	for (i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			text[to++] = ',';
		text[to++] = digits[i];
	}
	text[to] = 0;
	return text;
}

double out_seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) + (now.tv_nsec - start->tv_nsec) / 1e9;
}

void out_progress_start(struct out_progress *progress, const char *label, uint64_t total,
			bool wanted)
{
	progress->label = label;
	progress->total = total;
	progress->shown = false;
	progress->terminal = wanted && isatty(STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &progress->start);
	progress->last = progress->start;
}

void out_progress_update(struct out_progress *progress, uint64_t bytes)
{
	char bar[BAR_WIDTH + 1], done[OUT_NUMBER_SIZE], rate[OUT_NUMBER_SIZE];
	double elapsed, share;
	int filled;

	/* Ten times a second, and never for a transfer that ends within half a second. */
	if (!progress->terminal || out_seconds_since(&progress->last) < 0.1)
		return;
	elapsed = out_seconds_since(&progress->start);
	if (elapsed < 0.5)
		return;
	clock_gettime(CLOCK_MONOTONIC, &progress->last);

	/* The total may be unknown (0), and a file may grow while it is sent. */
	share = progress->total ? (double)bytes / progress->total : 0;
	share = share > 1 ? 1 : share;
	filled = share * BAR_WIDTH;
	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', filled);
	bar[BAR_WIDTH] = 0;
	out_bytes(done, bytes);
	out_rate(rate, bytes / elapsed);
	if (progress->total)
		fprintf(stderr, "\r\033[K%s [%s] %3.0f %%  %s  %s", progress->label, bar,
			100 * share, done, rate);
	else
		fprintf(stderr, "\r\033[K%s %s  %s", progress->label, done, rate);
	fflush(stderr);
	progress->shown = true;
}

void out_progress_end(struct out_progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
