/* SPDX-License-Identifier: BSD-3-Clause */

/* Device arguments. */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_kvargs.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"

#define ARG_DRIVER "driver" /* of the long form of devargs; the bus has seen to it */

/* Those with the values 0 and 1. */
static const struct {
	const char *key;
	size_t offset;    /* in struct mdev_virtio_devargs */
	bool value;       /* of who says nothing */
} keys[] = {
	{ "mrg_rxbuf", offsetof(struct mdev_virtio_devargs, mrg_rxbuf), true },
	{ "packed_vq", offsetof(struct mdev_virtio_devargs, packed_vq), true },
	{ "in_order", offsetof(struct mdev_virtio_devargs, in_order), true },
	{ "vectorized", offsetof(struct mdev_virtio_devargs, vectorized), true },
	{ "ptype", offsetof(struct mdev_virtio_devargs, ptype), false },
};

#define ARG_RX_COAL "rx_coal"

#define ARGS "mrg_rxbuf=0|1, packed_vq=0|1, in_order=0|1, vectorized=0|1, ptype=0|1, " \
	ARG_RX_COAL "=<usecs>:<packets>"

struct parse_ctx {
	const char *name; /* of the device */
	void *value;
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
	*(bool *)ctx->value = value[0] == '1';
	return 0;
}

/* A number and what ends it; false if it is none. */
static bool
parse_number(const char **from, char end, uint32_t *number)
{
	unsigned long value;
	char *behind;

	if (!isdigit((unsigned char)**from))
		return false;
	errno = 0;
	value = strtoul(*from, &behind, 10);
	if (errno != 0 || value > UINT32_MAX || *behind != end)
		return false;
	*number = value;
	*from = behind + 1;
	return true;
}

static int
parse_coalesce(const char *key, const char *value, void *arg)
{
	const struct parse_ctx *ctx = arg;
	struct mdev_virtio_coalesce *coalesce = ctx->value;
	const char *from = value;

	if (value == NULL || !parse_number(&from, ':', &coalesce->usecs) ||
			!parse_number(&from, '\0', &coalesce->packets)) {
		INIT_LOG(ERR, "%s: %s=%s: the value is <usecs>:<packets>, 50:32 for one",
			ctx->name, key, value == NULL ? "" : value);
		return -EINVAL;
	}
	coalesce->set = true;
	return 0;
}

int
mdev_virtio_devargs_parse(const char *name, const char *args,
		struct mdev_virtio_devargs *devargs)
{
	const char *known[RTE_DIM(keys) + 3] = { ARG_DRIVER, ARG_RX_COAL };
	struct parse_ctx ctx = { .name = name };
	struct rte_kvargs *kvargs;
	unsigned int i;
	int ret = 0;

	memset(&devargs->rx_coal, 0, sizeof(devargs->rx_coal));
	for (i = 0; i < RTE_DIM(keys); i++) {
		*(bool *)RTE_PTR_ADD(devargs, keys[i].offset) = keys[i].value;
		known[i + 2] = keys[i].key;
	}
	if (args == NULL || args[0] == '\0')
		return 0;
	kvargs = rte_kvargs_parse(args, known);
	if (kvargs == NULL) {
		INIT_LOG(ERR, "%s: cannot parse '%s': the driver's arguments are " ARGS,
			name, args);
		return -EINVAL;
	}
	for (i = 0; ret >= 0 && i < RTE_DIM(keys); i++) {
		ctx.value = RTE_PTR_ADD(devargs, keys[i].offset);
		ret = mdev_virtio_kvargs_process(kvargs, keys[i].key, parse_bool, &ctx);
	}
	ctx.value = &devargs->rx_coal;
	if (ret >= 0)
		ret = mdev_virtio_kvargs_process(kvargs, ARG_RX_COAL, parse_coalesce, &ctx);
	rte_kvargs_free(kvargs);
	return ret < 0 ? -EINVAL : 0;
}

RTE_PMD_REGISTER_PARAM_STRING(net_mdev_virtio, ARGS);
