/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that the tool writes. Results go to standard output: text for people,
 * or with --json one object a line. Errors go to standard error as text in
 * either case, so that standard output stays fit for a script.
 */
#ifndef PAGEWIRE_TOOLS_OUT_H
#define PAGEWIRE_TOOLS_OUT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct json_object;

/* Text on standard output, flushed when it ends a line. */
void out_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A number for out_json() with six decimals; the default would show all 17 digits. */
struct json_object *out_json_double(double number);

/* One JSON object as one line on standard output; takes the reference. */
void out_json(struct json_object *object);

/*
 * "pagewire COMMAND: what went wrong" on standard error, and under it what to do about
 * it, unless @remedy is NULL.
 */
void out_error(const char *remedy, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same without "error" weight: something that the reader should know. */
void out_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An error of the command line: points to --help and returns EXIT_USAGE. */
int out_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The name that out_error() puts after "pagewire". */
void out_command(const char *name);

/*
 * False when standard output could not be written (a full disk, a closed pipe), after
 * having told so.
 */
bool out_flush(void);

/* Numbers for people. Each returns @text. */
#define OUT_NUMBER_SIZE 32
const char *out_bytes(char text[OUT_NUMBER_SIZE], uint64_t bytes);    /* "1.50 GiB" */
const char *out_rate(char text[OUT_NUMBER_SIZE], double per_second);  /* "1.50 GiB/s" */
const char *out_grouped(char text[OUT_NUMBER_SIZE], uint64_t number); /* "1,234,567" */

/* A progress bar on standard error; nothing at all if that isn't a terminal. */
struct out_progress {
	const char *label;
	uint64_t total;
	struct timespec start, last;
	bool shown; /* a line stands on the terminal */
	bool terminal;
};

/* @wanted: false never shows it, whatever standard error is. */
void out_progress_start(struct out_progress *progress, const char *label, uint64_t total,
			bool wanted);
void out_progress_update(struct out_progress *progress, uint64_t bytes);
/* Wipes the line, so that what follows starts on a clean one. */
void out_progress_end(struct out_progress *progress);

/* Monotonic clock. */
double out_seconds_since(const struct timespec *start);

#endif
