/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>

#include <linux/virtio_config.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_errno.h>

#include "mdev_virtio_features.h"
#include "mdev_virtio_logs.h"
#include "virtio_pci_modern.h"
#include "virtio_transport.h"

/* How long a device may take for a reset, and how often it is asked. */
#define RESET_TIMEOUT_US 1000000
#define RESET_POLL_US 500

/* A device that changes its configuration this often while it is read lies. */
#define CONFIG_READ_TRIES 16

const struct virtio_transport_ops *const
virtio_transport_table[VIRTIO_TRANSPORT_TYPES] = {
	[VIRTIO_TRANSPORT_PCI_MODERN] = &virtio_pci_modern_ops,
};

/* VIRTIO 1.2 s. 2.4.2: the driver reads 0 before it goes on. */
static int
wait_reset(struct virtio_transport *tr)
{
	uint32_t waited;
	uint8_t status;
	int ret;

	for (waited = 0; ; waited += RESET_POLL_US) {
		ret = tr->ops->get_status(tr, &status);
		if (ret < 0)
			return ret;
		if (status == 0)
			return 0;
		if (waited >= RESET_TIMEOUT_US)
			return -ETIMEDOUT;
		rte_delay_us_sleep(RESET_POLL_US);
	}
}

int
virtio_device_reset(struct virtio_transport *tr)
{
	int ret;

	ret = tr->ops->set_status(tr, 0);
	if (ret == 0)
		ret = wait_reset(tr);
	if (ret == 0)
		return 0;

	if (tr->ops->hard_reset(tr) == 0 && wait_reset(tr) == 0) {
		INIT_LOG(WARNING, "%s: the device did not answer a reset of its status (%s), but one of its PCI function: update what provides it",
			tr->name, rte_strerror(-ret));
		return 0;
	}
	if (ret == -ENODEV) {
		/* common/vfio or the bus has said why; stop and close come here, both */
		if (!tr->gone)
			INIT_LOG(WARNING, "%s: the device is gone: memory that it may still use is kept until this process ends",
				tr->name);
		tr->gone = true;
		return ret;
	}
	INIT_LOG(ERR, "%s: the device does not answer a reset (%s): " DEVICE_FAILING "; memory that it may still use is not freed",
		tr->name, rte_strerror(-ret));
	return ret;
}

int
virtio_device_reset_vq(struct virtio_transport *tr, uint16_t index)
{
	bool ongoing = true;
	uint32_t waited;
	int ret;

	ret = tr->ops->reset_vq(tr, index);
	for (waited = 0; ret == 0; waited += RESET_POLL_US) {
		ret = tr->ops->get_vq_reset(tr, index, &ongoing);
		if (ret < 0 || !ongoing)
			break;
		if (waited >= RESET_TIMEOUT_US)
			return -ETIMEDOUT;
		rte_delay_us_sleep(RESET_POLL_US);
	}
	return ret;
}

int
virtio_device_add_status(struct virtio_transport *tr, uint8_t bits)
{
	uint8_t status;
	int ret;

	ret = tr->ops->get_status(tr, &status);
	if (ret < 0)
		return ret;
	return tr->ops->set_status(tr, status | bits);
}

void
virtio_device_fail(struct virtio_transport *tr)
{
	virtio_device_add_status(tr, VIRTIO_CONFIG_S_FAILED);
}

/* VIRTIO 1.2 s. 3.1.1, steps 4 to 6. */
static int
set_features(struct virtio_transport *tr,
		uint64_t (*filter)(uint64_t offered, void *arg), void *arg,
		uint64_t *features)
{
	uint64_t offered;
	uint8_t status;
	int ret;

	ret = tr->ops->get_device_features(tr, &offered);
	if (ret < 0)
		goto access_failed;

	*features = filter(tr->ops->filter_features(tr, offered), arg) & offered;
	if (!virtio_has_feature(*features, VIRTIO_F_VERSION_1)) {
		INIT_LOG(ERR, "%s: legacy virtio device (features 0x%" PRIx64
			"): only VIRTIO 1.x is supported: offer it in its modern form",
			tr->name, offered);
		return -ENOTSUP;
	}

	tr->features = *features;
	ret = tr->ops->set_driver_features(tr, *features);
	if (ret == 0)
		ret = virtio_device_add_status(tr, VIRTIO_CONFIG_S_FEATURES_OK);
	if (ret == 0)
		ret = tr->ops->get_status(tr, &status);
	if (ret < 0)
		goto access_failed;

	if ((status & VIRTIO_CONFIG_S_FEATURES_OK) == 0) {
		INIT_LOG(ERR, "%s: the device refuses features 0x%" PRIx64
			" of the 0x%" PRIx64 " that it offers: " DEVICE_BROKEN,
			tr->name, *features, offered);
		return -EPROTO;
	}
	mdev_virtio_features_log(tr->name, offered, *features);
	return 0;

access_failed:
	INIT_LOG(ERR, "%s: cannot negotiate features: %s: " DEVICE_FAILING,
		tr->name, rte_strerror(-ret));
	return ret;
}

int
virtio_device_negotiate(struct virtio_transport *tr,
		uint64_t (*filter)(uint64_t offered, void *arg), void *arg,
		uint64_t *features)
{
	int ret;

	ret = virtio_device_reset(tr);
	if (ret < 0)
		goto failed;

	ret = virtio_device_add_status(tr, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	if (ret == 0)
		ret = virtio_device_add_status(tr, VIRTIO_CONFIG_S_DRIVER);
	if (ret < 0) {
		INIT_LOG(ERR, "%s: cannot set the device status: %s: "
			DEVICE_FAILING, tr->name, rte_strerror(-ret));
		goto failed;
	}

	ret = set_features(tr, filter, arg, features);
	if (ret < 0)
		goto failed;
	return 0;

failed:
	virtio_device_fail(tr);
	return ret;
}

int
virtio_device_config_read(struct virtio_transport *tr, uint32_t offset,
		void *buf, uint32_t len)
{
	uint8_t before, after;
	unsigned int i;
	int ret;

	for (i = 0; i < CONFIG_READ_TRIES; i++) {
		ret = tr->ops->get_generation(tr, &before);
		if (ret == 0)
			ret = tr->ops->get_config(tr, offset, buf, len);
		if (ret == 0)
			ret = tr->ops->get_generation(tr, &after);
		if (ret < 0)
			return ret;
		if (before == after)
			return 0;
	}
	return -EAGAIN;
}
