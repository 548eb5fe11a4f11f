// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <json-c/json.h>

#include "cmd.h"
#include "dev.h"
#include "out.h"
#include "send_report.h"

#define NR_COPY_REASONS 16

/* A file that was longer when it was opened. */
static bool shrank(const struct send_order *order, const struct send_report *report)
{
	return !report->error && report->bytes < order->expected;
}

static double rate(const struct send_report *report, const struct send_times *times)
{
	return times->acknowledged > 0 ? report->bytes / times->acknowledged : 0;
}

/* A name for the first file, and how many more there are. */
static const char *what(const struct send_order *order, char text[128])
{
	const struct send_piece *first = NULL;
	size_t files = 0, i;

	for (i = 0; i < order->nr_pieces; i++) {
		if (order->pieces[i].file < 0)
			continue;
		if (!files++)
			first = &order->pieces[i];
	}
	if (files == 1)
		snprintf(text, 128, "%s", first->name);
	else
		snprintf(text, 128, "%s and %zu more", first->name, files - 1);
	return text;
}

static void print_share(const char *label, int64_t bytes, uint64_t of)
{
	char human[OUT_NUMBER_SIZE];

	if (bytes < 0)
		out_text("  %-15s n/a (this path can't tell)", label);
	else
		out_text("  %-15s %s (%.1f %%)", label, out_bytes(human, bytes),
			 of ? 100.0 * bytes / of : 0.0);
}

static void print_reasons(uint32_t why)
{
	const char *separator = ": ";
	unsigned int i;

	for (i = 1; i < NR_COPY_REASONS; i++) {
		if (!(why & (1u << i)))
			continue;
		out_text("%s%s", separator, dev_reason(i));
		separator = "; ";
	}
}

void send_report_text(const struct send_order *order, const struct send_report *report,
		      const struct send_times *times, const char *where)
{
	char number[OUT_NUMBER_SIZE], human[OUT_NUMBER_SIZE], name[128];

	if (report->refused)
		return;
	out_text("sent %s bytes (%s) of %s to %s by %s\n", out_grouped(number, report->bytes),
		 out_bytes(human, report->bytes), what(order, name), where, order->path->name);
	out_text("  %-15s %.3f s", "time", times->acknowledged);
	if (!report->error)
		out_text("; the socket had taken everything after %.3f s", times->taken);
	out_text("\n");
	out_text("  %-15s %s\n", "rate", out_rate(human, rate(report, times)));
	out_text("  %-15s %" PRIu64 "\n", "system calls", report->syscalls);
	print_share("by descriptor", report->passed_bytes, report->bytes);
	if (report->has_details)
		out_text(" in %" PRIu64 " descriptors", report->descriptors);
	out_text("\n");
	print_share("copied", report->copied_bytes, report->bytes);
	if (report->has_details && report->copies)
		out_text(" in %" PRIu64 " copies", report->copies);
	print_reasons(report->copied_why);
	out_text("\n");
	if (report->has_details) {
		out_text("  %-15s for the disk %u times, for the socket %u times\n", "waits",
			 report->disk_waits, report->socket_waits);
		out_text("  %-15s %" PRIu64 " hits, %" PRIu64 " misses\n", "page cache",
			 report->cache_hits, report->cache_misses);
	}
	if (report->note)
		out_text("  %-15s %s\n", "note", report->note);
}

static struct json_object *known(bool is_known, uint64_t value)
{
	return is_known ? json_object_new_uint64(value) : NULL;
}

static struct json_object *string_or_null(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

static struct json_object *error_object(const struct send_order *order,
					const struct send_report *report)
{
	struct json_object *error;
	const struct send_piece *piece = NULL;

	if (!report->error)
		return NULL;
	if (report->piece < order->nr_pieces)
		piece = &order->pieces[report->piece];
	error = json_object_new_object();
	json_object_object_add(error, "errno", string_or_null(strerrorname_np(-report->error)));
	json_object_object_add(error, "reason",
			       report->reason ? string_or_null(dev_reason_name(report->reason))
					      : NULL);
	json_object_object_add(error, "segment", known(piece, report->piece));
	json_object_object_add(error, "file", string_or_null(piece ? piece->name : NULL));
	json_object_object_add(error, "file_bytes", known(piece, report->piece_done));
	return error;
}

static struct json_object *reasons_array(uint32_t why)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 1; i < NR_COPY_REASONS; i++)
		if (why & (1u << i))
			json_object_array_add(list, json_object_new_string(dev_reason_name(i)));
	return list;
}

static const char *status_word(const struct send_report *report)
{
	if (!report->error)
		return "ok";
	return report->refused ? "refused" : "ended early";
}

