/* SPDX-License-Identifier: GPL-2.0 */
/* debugfs: meters, gauges and live transfers, to read. Nothing depends on it. */
#ifndef PAGEWIRE_DEBUGFS_H
#define PAGEWIRE_DEBUGFS_H

struct pw_label;

/* path/NAME for a new label, unless a path of the module has that file. */
void pw_debugfs_add_label(struct pw_label *label);

void pw_debugfs_init(void);
void pw_debugfs_exit(void);

#endif /* PAGEWIRE_DEBUGFS_H */
