// SPDX-License-Identifier: GPL-2.0

#include <getopt.h>

#include "cmd.h"
#include "meters.h"
#include "out.h"

static const char usage[] =
	"Usage: pagewire reset\n\n"
	"Sets the module's counters to zero. What is in flight stays as it is: gauges are\n"
	"not counters. Needs root.\n\n"
	"  -h, --help   this text\n";

int cmd_reset(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int option, error;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option != 'h')
			return out_usage_error("unknown option '%s'", argv[optind - 1]);
		out_text("%s", usage);
		return EXIT_OK;
	}
	if (optind < argc)
		return out_usage_error("unexpected argument '%s'", argv[optind]);

	error = meters_reset();
	if (error) {
		meters_error(error);
		return EXIT_MISSING;
	}
	return EXIT_OK;
}
