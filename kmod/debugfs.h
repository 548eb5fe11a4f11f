/* SPDX-License-Identifier: GPL-2.0 */
/* debugfs: meters, gauges and live transfers, to read. Nothing depends on it. */
#ifndef PAGEWIRE_DEBUGFS_H
#define PAGEWIRE_DEBUGFS_H

void pw_debugfs_init(void);
void pw_debugfs_exit(void);

#endif /* PAGEWIRE_DEBUGFS_H */