void send_report_json(const struct send_order *order, const struct send_report *report,
		      const struct send_times *times, const char *where)
{
	struct json_object *object = json_object_new_object(), *files = json_object_new_array();
	bool module = report->has_details;
	size_t i;

	for (i = 0; i < order->nr_pieces; i++)
		if (order->pieces[i].file >= 0)
			json_object_array_add(files, json_object_new_string(order->pieces[i].name));
	json_object_object_add(object, "path", json_object_new_string(order->path->name));
	json_object_object_add(object, "files", files);
	json_object_object_add(object, "peer", json_object_new_string(where));
	json_object_object_add(object, "status", json_object_new_string(status_word(report)));
	json_object_object_add(object, "error", error_object(order, report));
	json_object_object_add(object, "bytes", json_object_new_uint64(report->bytes));
	json_object_object_add(object, "short",
			       json_object_new_boolean(order->past_end || shrank(order, report)));
	json_object_object_add(object, "seconds", out_json_double(times->acknowledged));
	json_object_object_add(object, "taken_seconds", out_json_double(times->taken));
	json_object_object_add(object, "bytes_per_second", out_json_double(rate(report, times)));
	json_object_object_add(object, "system_calls", json_object_new_uint64(report->syscalls));
	json_object_object_add(object, "passed_bytes",
			       known(report->passed_bytes >= 0, report->passed_bytes));
	json_object_object_add(object, "copied_bytes",
			       known(report->copied_bytes >= 0, report->copied_bytes));
	json_object_object_add(object, "copied_why",
			       module ? reasons_array(report->copied_why) : NULL);
	json_object_object_add(object, "descriptors", known(module, report->descriptors));
	json_object_object_add(object, "copies", known(module, report->copies));
	json_object_object_add(object, "disk_waits", known(module, report->disk_waits));
	json_object_object_add(object, "socket_waits", known(module, report->socket_waits));
	json_object_object_add(object, "cache_hits", known(module, report->cache_hits));
	json_object_object_add(object, "cache_misses", known(module, report->cache_misses));
	json_object_object_add(object, "note", string_or_null(report->note));
	out_json(object);
}

/* "FILE: why (ERRNO)" for what the module refused or ended. */
static void print_module_error(const struct send_order *order, const struct send_report *report,
			       const char *where)
{
	const struct send_piece *piece = NULL;

	if (report->piece < order->nr_pieces)
		piece = &order->pieces[report->piece];
	if (report->error == -ENOTTY)
		out_error("tool and module differ in age: run 'pagewire doctor'",
			  DEV_NAME ": doesn't know this request");
	else if (report->reason)
		out_error(dev_reason_remedy(report->reason), "%s: %s (%s)",
			  piece ? piece->name : where, dev_reason(report->reason),
			  strerror(-report->error));
	else
		out_error(NULL, "%s: %s", piece ? piece->name : where, strerror(-report->error));
}

static const char *remedy_for(int error)
{
	switch (-error) {
	case EPIPE:
	case ECONNRESET:
		return "the peer closed the connection: look at its side";
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "the network lost the peer: check the route to it";
	case EIO:
		return "look for errors of the disk in the kernel's log";
	}
	return NULL;
}

int send_report_errors(const struct send_order *order, const struct send_report *report,
		       const struct send_times *times, const char *where)
{
	const struct send_piece *piece = NULL;
	char name[128];

	if (report->refused) {
		print_module_error(order, report, where);
		return report->error == -ENOTTY ? EXIT_MISSING : EXIT_REFUSED;
	}
	if (shrank(order, report)) {
		out_error("send it again when nobody changes it",
			  "a file became shorter while it was sent: %" PRIu64 " of %" PRIu64
			  " bytes went out",
			  report->bytes, order->expected);
		return EXIT_PARTIAL;
	}
	if (order->past_end)
		out_note("the range reaches past the end of %s: what is there was sent",
			 what(order, name));
	if (!report->error)
		return EXIT_OK;

	if (report->piece < order->nr_pieces)
		piece = &order->pieces[report->piece];
	if (send_interrupted())
		out_error(NULL, "%s: interrupted by a signal", where);
	else if (report->reason)
		print_module_error(order, report, where);
	else
		out_error(remedy_for(report->error), "%s%s%s: %s", piece ? piece->name : "",
			  piece ? " to " : "", where, strerror(-report->error));
	if (piece)
		out_note("%" PRIu64 " of %" PRIu64 " bytes went out; %s stopped at byte %" PRIu64,
			 report->bytes, order->expected, piece->name,
			 piece->offset + report->piece_done);
	else if (times->unacked)
		out_note("the peer never acknowledged the last %d of %" PRIu64 " bytes",
			 times->unacked, report->bytes);
	return report->bytes || send_interrupted() ? EXIT_PARTIAL : EXIT_FAILED;
}
