/* SPDX-License-Identifier: GPL-2.0 */
/* The machine that something was measured on, and what that means. */
#ifndef PAGEWIRE_TOOLS_PLACE_H
#define PAGEWIRE_TOOLS_PLACE_H

#include <stdbool.h>

/* What runs the instructions. */
enum place_kind {
	PLACE_MACHINE,	/* no hypervisor to be seen */
	PLACE_VIRTUAL,	/* a hypervisor; instructions at native speed */
	PLACE_EMULATED, /* software emulates the instructions */
	PLACE_UML,	/* User-Mode Linux: native speed, dear system calls */
};

struct place {
	enum place_kind kind;
	char kernel[200];	/* "Linux 6.1.0-40-amd64 x86_64" */
	char cpu[128];		/* model name */
	char hypervisor[16];	/* "KVM", "TCG"; empty if none */
	const char *filesystem; /* of the file */
	int cpus;		/* that this process may use */
};

void place_find(struct place *place, int file);

/* "machine", "virtual", "emulated", "uml" */
const char *place_kind_name(enum place_kind kind);

/* What the kind means for what was measured; NULL if nothing is to be said. */
const char *place_meaning(enum place_kind kind);

#endif
