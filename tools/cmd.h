/* SPDX-License-Identifier: GPL-2.0 */
/* The commands, and the exit codes they share. */
#ifndef PAGEWIRE_TOOLS_CMD_H
#define PAGEWIRE_TOOLS_CMD_H

/* Part of the tool's interface, described in pagewire(1): never renumber. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,  /* the operation failed: a file, a connection, an I/O error */
	EXIT_USAGE = 2,	  /* the command line is wrong */
	EXIT_MISSING = 3, /* module, device, debugfs or the permission for it */
	EXIT_DIFFERS = 4, /* what arrived isn't what was expected */
	EXIT_PARTIAL = 5, /* the transfer ended early: part of it went, or a signal came */
	EXIT_REFUSED = 6, /* the module refused the transfer: nothing was sent */
};

/* argv[0] is the name of the command; each returns an enum exit_code. */
int cmd_send(int argc, char **argv);
int cmd_recv(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_observe(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

#endif
