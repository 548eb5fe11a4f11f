/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place that knows kernel versions. Everything else asks for a
 * property by name.
 */
#ifndef PAGEWIRE_COMPAT_H
#define PAGEWIRE_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || \
	LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#error "pagewire supports Linux 6.1 to 6.12"
#endif

#ifndef CONFIG_64BIT
#error "pagewire needs a 64-bit kernel: its counters are 64-bit per-CPU words"
#endif

/*
 * From 6.5 on TCP takes page descriptors through sendmsg(MSG_SPLICE_PAGES).
 * Kernels before that may define the flag without obeying it (6.1.y does), so
 * the version decides, not the macro. Before 6.5 pages go one contiguous
 * piece of a folio at a time, through ->sendpage.
 */
#define PW_SPLICE_PAGES	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0))

/*
 * One descriptor may cover several folios that lie side by side only where
 * the socket takes a reference on each page: sendmsg does, ->sendpage takes
 * one on the first page alone.
 */
#define PW_MERGE_FOLIOS	PW_SPLICE_PAGES

/*
 * Argument n of a function that ftrace stopped at. Kernels before 6.2 have
 * the registers but no name for this.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define pw_ftrace_argument(fregs, n)	ftrace_regs_get_argument(fregs, n)
#else
#define pw_ftrace_argument(fregs, n)	regs_get_kernel_argument(&(fregs)->regs, n)
#endif

#endif /* PAGEWIRE_COMPAT_H */
