/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Layer-2 forwarding between mediated devices, or any others, that come and go while it
 * runs.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "l2fwd_mdev.h"

static volatile sig_atomic_t quit;

static void
signal_handler(int signum __rte_unused)
{
	quit = 1;
	events_wake();
}

static void
signals_catch(void)
{
	struct sigaction action = { .sa_handler = signal_handler };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* The main lcore: what happens is done at once, and what happened shown once a second. 8< */
static void
control_loop(void)
{
	const uint64_t second = rte_get_timer_hz();
	uint64_t next = rte_get_timer_cycles(), now;

	while (!quit) {
		events_handle();
		ports_update_links();
		now = rte_get_timer_cycles();
		if (now >= next) {
			stats_show();
			next = now + second;
		}
		events_wait((next - now) * MS_PER_S / second + 1);
	}
}
/* >8 End of the main lcore's loop. */

/* Everything is released in the reverse order. */
static int
run(void)
{
	int ret;

	ret = ports_init();
	if (ret < 0)
		return ret;
	ret = events_start();
	if (ret < 0) {
		complain("events of devices will not be told: %s", strerror(-ret));
		return ret;
	}
	signals_catch();
	ret = workers_start();
	if (ret == 0)
		ret = ports_attach_all();
	if (ret == 0)
		control_loop();
	ports_close();
	workers_stop();
	events_stop();
	return ret;
}

int
main(int argc, char **argv)
{
	int ret;

	rte_set_application_usage_hook(args_usage);
	ret = rte_eal_init(argc, argv);
	if (ret < 0)
		return EXIT_FAILURE; /* EAL said why */
	stats_init();
	ret = args_parse(argc - ret, argv + ret);
	if (ret == 0 && !args_help)
		ret = run();
	rte_eal_cleanup();
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
