/* SPDX-License-Identifier: BSD-3-Clause */

/* dpdk-mdev-mediator: mediated virtio-net devices, by vfio-user and vhost-user. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "ctl.h"
#include "eventfds.h"
#include "log.h"
#include "loop.h"
#include "mediator.h"
#include "notify.h"
#include "options.h"
#include "publish.h"
#include "text.h"

#define EXIT_USAGE 2

struct program {
	struct loop *loop;
	struct publish *publish;
	struct mediator mediator;
	struct ctl *ctl;
	int signal_fd;
	struct loop_fd *signal_lfd;
};

/* Each device, client and region of a client's memory takes fds. */
static void
raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		LOG(WARNING, "the limit of open files stays as it is: %s: see ulimit -n",
			strerror(errno));
}

static void
signal_event(void *arg, uint32_t events)
{
	struct program *program = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(program->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	LOG(INFO, "%s: ending", strsignal(info.ssi_signo));
	loop_stop(program->loop);
}

static int
watch_signals(struct program *program)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	program->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (program->signal_fd < 0)
		return -errno;
	return loop_fd_add(program->loop, program->signal_fd, EPOLLIN, signal_event,
		program, &program->signal_lfd);
}

static void
print_ready(const struct mediator_device *md)
{
	const struct device_conf *conf = device_get_conf(md->device);
	char line[1024], shown[4 * sizeof(conf->backend)];
	struct device_status status;

	device_get_status(md->device, &status);
	snprintf(line, sizeof(line), "mdev:%s: ready, socket %s, backend %s (%s)",
		conf->uuid, md->socket,
		text_printable(conf->backend, shown, sizeof(shown)),
		status.backend ? "connected" : "not connected yet");
	log_line(STDOUT_FILENO, line);
}

/* What everything else needs. Signals come first: an early one is to clean up, too. */
static int
start(struct program *program, const struct options *options)
{
	int ret = -ENOMEM;

	program->signal_fd = -1;
	program->loop = loop_create();
	if (program->loop != NULL)
		ret = watch_signals(program);
	if (ret < 0) {
		LOG(ERR, "cannot start: %s: free memory and files", strerror(-ret));
		return ret;
	}
	ret = publish_open(options->root, options->name, &program->publish);
	if (ret < 0)
		return ret;
	mediator_init(&program->mediator, program->loop, program->publish);
	program->mediator.ready = print_ready;
	return ctl_create(&program->mediator, publish_ctl_path(program->publish),
		CTL_TIME_LIMIT_MS, &program->ctl);
}

/* In reverse; the devices last but one, for they are in the folders. */
static void
end(struct program *program)
{
	ctl_destroy(program->ctl);
	if (program->publish != NULL)
		mediator_fini(&program->mediator);
	publish_close(program->publish);
	loop_fd_del(program->signal_lfd);
	if (program->signal_fd >= 0)
		close(program->signal_fd);
	loop_destroy(program->loop);
}

/* One that cannot be made does not keep the others from it; none of many is a failure. */
static int
add_devices(struct program *program, const struct config *config)
{
	unsigned int i;

	for (i = 0; i < config->count; i++)
		mediator_add(&program->mediator, &config->devices[i]);
	return config->count > 0 && program->mediator.count == 0 ? -ENODEV : 0;
}

static int
serve(struct program *program, struct options *options)
{
	char line[64];
	int ret;

	ret = start(program, options);
	if (ret == 0)
		ret = add_devices(program, &options->config);
	if (ret < 0)
		return ret;
	config_free(&options->config);
	if (program->mediator.count == 0)
		log_line(STDOUT_FILENO, "ready, without devices: ctl add makes one");
	snprintf(line, sizeof(line), "READY=1\nSTATUS=%u devices at the start",
		program->mediator.count);
	ret = notify(line);
	if (ret < 0)
		LOG(WARNING, "NOTIFY_SOCKET: %s: the service manager does not know that this is ready",
			strerror(-ret));
	ret = loop_run(program->loop);
	if (ret < 0)
		LOG(ERR, "the event loop failed: %s: start again", strerror(-ret));
	notify("STOPPING=1");
	return ret;
}

static int
mediator_main(int argc, char **argv)
{
	struct program program = { .loop = NULL };
	struct options options;
	int ret;

	if (!options_mediator(&options, argc, argv))
		return EXIT_USAGE;
	if (options.help || options.version) {
		if (options.help)
			options_print_help();
		else
			printf("dpdk-mdev-mediator %s\n", MEDIATOR_VERSION);
		ret = fflush(stdout);
	} else if (!options_root(&options)) {
		ret = -ENOENT;
	} else {
		if (options.verbose)
			log_set_level(LOG_DEBUG);
		umask(022); /* what is private is made so */
		raise_limits();
		eventfd_prepare();
		ret = serve(&program, &options);
		end(&program);
	}
	config_free(&options.config);
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "ctl") == 0)
		return ctl_main(argc - 1, argv + 1);
	return mediator_main(argc, argv);
}
