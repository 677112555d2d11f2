/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a secondary process may ask for: receive filters and RSS, which take commands to
 * the device, and its registers, which take a choice of queues. The primary process sees
 * to it, in EAL's IPC thread: so no other process can be asked for anything meanwhile.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_net.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

#include <bus_mdev_mp.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"

#define MP_NAME "net_mdev_virtio_ctrl"

enum ctrl_type {
	CTRL_PROMISCUOUS,
	CTRL_ALLMULTICAST,
	CTRL_MAC_SET,
	CTRL_MAC_ADD,
	CTRL_MAC_REMOVE,
	CTRL_VLAN,
	CTRL_RSS_HASH,
	CTRL_RETA,
	CTRL_REGS,
};

#define RETA_GROUPS (VIRTIO_CVQ_RETA_MAX / RTE_ETH_RETA_GROUP_SIZE)

/* What does not fit a message, in memory that processes share. */
struct ctrl_rss {
	struct rte_eth_rss_conf conf; /* its key, if it has one, is the one below */
	uint8_t key[UINT8_MAX];
	uint16_t reta_size;
	struct rte_eth_rss_reta_entry64 reta[RETA_GROUPS];
};

struct ctrl_param {
	uint32_t number;  /* see bus_mdev_mp.h */
	uint32_t type;    /* enum ctrl_type */
	int32_t result;   /* of a reply: 0, or a negative errno */
	uint16_t port_id;
	uint16_t vlan_id;
	uint32_t index;   /* of the MAC address */
	struct rte_ether_addr mac;
	bool on;
	struct ctrl_rss *rss;
	uint32_t *regs;   /* room for all, in memory that processes share */
};

/* Held by the primary process while it does what another process asks for. */
static pthread_mutex_t control_lock = PTHREAD_MUTEX_INITIALIZER;
static bool open_ports[RTE_MAX_ETHPORTS]; /* owned by control_lock */

static int
perform(struct rte_eth_dev *dev, struct ctrl_param *param)
{
	switch (param->type) {
	case CTRL_PROMISCUOUS:
		return param->on ? mdev_virtio_promiscuous_enable(dev) :
			mdev_virtio_promiscuous_disable(dev);
	case CTRL_ALLMULTICAST:
		return param->on ? mdev_virtio_allmulticast_enable(dev) :
			mdev_virtio_allmulticast_disable(dev);
	case CTRL_MAC_SET:
		return mdev_virtio_mac_addr_set(dev, &param->mac);
	case CTRL_MAC_ADD:
		return mdev_virtio_mac_addr_add(dev, &param->mac, param->index, 0);
	case CTRL_MAC_REMOVE:
		mdev_virtio_mac_addr_remove(dev, param->index);
		return 0;
	case CTRL_VLAN:
		return mdev_virtio_vlan_filter_set(dev, param->vlan_id, param->on);
	case CTRL_RSS_HASH:
		return mdev_virtio_rss_hash_update(dev, &param->rss->conf);
	case CTRL_RETA:
		return mdev_virtio_reta_update(dev, param->rss->reta,
				param->rss->reta_size);
	case CTRL_REGS:
		return mdev_virtio_read_regs(dev, param->regs);
	default:
		return -EINVAL;
	}
}

static int
serve(struct ctrl_param *param)
{
	int ret = -ENETDOWN, cancel;

	if (param->port_id >= RTE_MAX_ETHPORTS)
		return -EINVAL;
	/* EAL cancels this thread at its end; a command waits for its answer by sleeping */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&control_lock);
	if (open_ports[param->port_id])
		ret = perform(&rte_eth_devices[param->port_id], param);
	pthread_mutex_unlock(&control_lock);
	pthread_setcancelstate(cancel, NULL);
	return ret;
}

static __thread bool serving;

bool
mdev_virtio_serving(void)
{
	return serving;
}

