// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <json-c/json.h>

#include "cmd.h"
#include "hash.h"
#include "net.h"
#include "out.h"

#define BUFFER_SIZE (256 * 1024)

static const char usage[] =
	"Usage: pagewire recv --listen=[ADDR:]PORT [OPTIONS]\n\n"
	"Accepts one connection, takes what the peer sends until it ends, and prints\n"
	"bytes and SHA-256.\n\n"
	"      --listen=[ADDR:]PORT\n"
	"                       where; port 0 picks a free one and prints it\n"
	"      --to=FILE        write it to FILE (with --keep: the last connection's)\n"
	"      --discard        keep nothing; this is the default\n"
	"      --check=FILE     compare it with FILE byte by byte; status 4 if it differs\n"
	"      --no-hash        without SHA-256, which costs time\n"
	"      --keep           serve one connection after another, until a signal\n"
	"      --json           a JSON object when listening, and for each connection\n"
	"  -h, --help           this text\n";

struct recv_options {
	const char *listen, *to, *check;
	bool discard, keep, json, no_hash;
};

/* One connection: where its bytes go, and what came of it. */
struct arrival {
	const struct recv_options *options;
	int socket, to, check;
	char peer[NET_NAME_SIZE], sha256[HASH_HEX_SIZE];
	struct hash *hash;
	uint64_t bytes;
	double seconds;
	bool differs;
	uint64_t difference; /* offset of the first one */
	const char *failed;  /* what error is about: a file, or NULL: the peer */
	int error;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static bool fail(struct arrival *arrival, const char *file)
{
	arrival->failed = file;
	arrival->error = errno;
	return false;
}

static bool store(struct arrival *arrival, const char *bytes, size_t length)
{
	ssize_t written;

	while (length) {
		written = write(arrival->to, bytes, length);
		if (written < 0)
			return fail(arrival, arrival->options->to);
		bytes += written;
		length -= written;
	}
	return true;
}

/* Compares what came with the same bytes of the file, up to the first difference. */
static bool compare(struct arrival *arrival, const char *bytes, size_t length, char *expected)
{
	size_t have = 0, i;
	ssize_t got = 1;

	if (arrival->differs)
		return true;
	while (have < length && got > 0) {
		got = pread(arrival->check, expected + have, length - have, arrival->bytes + have);
		if (got < 0)
			return fail(arrival, arrival->options->check);
		have += got;
	}
	if (have == length && !memcmp(bytes, expected, length))
		return true;
	for (i = 0; i < have && bytes[i] == expected[i]; i++)
		;
	arrival->differs = true;
	arrival->difference = arrival->bytes + i;
	return true;
}

/* Everything that came was in the file: was it all of the file? */
static bool compare_end(struct arrival *arrival)
{
	ssize_t got;
	char byte;

	if (arrival->check < 0 || arrival->differs)
		return true;
	got = pread(arrival->check, &byte, 1, arrival->bytes);
	if (got < 0)
		return fail(arrival, arrival->options->check);
	if (got > 0) {
		arrival->differs = true;
		arrival->difference = arrival->bytes;
	}
	return true;
}

static void take(struct arrival *arrival, struct out_progress *progress)
{
	static char buffer[BUFFER_SIZE], expected[BUFFER_SIZE];
	ssize_t got;

	for (;;) {
		got = interrupted ? (errno = EINTR, -1)
				  : recv(arrival->socket, buffer, sizeof(buffer), 0);
		if (got < 0) {
			fail(arrival, NULL);
			return;
		}
		if (!got)
			break;
		if (arrival->hash)
			hash_add(arrival->hash, buffer, got);
		if (arrival->to >= 0 && !store(arrival, buffer, got))
			return;
		if (arrival->check >= 0 && !compare(arrival, buffer, got, expected))
			return;
		arrival->bytes += got;
		out_progress_update(progress, arrival->bytes);
	}
	compare_end(arrival);
}

static int serve(struct arrival *arrival)
{
	const struct recv_options *options = arrival->options;
	struct out_progress progress;
	struct timespec start;
	struct stat status;

	out_progress_start(&progress, "receiving",
			   options->check && !fstat(arrival->check, &status) ? status.st_size : 0,
			   true);
	if (arrival->to >= 0 &&
	    (lseek(arrival->to, 0, SEEK_SET) < 0 || ftruncate(arrival->to, 0) < 0) &&
	    errno != ESPIPE && errno != EINVAL)
		fail(arrival, options->to);
	arrival->hash = options->no_hash ? NULL : hash_start();
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (!arrival->error)
		take(arrival, &progress);
	arrival->seconds = out_seconds_since(&start);
	if (arrival->hash)
		hash_end(arrival->hash, arrival->sha256);
	out_progress_end(&progress);
	if (arrival->error)
		return arrival->failed ? EXIT_FAILED : EXIT_PARTIAL;
	return arrival->differs ? EXIT_DIFFERS : EXIT_OK;
}

static void report_json(const struct arrival *arrival)
{
	struct json_object *object = json_object_new_object();
	bool checked = arrival->options->check && !arrival->error;

	json_object_object_add(object, "event", json_object_new_string("received"));
	json_object_object_add(object, "peer", json_object_new_string(arrival->peer));
	json_object_object_add(object, "bytes", json_object_new_uint64(arrival->bytes));
	json_object_object_add(object, "seconds", out_json_double(arrival->seconds));
	json_object_object_add(object, "bytes_per_second",
			       out_json_double(arrival->bytes / arrival->seconds));
	json_object_object_add(object, "sha256",
			       arrival->sha256[0] ? json_object_new_string(arrival->sha256) : NULL);
	json_object_object_add(object, "same",
			       checked ? json_object_new_boolean(!arrival->differs) : NULL);
	json_object_object_add(object, "first_difference",
			       arrival->differs ? json_object_new_uint64(arrival->difference)
						: NULL);
	json_object_object_add(
		object, "error",
		arrival->error ? json_object_new_string(strerrorname_np(arrival->error)) : NULL);
	out_json(object);
}

static void report_text(const struct arrival *arrival)
{
	char number[OUT_NUMBER_SIZE], human[OUT_NUMBER_SIZE], speed[OUT_NUMBER_SIZE];

	out_text("received %s bytes (%s) from %s in %.3f s, %s\n",
		 out_grouped(number, arrival->bytes), out_bytes(human, arrival->bytes),
		 arrival->peer, arrival->seconds,
		 out_rate(speed, arrival->bytes / arrival->seconds));
	if (arrival->sha256[0])
		out_text("sha256 %s\n", arrival->sha256);
	if (arrival->options->check && !arrival->error && !arrival->differs)
		out_text("same as %s\n", arrival->options->check);
}

static void report_errors(const struct arrival *arrival)
{
	if (arrival->failed)
		out_error(arrival->error == ENOSPC ? "make room on that file system" : NULL,
			  "%s: %s", arrival->failed, strerror(arrival->error));
	else if (arrival->error == EINTR)
		out_error(NULL, "interrupted by a signal; what came so far is counted above");
	else if (arrival->error)
		out_error("the sender was killed, or the network lost it: look at its side",
			  "%s: %s", arrival->peer, strerror(arrival->error));
	if (arrival->differs)
		out_error("compare the files with cmp(1); was the right one, and all of it, sent?",
			  "what came differs from %s: the first difference is at byte %" PRIu64,
			  arrival->options->check, arrival->difference);
}

static void announce(int listener, bool json)
{
	struct json_object *object;
	char name[NET_NAME_SIZE];

	net_local_name(listener, name);
	if (!json) {
		out_text("listening on %s\n", name);
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "event", json_object_new_string("listening"));
	json_object_object_add(object, "address", json_object_new_string(name));
	json_object_object_add(object, "port", json_object_new_int(net_local_port(listener)));
	out_json(object);
}

/* Serves connections; the worst that happened is the exit code. */
static int serve_all(int listener, const struct recv_options *options, int to, int check)
{
	int worst = EXIT_OK, code;

	do {
		struct arrival arrival = { .options = options, .to = to, .check = check };

		arrival.socket = interrupted ? -EINTR : net_accept(listener, arrival.peer);
		if (arrival.socket == -ECONNABORTED)
			continue;
		if (arrival.socket < 0) {
			/* A signal is how --keep ends. */
			if (interrupted && options->keep)
				return worst;
			out_error(NULL, "%s: %s", options->listen, strerror(-arrival.socket));
			return interrupted ? EXIT_PARTIAL : EXIT_FAILED;
		}
		code = serve(&arrival);
		close(arrival.socket);
		(options->json ? report_json : report_text)(&arrival);
		report_errors(&arrival);
		worst = code ? code : worst;
	} while (options->keep && !interrupted);
	return worst;
}

/* EXIT_OK to go on; -1 when --help was all that was asked. */
static int parse(int argc, char **argv, struct recv_options *to)
{
	static const struct option options[] = { { "listen", required_argument, NULL, 'l' },
						 { "to", required_argument, NULL, 't' },
						 { "discard", no_argument, NULL, 'd' },
						 { "check", required_argument, NULL, 'c' },
						 { "no-hash", no_argument, NULL, 'n' },
						 { "keep", no_argument, NULL, 'k' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		switch (option) {
		case 'l':
			to->listen = optarg;
			break;
		case 't':
			to->to = optarg;
			break;
		case 'd':
			to->discard = true;
			break;
		case 'c':
			to->check = optarg;
			break;
		case 'n':
			to->no_hash = true;
			break;
		case 'k':
			to->keep = true;
			break;
		case 'j':
			to->json = true;
			break;
		case 'h':
			out_text("%s", usage);
			return -1;
		case ':':
			return out_usage_error("'%s' needs a value", argv[optind - 1]);
		default:
			return out_usage_error("unknown option '%s'", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return out_usage_error("unexpected argument '%s'", argv[optind]);
	if (!to->listen)
		return out_usage_error("--listen=[ADDR:]PORT is missing");
	if (!net_valid(to->listen, true))
		return out_usage_error("--listen: '%s' is not [ADDR:]PORT (an IPv6 address takes "
				       "brackets)",
				       to->listen);
	if (!!to->to + !!to->check + to->discard > 1)
		return out_usage_error("--to, --check and --discard exclude each other");
	return EXIT_OK;
}

int cmd_recv(int argc, char **argv)
{
	struct recv_options options = { 0 };
	int code = parse(argc, argv, &options), listener, to = -1, check = -1;
	struct stat status;

	if (code)
		return code < 0 ? EXIT_OK : code;
	if (options.check) {
		check = open(options.check, O_RDONLY | O_CLOEXEC);
		if (check < 0 || fstat(check, &status) < 0 || !S_ISREG(status.st_mode)) {
			out_error("--check takes a regular file", "%s: %s", options.check,
				  check < 0 ? strerror(errno) : "not a regular file");
			return EXIT_FAILED;
		}
	}
	/* Not truncated before a connection is there. */
	if (options.to) {
		to = open(options.to, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
		if (to < 0) {
			out_error(NULL, "%s: %s", options.to, strerror(errno));
			return EXIT_FAILED;
		}
	}
	catch_signals();
	listener = net_listen(options.listen);
	if (listener < 0)
		return EXIT_FAILED;
	announce(listener, options.json);
	return serve_all(listener, &options, to, check);
}
