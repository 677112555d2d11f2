/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_log.h>

#include "captured_log.h"

static FILE *stream;
static char *text;
static size_t size;

RTE_FINI(captured_log_free)
{
	free(text);
}

int
captured_log_start(void)
{
	free(text);
	text = NULL;
	stream = open_memstream(&text, &size);
	if (stream == NULL)
		return -1;
	return rte_openlog_stream(stream);
}

const char *
captured_log_stop(void)
{
	rte_openlog_stream(NULL);
	if (stream != NULL)
		fclose(stream);
	stream = NULL;
	return text;
}

unsigned int
captured_log_lines(const char *word)
{
	unsigned int count = 0;
	const char *line, *end, *found;

	for (line = text; line != NULL && *line != '\0'; line = end + 1) {
		end = strchrnul(line, '\n');
		found = word == NULL ? line : strstr(line, word);
		count += found != NULL && found <= end;
		if (*end == '\0')
			break;
	}
	return count;
}
