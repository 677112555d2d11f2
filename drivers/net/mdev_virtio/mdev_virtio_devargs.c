/* SPDX-License-Identifier: BSD-3-Clause */

/* Device arguments. */

#include <errno.h>
#include <string.h>

#include <rte_kvargs.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"

#define ARG_DRIVER "driver" /* of the long form of devargs; the bus has seen to it */
#define ARG_MRG_RXBUF "mrg_rxbuf"

struct parse_ctx {
	const char *name; /* of the device */
	bool *value;
};

static int
parse_bool(const char *key, const char *value, void *arg)
{
	const struct parse_ctx *ctx = arg;

	if (value == NULL || (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)) {
		INIT_LOG(ERR, "%s: %s=%s: the value is 0 or 1", ctx->name, key,
			value == NULL ? "" : value);
		return -EINVAL;
	}
	*ctx->value = value[0] == '1';
	return 0;
}

int
mdev_virtio_devargs_parse(const char *name, const char *args,
		struct mdev_virtio_devargs *devargs)
{
	static const char * const keys[] = { ARG_DRIVER, ARG_MRG_RXBUF, NULL };
	struct parse_ctx mrg_rxbuf = { name, &devargs->mrg_rxbuf };
	struct rte_kvargs *kvargs;
	int ret;

	devargs->mrg_rxbuf = true;
	if (args == NULL || args[0] == '\0')
		return 0;
	kvargs = rte_kvargs_parse(args, keys);
	if (kvargs == NULL) {
		INIT_LOG(ERR, "%s: cannot parse '%s': the driver's only argument is "
			ARG_MRG_RXBUF "=0|1", name, args);
		return -EINVAL;
	}
	ret = rte_kvargs_process(kvargs, ARG_MRG_RXBUF, parse_bool, &mrg_rxbuf);
	rte_kvargs_free(kvargs);
	return ret < 0 ? -EINVAL : 0;
}

RTE_PMD_REGISTER_PARAM_STRING(net_mdev_virtio, ARG_MRG_RXBUF "=<0|1>");
