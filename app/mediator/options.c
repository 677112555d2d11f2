/* SPDX-License-Identifier: BSD-3-Clause */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "instance.h"
#include "log.h"
#include "options.h"
#include "publish.h"
#include "text.h"

static const char help[] =
"dpdk-mdev-mediator: mediated virtio-net devices for DPDK, without the kernel's help\n"
"\n"
"  dpdk-mdev-mediator [OPTION]...\n"
"      --root DIR         publish below DIR (/run/mdev; not as root:\n"
"                         $XDG_RUNTIME_DIR/mdev)\n"
"      --name INSTANCE    name of this mediator below it (" PUBLISH_DEFAULT_NAME ")\n"
"      --config FILE      devices, a SPEC a line, # begins a comment\n"
"      --device SPEC      a device; may be given again\n"
"      --verbose          say more\n"
"      --version\n"
"      --help\n"
"  dpdk-mdev-mediator ctl [--root DIR] [--name INSTANCE] [--timeout SECONDS] COMMAND\n"
"      list               a line for each device\n"
"      show UUID          all that is known of one\n"
"      add SPEC           one more; prints its UUID\n"
"      remove UUID        end one, whoever uses it, who has SECONDS (5) to let go;\n"
"                         --timeout 0: at once\n"
"\n"
"SPEC: uuid=<uuid>|auto,backend=<vhost-user socket>[,listen][,queues=N][,ring=N]\n"
"      [,mac=xx:xx:xx:xx:xx:xx][,mtu=N][,speed=Mbit/s][,packed=off]\n"
"      [,doorbell=eventfd|page|message][,without=FEATURE+FEATURE...][,numa=N]\n";

enum {
	OPT_ROOT = 256,
	OPT_NAME,
	OPT_HELP,
	OPT_CONFIG,
	OPT_DEVICE,
	OPT_VERBOSE,
	OPT_VERSION,
	OPT_TIMEOUT,
};

#define CTL_OPTIONS \
	{ "root", required_argument, NULL, OPT_ROOT }, \
	{ "name", required_argument, NULL, OPT_NAME }, \
	{ "help", no_argument, NULL, OPT_HELP }

static const struct option mediator_options[] = {
	CTL_OPTIONS,
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const struct option ctl_options[] = {
	CTL_OPTIONS,
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ NULL, 0, NULL, 0 },
};

void
options_print_help(void)
{
	fputs(help, stdout);
}

static bool
set_root(struct options *options, const char *value)
{
	char shown[TEXT_SHOWN_LEN];

	if (value[0] != '\0' && strlen(value) < sizeof(options->root)) {
		strcpy(options->root, value);
		return true;
	}
	LOG(ERR, "--root %s: not a path: give a folder",
		text_printable(value, shown, sizeof(shown)));
	return false;
}

static bool
set_name(struct options *options, const char *value)
{
	char shown[TEXT_SHOWN_LEN];

	if (instance_name_ok(value)) {
		options->name = value;
		return true;
	}
	LOG(ERR, "--name %s: not a name: give 1 to %d letters, digits, and . _ - within, but not %s",
		text_printable(value, shown, sizeof(shown)), INSTANCE_NAME_LEN - 1,
		INSTANCE_DEVICES);
	return false;
}

static bool
add_devices(struct options *options, int option, const char *value)
{
	char error[CONFIG_ERROR_LEN];
	int ret;

	if (option == OPT_CONFIG)
		ret = config_file(&options->config, value, error);
	else
		ret = config_add(&options->config, "--device", value, error);
	if (ret < 0)
		LOG(ERR, "%s", error);
	return ret == 0;
}

static bool
set_timeout(struct options *options, const char *value)
{
	char shown[TEXT_SHOWN_LEN];

	options->has_timeout = true;
	if (text_number(value, 0, CTL_REMOVE_MAX_MS / 1000, &options->timeout))
		return true;
	LOG(ERR, "--timeout %s: not a time: give 0 to %d seconds",
		text_printable(value, shown, sizeof(shown)), CTL_REMOVE_MAX_MS / 1000);
	return false;
}

static bool
set_option(struct options *options, int option, const char *value)
{
	switch (option) {
	case OPT_ROOT:
		return set_root(options, value);
	case OPT_NAME:
		return set_name(options, value);
	case OPT_HELP:
		options->help = true;
		return true;
	case OPT_VERBOSE:
		options->verbose = true;
		return true;
	case OPT_VERSION:
		options->version = true;
		return true;
	case OPT_TIMEOUT:
		return set_timeout(options, value);
	default:
		return add_devices(options, option, value);
	}
}

/* Options come before what is none. */
static bool
parse(struct options *options, int argc, char **argv, const struct option *known)
{
	char shown[TEXT_SHOWN_LEN];
	bool ok = true;
	int option, at;

	memset(options, 0, sizeof(*options));
	options->name = PUBLISH_DEFAULT_NAME;
	config_init(&options->config);
	opterr = 0;
	optind = 0;
	while (ok) {
		at = optind == 0 ? 1 : optind;
		option = getopt_long(argc, argv, "+:", known, NULL);
		if (option < 0)
			break;
		if (option == '?' || option == ':') {
			LOG(ERR, "%s: %s; see --help", text_printable(argv[at], shown,
				sizeof(shown)), option == ':' ? "needs a value" :
				"unknown option, or one with a value that takes none");
			ok = false;
		} else {
			ok = set_option(options, option, optarg);
		}
	}
	if (!ok)
		config_free(&options->config);
	options->rest = optind;
	return ok;
}

bool
options_mediator(struct options *options, int argc, char **argv)
{
	char shown[TEXT_SHOWN_LEN];

	if (!parse(options, argc, argv, mediator_options))
		return false;
	if (options->rest == argc)
		return true;
	LOG(ERR, "%s: not an option; see --help",
		text_printable(argv[options->rest], shown, sizeof(shown)));
	config_free(&options->config);
	return false;
}

bool
options_ctl(struct options *options, int argc, char **argv)
{
	return parse(options, argc, argv, ctl_options);
}

bool
options_root(struct options *options)
{
	return options->root[0] != '\0' || publish_default_root(options->root) == 0;
}