/* In EAL's IPC thread of the primary process. */
static int
serve_secondary(const struct rte_mp_msg *msg, const void *peer)
{
	struct rte_mp_msg reply = { .num_fds = 0 };
	struct ctrl_param param;

	if (msg->len_param != (int)sizeof(param))
		return -EINVAL;
	memcpy(&param, msg->param, sizeof(param));
	serving = true;
	param.result = serve(&param);
	serving = false;
	rte_strscpy(reply.name, MP_NAME, sizeof(reply.name));
	reply.len_param = sizeof(param);
	memcpy(reply.param, &param, sizeof(param));
	return rte_mp_reply(&reply, peer);
}

void
mdev_virtio_control_open(const struct rte_eth_dev *dev)
{
	/* without shared files there are no other processes */
	if (rte_mp_action_register(MP_NAME, serve_secondary) < 0 &&
			rte_errno != ENOTSUP && rte_errno != EEXIST)
		INIT_LOG(WARNING, "%s: secondary processes cannot set receive filters: %s: set them in this one",
			dev->data->name, rte_strerror(rte_errno));
	pthread_mutex_lock(&control_lock);
	open_ports[dev->data->port_id] = true;
	pthread_mutex_unlock(&control_lock);
}

void
mdev_virtio_control_close(const struct rte_eth_dev *dev)
{
	pthread_mutex_lock(&control_lock);
	open_ports[dev->data->port_id] = false;
	pthread_mutex_unlock(&control_lock);
}

/*
 * A port that the primary process has closed is empty shared data, until EAL detaches
 * the device here too.
 */
static bool
is_closed(const struct rte_eth_dev *dev)
{
	return dev->data->dev_private == NULL;
}

/*
 * For a stopped port ethdev keeps what is asked for until the start; it only matters
 * whether the device will have it. Never a command from here: the port may be starting.
 */
static int
ask_stopped(const struct rte_eth_dev *dev, const struct ctrl_param *param)
{
	uint64_t features = mdev_virtio_hw(dev)->features;

	switch (param->type) {
	case CTRL_PROMISCUOUS:
	case CTRL_ALLMULTICAST:
		if (param->on)
			return 0;
		/* fallthrough */
	case CTRL_MAC_ADD:
	case CTRL_MAC_REMOVE:
		return virtio_has_feature(features, VIRTIO_NET_F_CTRL_RX) ?
			0 : -ENOTSUP;
	case CTRL_MAC_SET:
		return virtio_has_feature(features, VIRTIO_NET_F_CTRL_MAC_ADDR) ?
			0 : -ENOTSUP;
	case CTRL_RSS_HASH:
	case CTRL_RETA:
	case CTRL_REGS:
		return -ENETDOWN; /* ethdev does not keep it, nor has it */
	default:
		return 0;
	}
}

/* As ask_or_lose(), which looks first whether there is something to be asked. */
static int
ask_primary(const struct ctrl_param *param, bool *unanswered)
{
	struct rte_mp_msg msg = { .len_param = sizeof(*param) };
	struct ctrl_param answer;
	struct rte_mp_reply reply;
	int ret;

	rte_strscpy(msg.name, MP_NAME, sizeof(msg.name));
	memcpy(msg.param, param, sizeof(*param));
	ret = rte_mdev_mp_request(&msg, &reply, MDEV_VIRTIO_MP_TIMEOUT_S);
	if (ret == 0 && reply.nb_received == 1 &&
			reply.msgs[0].len_param == (int)sizeof(answer)) {
		memcpy(&answer, reply.msgs[0].param, sizeof(answer));
		ret = answer.result;
		/* which may be to one that was sent before the last */
		*unanswered = memcmp(&answer.number, msg.param,
				sizeof(answer.number)) != 0;
	} else {
		ret = ret == 0 ? -ETIMEDOUT : ret;
		*unanswered = ret == -ETIMEDOUT;
	}
	free(reply.msgs);
	return ret;
}

/*
 * In a secondary process. What the primary answered; without an answer, after which it may
 * still be at it, *unanswered is set.
 */
static int
ask_or_lose(struct rte_eth_dev *dev, struct ctrl_param *param, bool *unanswered)
{
	int ret;

	*unanswered = false;
	if (is_closed(dev))
		return -ENODEV;
	if (dev->data->dev_started == 0)
		return ask_stopped(dev, param);
	param->port_id = dev->data->port_id;
	ret = ask_primary(param, unanswered);
	if (ret < 0 && ret != -ENOTSUP)
		DRV_LOG(ERR, "%s: the primary process did not %s: %s",
			dev->data->name, param->type == CTRL_REGS ?
			"read the registers" : "set the receive filter or RSS",
			rte_strerror(-ret));
	return ret;
}

