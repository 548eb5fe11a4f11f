// SPDX-License-Identifier: GPL-2.0
/* pagewire: files to sockets by page descriptors, and what it did. */

#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "out.h"

static int cmd_help(int argc, char **argv);

/* The only list of commands: dispatch and help come from it. */
static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "send", cmd_send, "send files to a TCP peer by any path" },
	{ "recv", cmd_recv, "receive, hash and check what a peer sends" },
	{ "compare", cmd_compare, "measure all paths beside each other" },
	{ "observe", cmd_observe, "count what any program copies, passes and switches" },
	{ "stats", cmd_stats, "show the module's counters" },
	{ "reset", cmd_reset, "set the module's counters to zero" },
	{ "doctor", cmd_doctor, "find out what is missing on this machine" },
	{ "version", cmd_version, "versions of tool, module and ABI" },
	{ "help", cmd_help, "this list, or the help of one command" },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void list(void)
{
	size_t i;

	out_text("Usage: pagewire COMMAND [ARGUMENTS]\n\n"
		 "Moves files to sockets inside the kernel by page descriptors, and proves it\n"
		 "with counters.\n\nCommands:\n");
	for (i = 0; i < NR_COMMANDS; i++)
		out_text("  %-9s %s\n", commands[i].name, commands[i].summary);
	out_text("\n'pagewire COMMAND --help' describes one; pagewire(1) describes them all.\n");
}

static int run(const struct command *command, int argc, char **argv)
{
	int code;

	out_command(command->name);
	code = command->run(argc, argv);
	return out_flush() || code != EXIT_OK ? code : EXIT_FAILED;
}

static int cmd_help(int argc, char **argv)
{
	char help_option[] = "--help";
	char *arguments[] = { argv[1], help_option, NULL };
	const struct command *command;

	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		list();
		return EXIT_OK;
	}
	command = find(argv[1]);
	if (!command)
		return out_usage_error("there is no command '%s'", argv[1]);
	return run(command, 2, arguments);
}

int main(int argc, char **argv)
{
	static const struct command help = { "help", cmd_help, NULL };
	const struct command *command;

	if (argc < 2) {
		list();
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return run(&help, 1, argv);
	command = find(!strcmp(argv[1], "--version") ? "version" : argv[1]);
	if (!command)
		return out_usage_error("there is no command '%s'", argv[1]);
	return run(command, argc - 1, argv + 1);
}
