// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "cmd.h"
#include "dev.h"
#include "net.h"
#include "out.h"
#include "sampler.h"
#include "send.h"
#include "send_report.h"

static const char usage[] =
	"Usage: pagewire send FILE... HOST:PORT [OPTIONS]\n\n"
	"Sends files to a TCP peer, in their order over one connection, and ends when the\n"
	"peer has acknowledged every byte.\n\n"
	"      --path=PATH      how the bytes get to the socket; default sg\n"
	"      --offset=BYTES   start there; for a single FILE\n"
	"      --length=BYTES   send no more than that; for a single FILE; 0, the\n"
	"                       default: up to the end\n"
	"      --header=FILE    contents to send first, from memory; also a pipe\n"
	"      --trailer=FILE   the same, last\n"
	"      --sg-only        path sg: fail rather than copy bytes of files\n"
	"      --json           the result as one JSON object\n"
	"  -h, --help           this text\n\n"
	"BYTES take the units K, M, G, T. Paths:\n";

struct send_options {
	const char *path, *header, *trailer, *where;
	char **files;
	int nr_files;
	uint64_t offset, length;
	bool sg_only, json;
};

static void print_usage(void)
{
	size_t i;

	out_text("%s", usage);
	for (i = 0; i < nr_paths; i++)
		out_text("  %-16s %s\n", paths[i].name, paths[i].summary);
}