static int
ask(struct rte_eth_dev *dev, struct ctrl_param *param)
{
	bool unanswered;

	return ask_or_lose(dev, param, &unanswered);
}

static int
ask_switch(struct rte_eth_dev *dev, enum ctrl_type type, bool on)
{
	struct ctrl_param param = { .type = type, .on = on };

	return ask(dev, &param);
}

static int
promiscuous_enable(struct rte_eth_dev *dev)
{
	return ask_switch(dev, CTRL_PROMISCUOUS, true);
}

static int
promiscuous_disable(struct rte_eth_dev *dev)
{
	return ask_switch(dev, CTRL_PROMISCUOUS, false);
}

static int
allmulticast_enable(struct rte_eth_dev *dev)
{
	return ask_switch(dev, CTRL_ALLMULTICAST, true);
}

static int
allmulticast_disable(struct rte_eth_dev *dev)
{
	return ask_switch(dev, CTRL_ALLMULTICAST, false);
}

static int
mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
	struct ctrl_param param = { .type = CTRL_MAC_SET, .mac = *mac };

	return ask(dev, &param);
}

static int
mac_addr_add(struct rte_eth_dev *dev, struct rte_ether_addr *mac, uint32_t index,
		uint32_t pool)
{
	struct ctrl_param param = {
		.type = CTRL_MAC_ADD, .mac = *mac, .index = index,
	};

	return pool == 0 ? ask(dev, &param) : -EINVAL;
}

static void
mac_addr_remove(struct rte_eth_dev *dev, uint32_t index)
{
	struct ctrl_param param = { .type = CTRL_MAC_REMOVE, .index = index };

	ask(dev, &param);
}

static int
vlan_filter_set(struct rte_eth_dev *dev, uint16_t vlan_id, int on)
{
	struct ctrl_param param = {
		.type = CTRL_VLAN, .vlan_id = vlan_id, .on = on != 0,
	};

	return ask(dev, &param);
}

/*
 * After a request that was not answered the primary may still be at it: what it was given
 * is lost then, not freed.
 */
static int
ask_rss(struct rte_eth_dev *dev, enum ctrl_type type, struct ctrl_rss *rss)
{
	struct ctrl_param param = { .type = type, .rss = rss };
	bool unanswered;
	int ret = ask_or_lose(dev, &param, &unanswered);

	if (!unanswered)
		rte_free(rss);
	return ret;
}

static struct ctrl_rss *
alloc_rss(const struct rte_eth_dev *dev)
{
	struct ctrl_rss *rss = rte_zmalloc("mdev_virtio_rss", sizeof(*rss), 0);

	if (rss == NULL)
		DRV_LOG(ERR, "%s: no memory to ask for RSS with: give EAL more (-m)",
			dev->data->name);
	return rss;
}

static int
rss_hash_update(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf)
{
	struct ctrl_rss *rss = alloc_rss(dev);

	if (rss == NULL)
		return -ENOMEM;
	rss->conf = *conf;
	if (conf->rss_key != NULL) {
		rss->conf.rss_key = rss->key;
		rss->conf.rss_key_len = mdev_virtio_rss_key_len(conf);
		memcpy(rss->key, conf->rss_key, rss->conf.rss_key_len);
	}
	return ask_rss(dev, CTRL_RSS_HASH, rss);
}

static int
reta_update(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *conf,
		uint16_t size)
{
	struct ctrl_rss *rss;

	if (size > VIRTIO_CVQ_RETA_MAX)
		return -EINVAL;
	rss = alloc_rss(dev);
	if (rss == NULL)
		return -ENOMEM;
	rss->reta_size = size;
	memcpy(rss->reta, conf, (size + RTE_ETH_RETA_GROUP_SIZE - 1) /
		RTE_ETH_RETA_GROUP_SIZE * sizeof(conf[0]));
	return ask_rss(dev, CTRL_RETA, rss);
}

