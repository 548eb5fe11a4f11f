/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/pagewire-limit: see limit.c */
#ifndef _PAGEWIRE_LIMIT_H
#define _PAGEWIRE_LIMIT_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct pagewire_limit_send - PAGEWIRE_LIMIT_IOC_SEND
 * @bytes: in: how much to send; out: how much the socket took
 * @socket: in: a connected, blocking TCP socket
 * @reserved: 0
 */
struct pagewire_limit_send {
	__aligned_u64 bytes;
	__s32 socket;
	__u32 reserved;
};

#define PAGEWIRE_LIMIT_IOC_SEND _IOWR(0xBD, 0xF0, struct pagewire_limit_send)

#endif
