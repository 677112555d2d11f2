/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is shown, in 80 columns: on a terminal a table that is redrawn, and above it all that
 * is said meanwhile; elsewhere one line a message, and a block of lines a port each time.
 */

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include <rte_cycles.h>

#include "l2fwd_mdev.h"

/* ECMA-48, and DEC's autowrap: a terminal that is too narrow is to cut lines off */
#define ERASE_LINES "\r\033[%uA\033[J"
#define NO_WRAP "\033[?7l"
#define WRAP "\033[?7h"
#define MESSAGE_SIZE 256

struct counters {
	uint64_t in, in_bytes, in_dropped;
	uint64_t out, out_bytes, out_dropped;
};

static struct counters before[MAX_PORTS];
static uint64_t before_cycles, start_cycles;
static bool terminal;

/*
 * The table as it was composed last. The lock is for it and what is printed on the terminal:
 * drivers print in any thread.
 */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static char *table;
static unsigned int table_lines; /* that are on the terminal */
static bool within_line; /* of what is printed above it */

static void
table_erase(void)
{
	if (table_lines > 0)
		printf(ERASE_LINES, table_lines);
	table_lines = 0;
	fflush(stdout);
}

/* Lines above the cursor. What has scrolled off the terminal cannot be erased. */
static unsigned int
terminal_lines(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ?
		size.ws_row - 1u : UINT_MAX;
}

static void
table_draw(void)
{
	unsigned int max = terminal_lines();
	const char *end;

	if (table == NULL || within_line)
		return;
	for (end = table; *end != '\0' && table_lines < max; end++)
		table_lines += *end == '\n';
	printf(NO_WRAP "%.*s" WRAP, (int)(end - table), table);
	fflush(stdout);
}

/* Above the table, which comes back with the end of the line. */
static ssize_t
stderr_write(void *cookie, const char *text, size_t size)
{
	FILE *stream = cookie;
	const char *end;
	int cancel;

	if (size == 0)
		return 0;
	/* EAL cancels its IPC thread in the end, and says more: not with the lock */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&table_lock);
	table_erase();
	fwrite(text, 1, size, stream);
	fflush(stream);
	end = memrchr(text, '\n', size);
	/* --log-color: the end of a colour comes behind the end of its line */
	within_line = end == NULL || (end + 1 < text + size && end[1] != '\033');
	table_draw();
	pthread_mutex_unlock(&table_lock);
	pthread_setcancelstate(cancel, NULL);
	return size;
}

void
stats_init(void)
{
	const cookie_io_functions_t functions = { .write = stderr_write };
	FILE *above;

	terminal = isatty(STDOUT_FILENO) == 1;
	/* a table at once, plain output by lines */
	setvbuf(stdout, NULL, terminal ? _IOFBF : _IOLBF, BUFSIZ);
	start_cycles = before_cycles = rte_get_timer_cycles();
	if (!terminal || isatty(STDERR_FILENO) != 1)
		return;
	/* Drivers print by EAL's log, to what stderr is at the time. */
	above = fopencookie(stderr, "w", functions);
	if (above != NULL) {
		setvbuf(above, NULL, _IONBF, 0);
		stderr = above;
	}
}

static double
seconds_since(uint64_t cycles)
{
	return (double)(rte_get_timer_cycles() - cycles) / rte_get_timer_hz();
}

void
say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&table_lock);
	if (terminal) {
		table_erase();
		printf("%8.1f s  ", seconds_since(start_cycles));
	}
	vprintf(format, args);
	printf("\n");
	if (terminal) {
		fflush(stdout);
		table_draw();
	}
	pthread_mutex_unlock(&table_lock);
	va_end(args);
}

void
complain(const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "l2fwd-mdev: %s\n", text);
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
show_row(FILE *out, const char *title, const char *way, double packets, double bits,
		double dropped)
{
	char text[3][8];

	fprintf(out, "%-43s %-3s %9s %7s %9s\n", title, way,
		short_number(packets, text[0]), short_number(bits, text[1]),
		short_number(dropped, text[2]));
}

static void
show_table(FILE *out, const struct port *port, const struct counters *now,
		const struct counters *last, double seconds)
{
	char text[64];

	if (!port->attached) {
		fprintf(out, "%-36.36s not there\n\n", port->name);
		return;
	}
	snprintf(text, sizeof(text), "%-36.36s %s", port->name,
		port->link_up ? "up" : "down");
	show_row(out, text, "in", rate(now->in, last->in, seconds),
		rate(now->in_bytes, last->in_bytes, seconds) * 8,
		rate(now->in_dropped, last->in_dropped, seconds));
	snprintf(text, sizeof(text), "  port %u, %s", port->id, port_mode(port));
	show_row(out, text, "out", rate(now->out, last->out, seconds),
		rate(now->out_bytes, last->out_bytes, seconds) * 8,
		rate(now->out_dropped, last->out_dropped, seconds));
}

static void
show_total(FILE *out, const char *way, double packets, uint64_t total, const char *bits)
{
	fprintf(out, "  %-7s %12.0f packets/s %21s %17" PRIu64 " in all\n", way, packets, bits,
		total);
}

static void
show_block(FILE *out, const struct port *port, const struct counters *now,
		const struct counters *last, double seconds)
{
	char bits[32];

	if (!port->attached) {
		fprintf(out, "%s: not there\n", port->name);
		return;
	}
	fprintf(out, "%s: port %u, link %s, %s\n", port->name, port->id,
		port->link_up ? "up" : "down", port_mode(port));
	snprintf(bits, sizeof(bits), "%.0f bit/s",
		rate(now->in_bytes, last->in_bytes, seconds) * 8);
	show_total(out, "in", rate(now->in, last->in, seconds), now->in, bits);
	snprintf(bits, sizeof(bits), "%.0f bit/s",
		rate(now->out_bytes, last->out_bytes, seconds) * 8);
	show_total(out, "out", rate(now->out, last->out, seconds), now->out, bits);
	show_total(out, "dropped", rate(now->in_dropped, last->in_dropped, seconds) +
		rate(now->out_dropped, last->out_dropped, seconds),
		now->in_dropped + now->out_dropped, "");
}

static void
show_ports(FILE *out)
{
	double seconds = seconds_since(before_cycles);
	struct counters now;
	unsigned int i;

	before_cycles = rte_get_timer_cycles();
	for (i = 0; i < MAX_PORTS; i++) {
		if (ports[i].name[0] == '\0')
			continue;
		counters_get(&ports[i], &now);
		if (terminal)
			show_table(out, &ports[i], &now, &before[i], seconds);
		else
			show_block(out, &ports[i], &now, &before[i], seconds);
		before[i] = now;
	}
}

void
stats_show(void)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!terminal) {
		show_ports(stdout);
		return;
	}
	/* without the lock: drivers that are asked for statistics may print, too */
	out = open_memstream(&text, &size);
	if (out == NULL)
		return;
	fprintf(out, "\n%-36s %-6s %13s %7s %9s\n", "device", "link", "packets/s", "bit/s",
		"dropped/s");
	show_ports(out);
	if (fclose(out) != 0) {
		free(text);
		return;
	}
	pthread_mutex_lock(&table_lock);
	table_erase();
	free(table);
	table = text;
	table_draw();
	pthread_mutex_unlock(&table_lock);
}