/* EXIT_OK to go on; -1 when --help was all that was asked. */
static int parse(int argc, char **argv, struct send_options *to)
{
	static const struct option options[] = { { "path", required_argument, NULL, 'p' },
						 { "offset", required_argument, NULL, 'o' },
						 { "length", required_argument, NULL, 'l' },
						 { "header", required_argument, NULL, 'H' },
						 { "trailer", required_argument, NULL, 'T' },
						 { "sg-only", no_argument, NULL, 's' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		switch (option) {
		case 'p':
			to->path = optarg;
			break;
		case 'o':
			if (!args_size(optarg, &to->offset))
				return out_usage_error("--offset: not a number of bytes: '%s'",
						       optarg);
			break;
		case 'l':
			if (!args_size(optarg, &to->length))
				return out_usage_error("--length: not a number of bytes: '%s'",
						       optarg);
			break;
		case 'H':
			to->header = optarg;
			break;
		case 'T':
			to->trailer = optarg;
			break;
		case 's':
			to->sg_only = true;
			break;
		case 'j':
			to->json = true;
			break;
		case 'h':
			print_usage();
			return -1;
		case ':':
			return out_usage_error("'%s' needs a value", argv[optind - 1]);
		default:
			return out_usage_error("unknown option '%s'", argv[optind - 1]);
		}
	}
	to->files = argv + optind;
	to->nr_files = argc - optind - 1;
	if (to->nr_files >= 0)
		to->where = argv[argc - 1];
	return EXIT_OK;
}

static int check(const struct send_options *options, const struct path **path)
{
	*path = path_find(options->path);
	if (!*path)
		return out_usage_error("there is no path '%s'", options->path);
	if (options->nr_files < 1)
		return out_usage_error("give at least one FILE, and HOST:PORT last");
	if (!net_valid(options->where, false))
		return out_usage_error("'%s' is not HOST:PORT (an IPv6 address takes brackets: "
				       "[::1]:9000)",
				       options->where);
	if (options->nr_files > 1 && (options->offset || options->length))
		return out_usage_error("--offset and --length are for a single FILE");
	if (options->sg_only && strcmp(options->path, "sg"))
		return out_usage_error("--sg-only is for --path sg");
	return EXIT_OK;
}

/* The usual limit of open files is below the number that one transfer may have. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* A pipe without a writer must not hang the open; what is read later may block as it likes. */
static int open_file(const char *name, struct stat *status)
{
	int file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (file < 0 || fstat(file, status) < 0 || fcntl(file, F_SETFL, 0) < 0) {
		out_error(errno == ENOENT ? "check the name" : NULL, "%s: %s", name,
			  strerror(errno));
		if (file >= 0)
			close(file);
		return -1;
	}
	return file;
}

static bool add_file(struct send_order *order, struct send_piece *piece, const char *name,
		     const struct send_options *options)
{
	struct stat status;
	uint64_t size;

	piece->name = name;
	piece->file = open_file(name, &status);
	if (piece->file < 0)
		return false;
	/* The module has an own opinion about files, which its users should see. */
	if (!order->path->in_kernel && !S_ISREG(status.st_mode)) {
		out_error("give a regular file; copy a pipe or a device into one first",
			  "%s: not a regular file", name);
		return false;
	}
	size = S_ISREG(status.st_mode) ? status.st_size : 0;
	piece->offset = options->offset;
	piece->length = options->length;
	piece->expected = size > piece->offset ? size - piece->offset : 0;
	if (piece->length && piece->expected > piece->length)
		piece->expected = piece->length;
	if (piece->offset > size || piece->expected < piece->length)
		order->past_end = true;
	order->expected += piece->expected;
	order->nr_pieces++;
	return true;
}

/* Adds as many memory pieces as @name's contents need. */
static bool add_memory(struct send_order *order, struct send_piece *pieces, const char *name)
{
	size_t room = PAGEWIRE_MAX_MEMORY + 1, length, at, part;
	FILE *file = fopen(name, "re");
	char *memory = malloc(room);
	int error = errno;

	if (!file || !memory) {
		out_error(NULL, "%s: %s", name, strerror(error));
		return false;
	}
	length = fread(memory, 1, room, file);
	if (ferror(file) || length == room) {
		error = errno;
		if (ferror(file))
			out_error(NULL, "%s: %s", name, strerror(error));
		else
			out_error("give it as a FILE instead",
				  "%s: a header or trailer may have up to %u bytes", name,
				  PAGEWIRE_MAX_MEMORY);
		fclose(file);
		return false;
	}
	fclose(file);
	for (at = 0; at < length; at += part) {
		part = length - at < PAGEWIRE_MAX_MEMORY_SEGMENT ? length - at
								 : PAGEWIRE_MAX_MEMORY_SEGMENT;
		pieces[order->nr_pieces++] = (struct send_piece){ .name = name,
								  .file = -1,
								  .memory = memory + at,
								  .offset = at,
								  .length = part,
								  .expected = part };
	}
	order->expected += length;
	return true;
}

/* Header, files, trailer; what they hold lives as long as the program. */
static bool add_pieces(struct send_order *order, const struct send_options *options)
{
	size_t most = options->nr_files + 2 * (PAGEWIRE_MAX_MEMORY / PAGEWIRE_MAX_MEMORY_SEGMENT);
	struct send_piece *pieces = calloc(most, sizeof(*pieces));
	int i;

	if (!pieces) {
		out_error(NULL, "%s", strerror(ENOMEM));
		return false;
	}
	order->pieces = pieces;
	if (options->header && !add_memory(order, pieces, options->header))
		return false;
	for (i = 0; i < options->nr_files; i++)
		if (!add_file(order, &pieces[order->nr_pieces], options->files[i], options))
			return false;
	return !options->trailer || add_memory(order, pieces, options->trailer);
}

/* Told before anything goes out. */
static bool available(const struct send_order *order)
{
	const struct path *path = order->path;

	for (size_t i = 0; path->unavailable && i < order->nr_pieces; i++) {
		const struct send_piece *piece = &order->pieces[i];
		const char *reason = piece->file < 0 ? NULL : path->unavailable(piece->file);

		if (reason) {
			out_error("take another --path", "%s: path %s: %s", piece->name, path->name,
				  reason);
			return false;
		}
	}
	return true;
}

static void run(struct send_order *order, struct send_report *report, struct send_times *times)
{
	struct out_progress progress;
	struct sampler *sampler;
	struct timespec start;
	int error;

	send_catch_signals(order->path->in_kernel ? -1 : order->socket);
	out_progress_start(&progress, "sending", order->expected, true);
	sampler = sampler_start(&progress, order->socket);
	clock_gettime(CLOCK_MONOTONIC, &start);
	(order->path->in_kernel ? send_by_module : send_by_user)(order, report);
	times->taken = out_seconds_since(&start);
	if (!report->error) {
		error = net_finish(order->socket);
		times->unacked = error ? net_unacked(order->socket) : 0;
		report->error = error;
	}
	times->acknowledged = out_seconds_since(&start);
	sampler_stop(sampler);
	out_progress_end(&progress);
}

int cmd_send(int argc, char **argv)
{
	struct send_options options = { .path = "sg" };
	struct send_report report = { 0 };
	struct send_order order = { 0 };
	struct send_times times = { 0 };
	int code = parse(argc, argv, &options);

	if (code)
		return code < 0 ? EXIT_OK : code;
	code = check(&options, &order.path);
	if (code)
		return code;
	allow_many_files();
	if (!add_pieces(&order, &options))
		return EXIT_FAILED;
	if (order.path->in_kernel && order.nr_pieces > PAGEWIRE_MAX_SEGMENTS)
		return out_usage_error("%zu pieces (files, and each 64 KiB of header and trailer) "
				       "are too many for one transfer: %d is the limit",
				       order.nr_pieces, PAGEWIRE_MAX_SEGMENTS);
	if (!available(&order))
		return EXIT_MISSING;
	order.sg_only = options.sg_only;
	if (order.path->in_kernel) {
		order.device = dev_open();
		if (order.device < 0) {
			dev_open_error(order.device);
			return EXIT_MISSING;
		}
	}
	order.socket = net_connect(options.where);
	if (order.socket < 0)
		return EXIT_FAILED;

	run(&order, &report, &times);
	if (options.json)
		send_report_json(&order, &report, &times, options.where);
	else
		send_report_text(&order, &report, &times, options.where);
	return send_report_errors(&order, &report, &times, options.where);
}
