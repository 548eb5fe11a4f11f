/* SPDX-License-Identifier: GPL-2.0 */
/* chardev: /dev/pagewire. The only code that touches caller memory. */
#ifndef PAGEWIRE_CHARDEV_H
#define PAGEWIRE_CHARDEV_H

int pw_chardev_init(void);
void pw_chardev_exit(void);

#endif /* PAGEWIRE_CHARDEV_H */
