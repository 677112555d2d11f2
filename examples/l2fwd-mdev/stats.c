/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is shown, in 80 columns: on a terminal a table that is redrawn, with the last
 * messages below; elsewhere one line a message, and a block of lines a port each time.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_string_fns.h>

#include "l2fwd_mdev.h"

#define CLEAR_SCREEN "\033[H\033[J"
#define NB_MESSAGES 8
#define MESSAGE_SIZE 160

struct counters {
	uint64_t in, in_bytes, in_dropped;
	uint64_t out, out_bytes, out_dropped;
};

static struct counters before[MAX_PORTS];
static uint64_t before_cycles, start_cycles;
static bool terminal;

/* The last messages, the newest one at the end. */
static struct {
	double when;
	char text[MESSAGE_SIZE];
} messages[NB_MESSAGES];

void
stats_init(void)
{
	terminal = isatty(STDOUT_FILENO) == 1;
	/* a table at once, plain output by lines */
	setvbuf(stdout, NULL, terminal ? _IOFBF : _IOLBF, BUFSIZ);
	start_cycles = before_cycles = rte_get_timer_cycles();
}

static double
seconds_since(uint64_t cycles)
{
	return (double)(rte_get_timer_cycles() - cycles) / rte_get_timer_hz();
}

static void
message_keep(const char *text)
{
	memmove(&messages[0], &messages[1], sizeof(messages) - sizeof(messages[0]));
	messages[NB_MESSAGES - 1].when = seconds_since(start_cycles);
	strlcpy(messages[NB_MESSAGES - 1].text, text, MESSAGE_SIZE);
}

/* stream: where it is printed, or NULL */
__rte_format_printf(3, 0)
static void
message(FILE *stream, const char *prefix, const char *format, va_list args)
{
	char text[MESSAGE_SIZE];

	vsnprintf(text, sizeof(text), format, args);
	if (stream != NULL)
		fprintf(stream, "%s%s\n", prefix, text);
	if (terminal)
		message_keep(text);
}

void
say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(terminal ? NULL : stdout, "", format, args);
	va_end(args);
}

void
complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(stderr, "l2fwd-mdev: ", format, args);
	va_end(args);
}

static void
counters_get(const struct port *port, struct counters *now)
{
	struct rte_eth_stats stats;

	memset(&stats, 0, sizeof(stats));
	if (port->attached)
		rte_eth_stats_get(port->id, &stats);
	now->in = stats.ipackets;
	now->in_bytes = stats.ibytes;
	now->in_dropped = stats.imissed;
	now->out = stats.opackets;
	now->out_bytes = stats.obytes;
	now->out_dropped = shared_get(port->dropped);
}

void
stats_restart(const struct port *port)
{
	counters_get(port, &before[port - ports]);
}

static double
rate(uint64_t now, uint64_t earlier, double seconds)
{
	return now > earlier ? (now - earlier) / seconds : 0;
}

/* Four digits at most, as in 1.23M. */
static const char *
short_number(double number, char text[8])
{
	static const char units[] = { ' ', 'k', 'M', 'G', 'T' };
	unsigned int unit = 0;

	for (; number >= 999.5 && unit < RTE_DIM(units) - 1; unit++)
		number /= 1000;
	snprintf(text, 8, "%.*f%c", unit == 0 || number >= 99.95 ? 0 :
		number >= 9.995 ? 1 : 2, number, units[unit]);
	return text;
}

static const char *
port_mode(const struct port *port)
{
	if (!port->can_sleep)
		return "polling only";
	return port_worker_sleeps(port) ? "sleeping" : "polling";
}

static void
show_row(const char *title, const char *way, double packets, double bits, double dropped)
{
	char text[3][8];

	printf("%-43s %-3s %9s %7s %9s\n", title, way, short_number(packets, text[0]),
		short_number(bits, text[1]), short_number(dropped, text[2]));
}

static void
show_table(const struct port *port, const struct counters *now,
		const struct counters *last, double seconds)
{
	char text[64];

	if (!port->attached) {
		printf("%-36.36s not there\n\n", port->name);
		return;
	}
	snprintf(text, sizeof(text), "%-36.36s %s", port->name,
		port->link_up ? "up" : "down");
	show_row(text, "in", rate(now->in, last->in, seconds),
		rate(now->in_bytes, last->in_bytes, seconds) * 8,
		rate(now->in_dropped, last->in_dropped, seconds));
	snprintf(text, sizeof(text), "  port %u, %s", port->id, port_mode(port));
	show_row(text, "out", rate(now->out, last->out, seconds),
		rate(now->out_bytes, last->out_bytes, seconds) * 8,
		rate(now->out_dropped, last->out_dropped, seconds));
}

static void
show_total(const char *way, double packets, uint64_t total, const char *bits)
{
	printf("  %-7s %12.0f packets/s %21s %17" PRIu64 " in all\n", way, packets, bits, total);
}

static void
show_block(const struct port *port, const struct counters *now,
		const struct counters *last, double seconds)
{
	char bits[32];

	if (!port->attached) {
		printf("%s: not there\n", port->name);
		return;
	}
	printf("%s: port %u, link %s, %s\n", port->name, port->id,
		port->link_up ? "up" : "down", port_mode(port));
	snprintf(bits, sizeof(bits), "%.0f bit/s",
		rate(now->in_bytes, last->in_bytes, seconds) * 8);
	show_total("in", rate(now->in, last->in, seconds), now->in, bits);
	snprintf(bits, sizeof(bits), "%.0f bit/s",
		rate(now->out_bytes, last->out_bytes, seconds) * 8);
	show_total("out", rate(now->out, last->out, seconds), now->out, bits);
	show_total("dropped", rate(now->in_dropped, last->in_dropped, seconds) +
		rate(now->out_dropped, last->out_dropped, seconds),
		now->in_dropped + now->out_dropped, "");
}

void
stats_show(void)
{
	double seconds = seconds_since(before_cycles);
	struct counters now;
	unsigned int i;

	before_cycles = rte_get_timer_cycles();
	if (terminal)
		printf(CLEAR_SCREEN "%-36s %-6s %13s %7s %9s\n", "device", "link",
			"packets/s", "bit/s", "dropped/s");
	for (i = 0; i < MAX_PORTS; i++) {
		if (ports[i].name[0] == '\0')
			continue;
		counters_get(&ports[i], &now);
		if (terminal)
			show_table(&ports[i], &now, &before[i], seconds);
		else
			show_block(&ports[i], &now, &before[i], seconds);
		before[i] = now;
	}
	for (i = 0; terminal && i < NB_MESSAGES; i++) {
		if (messages[i].text[0] != '\0')
			printf("\n%8.1f s  %s", messages[i].when, messages[i].text);
	}
	if (terminal)
		printf("\n");
	fflush(stdout);
}
