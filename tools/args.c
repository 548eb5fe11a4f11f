// SPDX-License-Identifier: GPL-2.0

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "args.h"

bool args_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMGTPE";
	unsigned long long number;
	unsigned int shift = 0;
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || (end[1] && strcasecmp(end + 1, "iB")))
			return false;
		shift = 10 * (unit - units + 1);
	}
	*size = (uint64_t)number << shift;
	return *size >> shift == number;
}

bool args_count(const char *text, unsigned int least, unsigned int *count)
{
	unsigned long number;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *end || number > UINT_MAX || number < least)
		return false;
	*count = number;
	return true;
}

bool args_seconds(const char *text, double *seconds)
{
	char *end;

	if (!isdigit((unsigned char)text[0]) && text[0] != '.')
		return false;
	*seconds = strtod(text, &end);
	return !*end && *seconds > 0 && *seconds <= 1e6;
}
