/* SPDX-License-Identifier: BSD-3-Clause */

/* The command line behind EAL's "--". */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <rte_devargs.h>
#include <rte_string_fns.h>
#include <rte_uuid.h>

#include "l2fwd_mdev.h"

struct options options = { .mac_updating = true };
bool args_help;

void
args_usage(const char *program)
{
	printf("\n"
		"usage: %s [EAL options] -- [-n] [-P] [--no-mac-updating] [PORT PORT]...\n"
		"\n"
		"Forward what each PORT receives to the other one of its pair. PORT is the UUID\n"
		"of a mediated device, or a name as -a and --vdev take it, with arguments behind\n"
		"commas (mdev:UUID,arguments). It is attached if EAL has not done so. A mediated\n"
		"device need not be there yet; one that goes is used again when it returns.\n"
		"Without PORT, all ports that EAL has are used, the first one with the second.\n"
		"\n"
		"  -n, --attach-new     use any other mediated device that appears, too\n"
		"  -P, --promiscuous    receive packets for others' addresses\n"
		"  --no-mac-updating    leave the addresses in packets as they are; without it\n"
		"                       the source becomes that of the port which sends, and the\n"
		"                       destination 02:00:00:00 and the number of that port\n"
		"  -h, --help           print this\n"
		"\n", program);
}

/* Does a bus know such devices, or a driver of virtual ones? */
static bool
is_device(const char *arg)
{
	struct rte_devargs devargs = { 0 };
	int ret;

	ret = rte_devargs_parse(&devargs, arg);
	rte_devargs_reset(&devargs);
	return ret == 0;
}

/* UUIDs in lower case and without their bus, as ports of mediated devices are named. */
static int
port_name(const char *arg, char *name, size_t size)
{
	const char *device = arg;
	rte_uuid_t uuid;
	size_t len;

	if (strncmp(arg, "mdev:", strlen("mdev:")) == 0)
		device += strlen("mdev:");
	len = strcspn(device, ",");
	if (len == 0 || len >= size || device[0] == '-')
		return -EINVAL;
	strlcpy(name, device, len + 1);
	if (strchr(name, '=') != NULL)
		return -EINVAL;
	if (rte_uuid_parse(name, uuid) == 0)
		rte_uuid_unparse(uuid, name, size);
	else if (device != arg || !is_device(arg))
		return -EINVAL;
	return 0;
}

static int
add_port(const char *arg)
{
	char name[RTE_DEV_NAME_MAX_LEN];
	struct port *port = &ports[options.nb_named];
	rte_uuid_t uuid;

	if (port_name(arg, name, sizeof(name)) != 0) {
		complain("'%s' is no name of a device: give a UUID, or what -a or --vdev takes, "
			"and load its driver, -d FOLDER", arg);
		return -EINVAL;
	}
	if (strncmp(arg, "mdev:", strlen("mdev:")) != 0 && strchr(arg, ',') != NULL &&
			rte_uuid_parse(name, uuid) == 0) {
		complain("'%s': driver arguments need the bus: mdev:%s,...", arg, name);
		return -EINVAL;
	}
	if (port_find(name) != NULL) {
		complain("port %s is given twice", name);
		return -EINVAL;
	}
	if (options.nb_named == MAX_PORTS) {
		complain("more ports than %u", MAX_PORTS);
		return -EINVAL;
	}
	strlcpy(port->name, name, sizeof(port->name));
	if (rte_uuid_parse(arg, uuid) != 0)
		port->devargs = arg;
	options.nb_named++;
	return 0;
}

static int
add_ports(int argc, char **argv)
{
	int i, ret = 0;

	for (i = 0; ret == 0 && i < argc; i++)
		ret = add_port(argv[i]);
	if (ret == 0 && options.nb_named % 2 != 0) {
		complain("ports come in pairs: %s has no other one",
			ports[options.nb_named - 1].name);
		ret = -EINVAL;
	}
	return ret;
}

int
args_parse(int argc, char **argv)
{
	enum { NO_MAC_UPDATING = 256 };
	static const struct option long_options[] = {
		{ "attach-new", no_argument, NULL, 'n' },
		{ "promiscuous", no_argument, NULL, 'P' },
		{ "no-mac-updating", no_argument, NULL, NO_MAC_UPDATING },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *arg = argv[optind];
	int option;

	opterr = 0;
	for (; (option = getopt_long(argc, argv, "+nPh", long_options, NULL)) != -1;
			arg = argv[optind]) {
		switch (option) {
		case 'n':
			options.attach_new = true;
			break;
		case 'P':
			options.promiscuous = true;
			break;
		case NO_MAC_UPDATING:
			options.mac_updating = false;
			break;
		case 'h':
			args_help = true;
			args_usage(argv[0]);
			return 0;
		default:
			complain("wrong option '%s': see -- --help", arg);
			return -EINVAL;
		}
	}
	return add_ports(argc - optind, argv + optind);
}
