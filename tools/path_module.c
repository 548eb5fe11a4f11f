// SPDX-License-Identifier: GPL-2.0
/*
 * The module's paths behind the interface of all paths: one segment, one
 * ioctl. What was copied and passed is what the module says.
 */
#include <errno.h>
#include <unistd.h>

#include <linux/pagewire.h>

#include "dev.h"
#include "path_io.h"

/* Opened by the first transfer and kept, as a server keeps it. */
static int device = -1;

static const char *result_note(const struct pagewire_result *result)
{
	unsigned int reason;

	if (result->reason != PAGEWIRE_WHY_NONE)
		return dev_reason(result->reason);
	if (result->flags & PAGEWIRE_RESULT_SHORT)
		return "the file ended before the range that was asked for";
	for (reason = PAGEWIRE_WHY_FILESYSTEM; reason <= PAGEWIRE_WHY_TLS; reason++)
		if (result->copied_why & 1u << reason)
			return dev_reason(reason);
	return NULL;
}

/* Runs one transfer of the next bytes. 0 to go on, 1 at the end of the file, or -errno. */
static int send_some(const struct path_job *job, struct path_outcome *out, enum pagewire_path path)
{
	uint64_t limit = job->progress ? PATH_WATCHED_CALL : UINT64_MAX;
	uint64_t left = path_left(job, out);
	struct pagewire_segment segment = {
		.kind = PAGEWIRE_SEGMENT_FILE,
		.fd = job->file,
		.offset = job->offset + out->bytes,
		.length = left < limit ? left : limit,
	};
	struct pagewire_send request = {
		.segments = (uintptr_t)&segment,
		.nr_segments = 1,
		.socket = job->socket,
		.path = path,
		.flags = job->more || segment.length < left ? PAGEWIRE_SEND_MORE : 0,
	};
	const struct pagewire_result *result = &request.result;
	int err;

	out->syscalls++;
	err = dev_send(device, &request);
	if (err != -ENOTTY)
		out->note = result_note(result);
	if (err)
		return err;
	out->copied_bytes += result->copied_bytes;
	out->passed_bytes += result->passed_bytes;
	path_sent(job, out, result->bytes);
	if (result->status)
		return path_retry(job->socket, result->status, out);
	return result->flags & PAGEWIRE_RESULT_SHORT ? 1 : 0;
}

static int send_all(const struct path_job *job, struct path_outcome *out, enum pagewire_path path)
{
	int err = 0;

	out->copied_bytes = 0;
	out->passed_bytes = 0;
	if (device < 0) {
		out->syscalls++;
		device = dev_open();
		if (device < 0)
			return device;
	}
	while (!err && path_left(job, out))
		err = send_some(job, out, path);
	return err < 0 ? err : 0;
}

int path_module_copy(const struct path_job *job, struct path_outcome *out)
{
	return send_all(job, out, PAGEWIRE_PATH_COPY);
}

int path_module_sg(const struct path_job *job, struct path_outcome *out)
{
	return send_all(job, out, PAGEWIRE_PATH_SG);
}