static int
get_reg(struct rte_eth_dev *dev, struct rte_dev_reg_info *info)
{
	struct ctrl_param param = { .type = CTRL_REGS };
	bool unanswered;
	size_t len;
	int ret;

	if (is_closed(dev))
		return -ENODEV;
	ret = mdev_virtio_reg_info(dev, info);
	if (ret < 0 || info->data == NULL)
		return ret;
	len = info->length * sizeof(*param.regs);
	param.regs = rte_zmalloc("mdev_virtio_regs", len, 0);
	if (param.regs == NULL) {
		DRV_LOG(ERR, "%s: no memory to read registers with: give EAL more (-m)",
			dev->data->name);
		return -ENOMEM;
	}
	ret = ask_or_lose(dev, &param, &unanswered);
	if (ret == 0)
		memcpy(info->data, param.regs, len);
	if (!unanswered) /* as above */
		rte_free(param.regs);
	return ret;
}

/*
 * Whoever sets the link has to tell all processes, and wait until they have heard it;
 * nobody can do that in the primary's IPC thread.
 */
static int
set_link(struct rte_eth_dev *dev)
{
	if (is_closed(dev))
		return -ENODEV;
	DRV_LOG(ERR, "%s: a secondary process cannot set the link up or down: do it in the primary process",
		dev->data->name);
	return -ENOTSUP;
}

static int
rss_hash_conf_get(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf)
{
	return is_closed(dev) ? -ENODEV : mdev_virtio_rss_hash_conf_get(dev, conf);
}

static int
reta_query(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *conf,
		uint16_t size)
{
	return is_closed(dev) ? -ENODEV : mdev_virtio_reta_query(dev, conf, size);
}

static int
priv_dump(struct rte_eth_dev *dev, FILE *file)
{
	return is_closed(dev) ? -ENODEV : mdev_virtio_priv_dump(dev, file);
}

static int
dev_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	return is_closed(dev) ? -ENODEV : mdev_virtio_dev_infos_get(dev, info);
}

static int
xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n)
{
	return is_closed(dev) ? -ENODEV : mdev_virtio_xstats_get(dev, xstats, n);
}

static int
stats_reset(struct rte_eth_dev *dev)
{
	return is_closed(dev) ? -ENODEV : mdev_virtio_stats_reset(dev);
}

/* What is not here is the primary's alone: ethdev answers -ENOTSUP. */
const struct eth_dev_ops mdev_virtio_secondary_ops = {
	.dev_close = mdev_virtio_secondary_close,
	.dev_infos_get = dev_infos_get,
	.link_update = mdev_virtio_link_update,
	.dev_set_link_up = set_link,
	.dev_set_link_down = set_link,
	.promiscuous_enable = promiscuous_enable,
	.promiscuous_disable = promiscuous_disable,
	.allmulticast_enable = allmulticast_enable,
	.allmulticast_disable = allmulticast_disable,
	.mac_addr_set = mac_addr_set,
	.mac_addr_add = mac_addr_add,
	.mac_addr_remove = mac_addr_remove,
	.vlan_filter_set = vlan_filter_set,
	.rxq_info_get = mdev_virtio_rxq_info_get,
	.txq_info_get = mdev_virtio_txq_info_get,
	.tx_done_cleanup = mdev_virtio_tx_done_cleanup,
	.get_monitor_addr = mdev_virtio_get_monitor_addr,
	.dev_supported_ptypes_get = mdev_virtio_supported_ptypes_get,
	.rx_burst_mode_get = mdev_virtio_rx_burst_mode_get,
	.tx_burst_mode_get = mdev_virtio_tx_burst_mode_get,
	.rss_hash_update = rss_hash_update,
	.rss_hash_conf_get = rss_hash_conf_get,
	.reta_update = reta_update,
	.reta_query = reta_query,
	.stats_get = mdev_virtio_stats_get,
	.stats_reset = stats_reset,
	.xstats_get_names = mdev_virtio_xstats_get_names,
	.xstats_get = xstats_get,
	.xstats_reset = stats_reset,
	.get_reg = get_reg,
	.eth_dev_priv_dump = priv_dump,
};
