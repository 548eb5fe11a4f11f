// SPDX-License-Identifier: GPL-2.0
/* Vectors of segments with the bytes that they stand for. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "lib.h"

struct vector *vector_new(size_t room)
{
	struct vector *v = calloc(1, sizeof(*v));

	if (!v || !(v->expected = malloc(room)))
		die("%zu bytes of memory", room);
	v->room = room;
	return v;
}

void vector_reset(struct vector *v)
{
	v->nr = 0;
	v->length = v->file_bytes = v->memory_bytes = 0;
	v->is_short = false;
}

static void append(struct vector *v, struct pagewire_segment segment, const uint8_t *bytes,
		   size_t length)
{
	if (v->nr == PAGEWIRE_MAX_SEGMENTS || length > v->room - v->length)
		die("a vector of more than %zu bytes or %u segments", v->room, v->nr);
	v->segments[v->nr++] = segment;
	memcpy(v->expected + v->length, bytes, length);
	v->length += length;
}

void vector_add_file(struct vector *v, const struct testfile *f, uint64_t offset, uint64_t length)
{
	uint64_t there = offset < f->size ? f->size - offset : 0;
	uint64_t sent = length && length < there ? length : there;

	if (length > there)
		v->is_short = true;
	append(v, file_segment(f->fd, offset, length), f->image + (sent ? offset : 0), sent);
	v->file_bytes += sent;
}

void vector_add_memory(struct vector *v, const void *bytes, size_t length)
{
	append(v, memory_segment(bytes, length), bytes, length);
	v->memory_bytes += length;
}

void vector_print(const struct vector *v)
{
	unsigned int i;

	note("%u segments, %zu bytes:", v->nr, v->length);
	for (i = 0; i < v->nr && i < 50; i++) {
		const struct pagewire_segment *s = v->segments + i;

		if (s->kind == PAGEWIRE_SEGMENT_FILE)
			note("  file %d, offset %llu, length %llu", s->fd, s->offset, s->length);
		else
			note("  memory at %#llx, length %llu", s->addr, s->length);
	}
}

void vector_free(struct vector *v)
{
	free(v->expected);
	free(v);
}
