// SPDX-License-Identifier: GPL-2.0
/* All pieces by one call of the module. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev.h"
#include "send.h"

static struct pagewire_segment segment_of(const struct send_piece *piece)
{
	if (piece->file < 0)
		return (struct pagewire_segment){ .kind = PAGEWIRE_SEGMENT_MEMORY,
						  .length = piece->length,
						  .addr = (uintptr_t)piece->memory };
	return (struct pagewire_segment){ .kind = PAGEWIRE_SEGMENT_FILE,
					  .fd = piece->file,
					  .offset = piece->offset,
					  .length = piece->length };
}

void send_by_module(struct send_order *order, struct send_report *report)
{
	struct pagewire_send request = {
		.nr_segments = order->nr_pieces,
		.socket = order->socket,
		.path = !strcmp(order->path->name, "sg") ? PAGEWIRE_PATH_SG : PAGEWIRE_PATH_COPY,
		.flags = order->sg_only ? PAGEWIRE_SEND_SG_ONLY : 0,
		.result.segment = order->nr_pieces,
	};
	struct pagewire_segment *segments = calloc(order->nr_pieces, sizeof(*segments));
	struct pagewire_result *result = &request.result;
	int error;
	size_t i;

	if (!segments) {
		report->error = -ENOMEM;
		return;
	}
	for (i = 0; i < order->nr_pieces; i++)
		segments[i] = segment_of(&order->pieces[i]);
	request.segments = (uintptr_t)segments;

	error = dev_send(order->device, &request);
	free(segments);

	report->syscalls = 1;
	report->refused = error < 0;
	report->error = error ? error : result->status;
	report->piece = result->segment;
	report->piece_done = result->segment_bytes;
	report->reason = result->reason;
	report->bytes = result->bytes;
	report->passed_bytes = result->passed_bytes;
	report->copied_bytes = result->copied_bytes;
	report->has_details = true;
	report->copied_why = result->copied_why;
	report->descriptors = result->descriptors;
	report->copies = result->copies;
	report->disk_waits = result->disk_waits;
	report->socket_waits = result->socket_waits;
	report->cache_hits = result->cache_hits;
	report->cache_misses = result->cache_misses;
}
