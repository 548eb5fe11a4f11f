// SPDX-License-Identifier: GPL-2.0
/* pagewire observe: tags a process, waits, and shows what was counted. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "args.h"
#include "cmd.h"
#include "dev.h"
#include "observe.h"
#include "out.h"
#include "path.h"
#include "seen.h"

static const char usage[] =
	"Usage: pagewire observe [OPTIONS] [--] COMMAND [ARG...]\n"
	"       pagewire observe [OPTIONS] --pid PID\n\n"
	"Counts what COMMAND, or a process that runs, has the kernel do: bytes copied and\n"
	"passed by descriptor, system calls, switches, reads from disks. Ends with the\n"
	"command or the process, or with Ctrl-C, and says what that means. Needs root and\n"
	"the module.\n\n"
	"      --pid=PID           a process with all its threads\n"
	"      --label=NAME        count under this name in debugfs (the command's name,\n"
	"                          or pid-PID); those that have one name at a time are\n"
	"                          counted together\n"
	"      --no-children       leave out the processes that it forks from now on\n"
	"      --interval=SECONDS  show meanwhile what was counted since the last line\n"
	"      --output=FILE       write all this there; standard output is left to the\n"
	"                          command\n"
	"      --json              JSON objects, one a line\n"
	"  -h, --help              this text\n\n"
	"Exit status: that of COMMAND, 128 + N if signal N ended it, 126 or 127 if it\n"
	"can't be run or isn't there. Before it runs, and with --pid: as the other\n"
	"commands.\n";

struct observe_options {
	const char *label, *output;
	pid_t pid;
	bool children, json;
	double interval;
	char **command;
};

/* A process under observation. */
struct watched {
	struct observation seen;
	int device, pidfd;
	bool settles; /* it ended: what it left in sockets is on its way */
	struct timespec started;
	struct meters before, last;
	struct meters_place places_before[METERS_MAX_PLACES];
	int nr_places_before;
};

/* What the child could not do. */
struct failure {
	bool tagging;
	int error;
};

static struct {
	volatile sig_atomic_t interrupted;
	volatile sig_atomic_t child; /* gets what was meant for the two of us; 0: none */
} signals;

/* What comes from a terminal goes to the command by itself. */
static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!signals.child)
		signals.interrupted = 1;
	else if (info->si_code <= 0)
		kill(signals.child, number);
}

static const int caught[] = { SIGINT, SIGTERM };

#define NR_CAUGHT (sizeof(caught) / sizeof(caught[0]))

/* They arrive in ppoll() only, with the mask that was before. */
static void catch_signals(struct sigaction *old, sigset_t *mask)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < NR_CAUGHT; i++)
		sigaddset(&blocked, caught[i]);
	sigprocmask(SIG_BLOCK, &blocked, mask);
	for (size_t i = 0; i < NR_CAUGHT; i++)
		sigaction(caught[i], &action, &old[i]);
}

