/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_mbuf.h>
#include <bus_driver.h>

#include "fake_vfio.h"
#include "made_up_sysfs.h"
#include "test.h"
#include "test_compat.h"
#include "virtio_port.h"

#define POOL_SIZE 1023

struct virtio_port virtio_port;

int
virtio_port_prepare(enum fake_virtio_map map)
{
	static const char api[] = "vfio-pci\n";

	memset(&virtio_port, 0, sizeof(virtio_port));
	if (made_up_sysfs_start() < 0 || fake_virtio_start(map) < 0)
		return -1;
	fake_vfio.base = made_up_sysfs_root();
	fake_vfio.addr = VIRTIO_PORT_UUID;
	virtio_port.pool = rte_pktmbuf_pool_create("virtio_port", POOL_SIZE, 0, 0,
			RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (virtio_port.pool == NULL ||
			made_up_device(VIRTIO_PORT_UUID, MADE_UP_PARENT,
				MADE_UP_TYPE) < 0)
		return -1;
	return made_up_write(VIRTIO_PORT_UUID, "mdev_type/device_api", api,
			strlen(api));
}

int
virtio_port_attach(const char *args)
{
	char devargs[128];
	int ret;

	snprintf(devargs, sizeof(devargs), "mdev:%s,%s", VIRTIO_PORT_UUID, args);
	ret = rte_dev_probe(devargs);
	if (ret != 0)
		return ret;
	if (rte_eth_dev_get_port_by_name(VIRTIO_PORT_UUID, &virtio_port.id) != 0)
		return -1;
	virtio_port.dev = &rte_eth_devices[virtio_port.id];
	return 0;
}

int
virtio_port_attach_ctrl(uint64_t features, uint16_t pairs)
{
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return -1;
	fake_virtio_offer_ctrl(features, pairs);
	return virtio_port_attach("");
}

int
virtio_port_detach(void)
{
	int ret = rte_dev_remove(virtio_port.dev->device);

	virtio_port.dev = NULL;
	return ret;
}

int
virtio_port_configure(uint16_t nb_rx, uint16_t nb_tx, uint16_t nb_desc,
		const struct rte_eth_conf *conf)
{
	uint16_t i;
	int ret;

	ret = rte_eth_dev_configure(virtio_port.id, nb_rx, nb_tx, conf);
	for (i = 0; ret == 0 && i < nb_rx; i++)
		ret = rte_eth_rx_queue_setup(virtio_port.id, i, nb_desc,
				SOCKET_ID_ANY, NULL, virtio_port.pool);
	for (i = 0; ret == 0 && i < nb_tx; i++)
		ret = rte_eth_tx_queue_setup(virtio_port.id, i, nb_desc,
				SOCKET_ID_ANY, NULL);
	return ret;
}

int
virtio_port_start_queues(uint16_t nb_rx, uint16_t nb_tx, uint16_t nb_desc,
		const struct rte_eth_conf *conf)
{
	int ret = virtio_port_configure(nb_rx, nb_tx, nb_desc, conf);

	return ret != 0 ? ret : rte_eth_dev_start(virtio_port.id);
}

int
virtio_port_start(uint16_t nb_desc)
{
	struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	struct rte_eth_dev_info info;
	int ret;

	ret = rte_eth_dev_info_get(virtio_port.id, &info);
	if (ret != 0)
		return ret;
	conf.rxmode.offloads = info.rx_offload_capa;
	return virtio_port_start_queues(1, 1, nb_desc, &conf);
}

#define STEPS_MAX 1000

/*
 * The port starts all the same where the device could be reset by other means; then it
 * is stopped. Returns false if there is no such step.
 */
static bool
fail_start(enum fake_vfio_op op, unsigned int step)
{
	int ret;

	fake_vfio.fail = op;
	fake_vfio.fail_after = step;
	ret = rte_eth_dev_start(virtio_port.id);
	if (ret == 0 && fake_vfio.fail != FAKE_OP_NONE)
		return false;
	return ret != 0 || rte_eth_dev_stop(virtio_port.id) == 0;
}

int
virtio_port_fail_starts(int (*check)(void))
{
	static const enum fake_vfio_op ops[] = {
		FAKE_OP_REGION_READ, FAKE_OP_REGION_WRITE, FAKE_OP_SET_IRQS,
	};
	unsigned int i, step;

	for (i = 0; i < RTE_DIM(ops); i++) {
		for (step = 0; step < STEPS_MAX && fail_start(ops[i], step); step++) {
			TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0,
				"operation %u, step %u: mbufs are lost", i, step);
			TEST_ASSERT(check == NULL || check() == TEST_SUCCESS,
				"operation %u, step %u", i, step);
		}
		TEST_ASSERT(step > 0 && step < STEPS_MAX &&
			fake_vfio.fail != FAKE_OP_NONE,
			"operation %u: ends at step %u", i, step);
		fake_vfio.fail = FAKE_OP_NONE;
		TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	}
	return TEST_SUCCESS;
}

void
virtio_port_stop(void)
{
	struct rte_bus *bus = rte_bus_find_by_name("mdev");

	if (virtio_port.dev != NULL && virtio_port.dev->device != NULL)
		rte_dev_remove(virtio_port.dev->device);
	else
		test_bus_cleanup(bus);
	rte_mempool_free(virtio_port.pool);
	fake_virtio_stop();
	made_up_sysfs_stop();
}

unsigned int
virtio_port_mbufs(void)
{
	return rte_mempool_in_use_count(virtio_port.pool);
}

struct rte_mbuf *
virtio_port_frame(uint32_t len, uint8_t fill)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(virtio_port.pool);

	if (m != NULL)
		memset(rte_pktmbuf_append(m, len), fill, len);
	return m;
}

bool
virtio_port_prepares(void)
{
	struct rte_mbuf *m = virtio_port_frame(60, 0);
	bool prepared;

	if (m == NULL)
		return false;
	m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	m->vlan_tci = 5;
	prepared = rte_eth_tx_prepare(virtio_port.id, 0, &m, 1) == 1 &&
		m->pkt_len == 60 + sizeof(struct rte_vlan_hdr);
	rte_pktmbuf_free(m);
	return prepared;
}

unsigned int
virtio_port_eventfds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned int count = 0;
	char target[64];
	ssize_t len;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		len = readlinkat(dirfd(dir), entry->d_name, target,
				sizeof(target) - 1);
		target[RTE_MAX(len, 0)] = '\0';
		count += strstr(target, "[eventfd]") != NULL;
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}
