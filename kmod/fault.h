/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deliberate faults, each for a build of its own (make module FAULT=byte or
 * FAULT=leak): the test suite has to find them, or it proves nothing.
 */
#ifndef PAGEWIRE_FAULT_H
#define PAGEWIRE_FAULT_H

#include <linux/kconfig.h>

/* A descriptor starts one byte too early. */
#define PW_FAULT_BYTE	__is_defined(PAGEWIRE_FAULT_BYTE)
/* The last folio of a batch keeps its reference. */
#define PW_FAULT_LEAK	__is_defined(PAGEWIRE_FAULT_LEAK)

#endif /* PAGEWIRE_FAULT_H */