/* The child tags itself: so nothing of its own is counted before the command. */
static void run_child(const struct observe_options *options, const char *label, int device,
		      int report, const struct sigaction *old, const sigset_t *mask)
{
	struct failure failure = { .tagging = true };

	for (size_t i = 0; i < NR_CAUGHT; i++)
		sigaction(caught[i], &old[i], NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	failure.error = dev_tag(device, label, 0, options->children);
	if (!failure.error) {
		failure.tagging = false;
		execvp(options->command[0], options->command);
		failure.error = -errno;
	}
	if (write(report, &failure, sizeof(failure)) < 0)
		_exit(EXIT_FAILED);
	_exit(EXIT_FAILED);
}

static int tell_failure(const struct failure *failure, const char *label, const char *command,
			pid_t pid)
{
	if (failure->tagging) {
		dev_tag_error(failure->error, label, pid);
		return EXIT_MISSING;
	}
	out_error(failure->error == -ENOENT ? "check its spelling and PATH" : NULL,
		  "cannot run %s: %s", command, strerror(-failure->error));
	return failure->error == -ENOENT ? 127 : 126;
}

/* EXIT_OK when the command runs and is counted. */
static int start_command(struct watched *w, const struct observe_options *options,
			 const struct sigaction *old, const sigset_t *mask)
{
	struct failure failure;
	int report[2];
	ssize_t n;

	if (pipe2(report, O_CLOEXEC) < 0 || (w->seen.pid = fork()) < 0) {
		out_error(NULL, "cannot start a process: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (!w->seen.pid)
		run_child(options, w->seen.label, w->device, report[1], old, mask);
	close(report[1]);
	do
		n = read(report[0], &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	close(report[0]);
	if (n == sizeof(failure)) {
		waitpid(w->seen.pid, NULL, 0);
		return tell_failure(&failure, w->seen.label, options->command[0], w->seen.pid);
	}
	signals.child = w->seen.pid;
	return EXIT_OK;
}

static int start_pid(struct watched *w, const struct observe_options *options)
{
	int err;

	w->seen.pid = options->pid;
	/* First, so that it is this process that the tag is for. */
	w->pidfd = pidfd_open(options->pid, 0);
	err = w->pidfd < 0 ? -ESRCH
			   : dev_tag(w->device, w->seen.label, options->pid, options->children);
	if (!err)
		return EXIT_OK;
	dev_tag_error(err, w->seen.label, options->pid);
	return err == -ESRCH ? EXIT_FAILED : err == -EINVAL ? EXIT_USAGE : EXIT_MISSING;
}

/* A label that is new has no counters yet. */
static int read_counts(const char *label, struct meters *meters)
{
	int err = meters_read_path(label, meters);

	return err == -ENOENT ? 0 : err;
}

static int show_interval(struct watched *w, bool json)
{
	struct meters now, delta;
	int err = meters_read_path(w->seen.label, &now);

	if (err)
		return err;
	meters_delta(&w->last, &now, &delta);
	(json ? observe_interval_json : observe_interval_text)(out_seconds_since(&w->started),
							       &delta);
	w->last = now;
	return 0;
}

/* Until the process ends or a signal comes. 0 or -errno of reading counters. */
static int watch(struct watched *w, const struct observe_options *options, const sigset_t *mask)
{
	struct timespec pause = { .tv_sec = options->interval,
				  .tv_nsec =
					  (options->interval - (time_t)options->interval) * 1e9 };
	struct pollfd pollfd = { .fd = w->pidfd, .events = POLLIN };
	int n, err = 0;

	if (options->interval && !options->json)
		observe_interval_heading();
	while (!signals.interrupted && !err) {
		n = ppoll(&pollfd, 1, options->interval ? &pause : NULL, mask);
		if (n > 0) {
			w->settles = true;
			break;
		}
		if (n == 0)
			err = show_interval(w, options->json);
	}
	w->seen.seconds = out_seconds_since(&w->started);
	return err;
}

/* Sets how it ended, and the status that goes to the caller. */
static int reap(struct watched *w)
{
	int status;

	if (!w->seen.command) {
		w->seen.ended = w->settles ? "exited" : "interrupted";
		w->seen.status = -1;
		return EXIT_OK;
	}
	waitpid(w->seen.pid, &status, 0);
	signals.child = 0;
	w->seen.ended = WIFSIGNALED(status) ? "killed" : "exited";
	w->seen.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return w->seen.status;
}

/* An ended process may have left bytes in its sockets: wait while they still go out. */
static int read_end(struct watched *w)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct meters now;
	int64_t sent = -1;
	int err;

	for (int i = 0; i < 20; i++) {
		err = meters_read_path(w->seen.label, &now);
		if (err || !w->settles || seen_sent(&now) == sent)
			break;
		sent = seen_sent(&now);
		nanosleep(&pause, NULL);
	}
	meters_delta(&w->before, &now, &w->seen.counts);
	return err;
}

/* Takes off what places had before. */
static void subtract_places(struct watched *w)
{
	struct observation *o = &w->seen;
	int kept = 0;

	for (int i = 0; i < o->nr_places; i++) {
		struct meters_place place = o->places[i];

		for (int j = 0; j < w->nr_places_before; j++) {
			const struct meters_place *was = &w->places_before[j];

			if (strcmp(was->function, place.function) || was->calls > place.calls)
				continue;
			place.calls -= was->calls;
			place.bytes -= was->bytes;
		}
		if (place.calls)
			o->places[kept++] = place;
	}
	o->nr_places = kept;
	meters_sort_places(o->places, kept);
}

static int read_before(struct watched *w)
{
	int err = read_counts(w->seen.label, &w->before);

	w->last = w->before;
	if (!err)
		w->nr_places_before = meters_places(w->seen.label, w->places_before);
	return err ? err : w->nr_places_before < 0 ? w->nr_places_before : 0;
}

static int read_after(struct watched *w)
{
	int err = read_end(w);

	if (!err)
		w->seen.nr_places = meters_places(w->seen.label, w->seen.places);
	if (err || w->seen.nr_places < 0)
		return err ? err : w->seen.nr_places;
	subtract_places(w);
	return 0;
}

static int observe(struct watched *w, const struct observe_options *options)
{
	struct sigaction old[NR_CAUGHT];
	sigset_t mask;
	int code, err = read_before(w);

	if (err) {
		meters_error(err);
		return EXIT_MISSING;
	}
	catch_signals(old, &mask);
	code = options->command ? start_command(w, options, old, &mask) : start_pid(w, options);
	if (code)
		return code;
	clock_gettime(CLOCK_MONOTONIC, &w->started);
	if (options->command)
		w->pidfd = pidfd_open(w->seen.pid, 0);
	if (options->output && !freopen(options->output, "we", stdout)) {
		out_error(NULL, "cannot write %s: %s", options->output, strerror(errno));
		return EXIT_FAILED;
	}
	err = watch(w, options, &mask);
	code = reap(w);
	if (!err)
		err = read_after(w);
	if (err) {
		meters_error(err);
		return code ? code : EXIT_MISSING;
	}
	(options->json ? observe_json : observe_text)(&w->seen);
	return code;
}

/* EXIT_OK when the module, its probes and its counters can be used. */
static int open_device(int *device)
{
	struct pagewire_features features;
	enum meters_state state = meters_state();
	int err;

	if (state != METERS_READABLE) {
		meters_error(0);
		return EXIT_MISSING;
	}
	*device = dev_open();
	if (*device < 0) {
		dev_open_error(*device);
		return EXIT_MISSING;
	}
	err = dev_features(*device, &features);
	if (!err && features.features & PAGEWIRE_FEATURE_TAG)
		return EXIT_OK;
	dev_tag_error(err || features.abi < PAGEWIRE_ABI ? -ENOTTY : -EOPNOTSUPP, "", 0);
	return EXIT_MISSING;
}

static void default_label(const struct observe_options *options, char label[PAGEWIRE_LABEL_MAX])
{
	const char *name;

	if (!options->command) {
		snprintf(label, PAGEWIRE_LABEL_MAX, "pid-%d", (int)options->pid);
		return;
	}
	name = strrchr(options->command[0], '/');
	snprintf(label, PAGEWIRE_LABEL_MAX, "%s", name ? name + 1 : options->command[0]);
	for (char *c = label; *c; c++)
		if ((!isalnum((unsigned char)*c) && !strchr("-_.:", *c)) ||
		    (c == label && *c == '.'))
			*c = '_';
}

static bool label_ok(const char *label)
{
	size_t length = strlen(label);

	if (!length || length >= PAGEWIRE_LABEL_MAX || label[0] == '.')
		return false;
	for (; *label; label++)
		if (!isalnum((unsigned char)*label) && !strchr("-_.:", *label))
			return false;
	return true;
}

static int take_option(struct observe_options *to, int option, const char *argument)
{
	unsigned int number;

	switch (option) {
	case 'p':
		if (!args_count(optarg, 1, &number) || number > INT_MAX)
			return out_usage_error("--pid: not the number of a process: '%s'", optarg);
		to->pid = number;
		return EXIT_OK;
	case 'l':
		to->label = optarg;
		return EXIT_OK;
	case 'n':
		to->children = false;
		return EXIT_OK;
	case 'i':
		if (!args_seconds(optarg, &to->interval))
			return out_usage_error("--interval: not a number of seconds: '%s'", optarg);
		return EXIT_OK;
	case 'o':
		to->output = optarg;
		return EXIT_OK;
	case 'j':
		to->json = true;
		return EXIT_OK;
	case ':':
		return out_usage_error("'%s' needs a value", argument);
	default:
		return out_usage_error("unknown option '%s'", argument);
	}
}

static int parse(int argc, char **argv, struct observe_options *to)
{
	static const struct option options[] = { { "pid", required_argument, NULL, 'p' },
						 { "label", required_argument, NULL, 'l' },
						 { "no-children", no_argument, NULL, 'n' },
						 { "interval", required_argument, NULL, 'i' },
						 { "output", required_argument, NULL, 'o' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	int option, code;

	opterr = 0;
	/* The first word that is no option is the command: what follows is for it. */
	while ((option = getopt_long(argc, argv, "+:h", options, NULL)) >= 0) {
		if (option == 'h') {
			out_text("%s", usage);
			return -1;
		}
		code = take_option(to, option, argv[optind - 1]);
		if (code)
			return code;
	}
	if (optind < argc)
		to->command = argv + optind;
	if (!to->command == !to->pid)
		return out_usage_error("it takes either a command or --pid");
	if (to->label && !label_ok(to->label))
		return out_usage_error("--label: '%s' is not 1 to %d letters, digits and -_.:, or "
				       "begins with a dot",
				       to->label, PAGEWIRE_LABEL_MAX - 1);
	return EXIT_OK;
}

int cmd_observe(int argc, char **argv)
{
	struct observe_options options = { .children = true };
	static struct watched watched = { .pidfd = -1 };
	char label[PAGEWIRE_LABEL_MAX];
	int code = parse(argc, argv, &options);

	if (code)
		return code < 0 ? EXIT_OK : code;
	if (!options.label) {
		default_label(&options, label);
		options.label = label;
	}
	/* There the module's own counters of transfers have these names. */
	if (path_find(options.label) && path_find(options.label)->in_kernel)
		return out_usage_error("'%s' is a path of the module: give another --label",
				       options.label);
	code = open_device(&watched.device);
	if (code)
		return code;
	watched.seen.label = options.label;
	watched.seen.command = options.command;
	code = observe(&watched, &options);
	if (watched.pidfd >= 0)
		close(watched.pidfd);
	close(watched.device);
	return code;
}
