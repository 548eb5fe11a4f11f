/* SPDX-License-Identifier: GPL-2.0 */
/* What `pagewire send` says at its end. */
#ifndef PAGEWIRE_TOOLS_SEND_REPORT_H
#define PAGEWIRE_TOOLS_SEND_REPORT_H

#include "send.h"

struct send_times {
	double taken;	     /* until the socket had taken everything */
	double acknowledged; /* until the peer had acknowledged everything */
	int unacked;	     /* bytes that it never did */
};

void send_report_text(const struct send_order *order, const struct send_report *report,
		      const struct send_times *times, const char *where);
void send_report_json(const struct send_order *order, const struct send_report *report,
		      const struct send_times *times, const char *where);

/* Errors on standard error; returns the exit code. */
int send_report_errors(const struct send_order *order, const struct send_report *report,
		       const struct send_times *times, const char *where);

#endif
