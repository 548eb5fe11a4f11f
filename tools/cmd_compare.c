// SPDX-License-Identifier: GPL-2.0
/* pagewire compare: all paths beside each other. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "cmd.h"
#include "compare.h"
#include "out.h"

#define MOST_ROUNDS 100000

static const char usage[] =
	"Usage: pagewire compare FILE [OPTIONS]\n\n"
	"Sends FILE over loopback by all paths, alternating round by round, checks what\n"
	"arrives, and shows what each path cost. The paths of user space need no module;\n"
	"with it, as root, copies and switches are counted by its probes and held against\n"
	"what articles on zero-copy say.\n\n"
	"  --sizes LIST    bytes of one transfer: numbers with K, M, G, and 'all' for the\n"
	"                  whole file, with commas between them (all). Smaller ones than\n"
	"                  the file go one after the other, up to 1,024 and 64 MiB in a\n"
	"                  round\n"
	"  --paths LIST    only these paths, with commas between them; ratios need\n"
	"                  sendfile\n"
	"  --repeat N      timed rounds (5)\n"
	"  --hot           read the file first, so that it is in the page cache (default)\n"
	"  --cold          drop the file from the page cache before each transfer, and\n"
	"                  say how much of it stayed\n"
	"  --no-verify     the receiver drops the bytes unread: no check, and less of its\n"
	"                  work in the figures\n"
	"  --json          medians and all samples as a JSON object\n"
	"  --csv           all samples as comma-separated values\n"
	"  -h, --help      this text\n\n"
	"Each path's bytes are compared with the file in an untimed round of its own; in\n"
	"the timed rounds the receiver makes a checksum of them.\n\n"
	"Paths:\n";

enum {
	OPTION_SIZES = 256,
	OPTION_PATHS,
	OPTION_REPEAT,
	OPTION_HOT,
	OPTION_COLD,
	OPTION_NO_VERIFY,
	OPTION_JSON,
	OPTION_CSV
};

static const struct option options[] = {
	{ "sizes", required_argument, NULL, OPTION_SIZES },
	{ "paths", required_argument, NULL, OPTION_PATHS },
	{ "repeat", required_argument, NULL, OPTION_REPEAT },
	{ "hot", no_argument, NULL, OPTION_HOT },
	{ "cold", no_argument, NULL, OPTION_COLD },
	{ "no-verify", no_argument, NULL, OPTION_NO_VERIFY },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "csv", no_argument, NULL, OPTION_CSV },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void help(void)
{
	out_text("%s", usage);
	for (size_t i = 0; i < nr_paths; i++)
		out_text("  %-16s %s\n", paths[i].name, paths[i].summary);
	out_text("\nExit status: 0 all is well, 1 a path failed, 2 wrong usage, 3 a path that was\n"
		 "asked for by name is not available, 4 bytes differ.\n");
}

/* Calls @take for each name of a list with commas between them; stops at EXIT_USAGE. */
static int each(struct comparison *c, char *list, int (*take)(struct comparison *, const char *))
{
	char *state = NULL;
	int code = EXIT_USAGE;

	for (char *name = strtok_r(list, ",", &state); name; name = strtok_r(NULL, ",", &state)) {
		code = take(c, name);
		if (code)
			return code;
	}
	return code ? out_usage_error("an empty list") : EXIT_OK;
}

static int take_size(struct comparison *c, const char *name)
{
	uint64_t size = 0;

	if (strcmp(name, "all") && (!args_size(name, &size) || !size))
		return out_usage_error("--sizes: '%s' is neither a size such as 64K nor 'all'",
				       name);
	if (c->nr_sizes == COMPARE_MAX_SIZES)
		return out_usage_error("--sizes: at most %d sizes", COMPARE_MAX_SIZES);
	c->sizes[c->nr_sizes++] = size;
	return EXIT_OK;
}

static int take_path(struct comparison *c, const char *name)
{
	const struct path *path = path_find(name);

	if (!path)
		return out_usage_error("--paths: there is no path '%s'", name);
	for (size_t i = 0; i < c->nr_paths; i++)
		if (c->paths[i] == path)
			return out_usage_error("--paths: '%s' is named twice", name);
	c->paths[c->nr_paths++] = path;
	return EXIT_OK;
}

static int take_option(struct comparison *c, int option, void (**show)(const struct comparison *))
{
	switch (option) {
	case OPTION_SIZES:
		return each(c, optarg, take_size);
	case OPTION_PATHS:
		c->paths_named = true;
		return each(c, optarg, take_path);
	case OPTION_REPEAT:
		if (!args_count(optarg, 1, &c->repeat) || c->repeat > MOST_ROUNDS)
			return out_usage_error("--repeat: '%s' is not a number from 1 to %d",
					       optarg, MOST_ROUNDS);
		return EXIT_OK;
	case OPTION_HOT:
	case OPTION_COLD:
		c->cold = option == OPTION_COLD;
		return EXIT_OK;
	case OPTION_NO_VERIFY:
		c->verify = false;
		return EXIT_OK;
	case OPTION_JSON:
		*show = compare_json;
		return EXIT_OK;
	default: /* OPTION_CSV */
		*show = compare_csv;
		return EXIT_OK;
	}
}

static bool open_file(struct comparison *c)
{
	struct stat st;

	c->file = open(c->file_name, O_RDONLY | O_CLOEXEC);
	if (c->file < 0) {
		out_error(NULL, "cannot open %s: %s", c->file_name, strerror(errno));
		return false;
	}
	if (fstat(c->file, &st) < 0) {
		out_error(NULL, "cannot stat %s: %s", c->file_name, strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode) || !st.st_size) {
		out_error("give a regular file with some bytes in it", "%s is %s", c->file_name,
			  S_ISREG(st.st_mode) ? "empty" : "not a regular file");
		return false;
	}
	c->file_size = st.st_size;
	return true;
}

int cmd_compare(int argc, char **argv)
{
	void (*show)(const struct comparison *) = compare_table;
	const struct path *chosen[nr_paths];
	struct comparison c = { .paths = chosen, .repeat = 5, .verify = true };
	int option, code;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		if (option == 'h') {
			help();
			return EXIT_OK;
		}
		if (option == '?' || option == ':')
			return out_usage_error(option == '?' ? "unknown option '%s'"
							     : "'%s' needs an argument",
					       argv[optind - 1]);
		code = take_option(&c, option, &show);
		if (code)
			return code;
	}
	if (optind + 1 != argc)
		return out_usage_error("it takes one file");
	c.file_name = argv[optind];
	if (!c.nr_sizes)
		c.nr_sizes = 1;
	for (size_t i = 0; !c.paths_named && i < nr_paths; i++)
		chosen[c.nr_paths++] = &paths[i];

	signal(SIGPIPE, SIG_IGN);
	if (!open_file(&c))
		return EXIT_FAILED;
	code = compare_run(&c);
	if (c.nr_trials)
		show(&c);
	close(c.file);
	return code;
}
