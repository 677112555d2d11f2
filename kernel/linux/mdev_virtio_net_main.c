// SPDX-License-Identifier: GPL-2.0-only
/*
 * Simulated mediated network devices: module, parent device, mdev types.
 */
#include <linux/mdev.h>
#include <linux/module.h>
#include <linux/pci_ids.h>
#include <linux/slab.h>

#include "mdev_virtio_net.h"

static unsigned int max_devices = 256;
module_param(max_devices, uint, 0444);
MODULE_PARM_DESC(max_devices, "Devices that may be created, of all types together (256)");

#define MAPPED(_name, _pairs, _text) {					\
	.mdev.sysfs_name = "net-mmap" _name,				\
	.mdev.pretty_name = "virtio-net, " _text ", mapped doorbells",	\
	.pairs = (_pairs),						\
	.map_doorbells = true,						\
}

#define TRAPPED(_name, _pairs, _text) {					\
	.mdev.sysfs_name = "net-trap" _name,				\
	.mdev.pretty_name = "virtio-net, " _text ", nothing mapped",	\
	.pairs = (_pairs),						\
}

static struct mvnet_type types[] = {
	MAPPED("", 1, "1 queue pair"),
	MAPPED("-4", 4, "4 queue pairs"),
	MAPPED("-16", MVNET_MAX_PAIRS, "16 queue pairs"),
	TRAPPED("", 1, "1 queue pair"),
	TRAPPED("-4", 4, "4 queue pairs"),
	TRAPPED("-16", MVNET_MAX_PAIRS, "16 queue pairs"),
};

static struct mdev_type *type_list[ARRAY_SIZE(types)];

static struct device *parent_dev;
static struct mdev_parent parent;

static void mvnet_free_queues(struct mvnet *nd)
{
	u16 i;

	for (i = 0; nd->backlogs && i < nd->type->pairs; i++)
		skb_queue_purge(&nd->backlogs[i].skbs);
	kfree(nd->backlogs);
	kvfree(nd->scratch);
	kvfree(nd->vqs);
}

static int mvnet_alloc_queues(struct mvnet *nd)
{
	u16 pairs = nd->type->pairs;
	u16 i;

	nd->vqs = kvcalloc(nd->mvdev.nvqs, sizeof(*nd->vqs), GFP_KERNEL);
	nd->scratch = kvzalloc(sizeof(*nd->scratch), GFP_KERNEL);
	nd->backlogs = kcalloc(pairs, sizeof(*nd->backlogs), GFP_KERNEL);
	if (!nd->vqs || !nd->scratch || !nd->backlogs) {
		kfree(nd->backlogs);
		nd->backlogs = NULL;
		mvnet_free_queues(nd);
		return -ENOMEM;
	}
	for (i = 0; i < pairs; i++)
		skb_queue_head_init(&nd->backlogs[i].skbs);
	return 0;
}

static int mvnet_probe(struct mdev_device *mdev)
{
	struct mvnet *nd;
	int ret;

	nd = mdev_virtio_alloc(mvnet, mvdev, &mdev->dev);
	if (IS_ERR(nd))
		return PTR_ERR(nd);
	nd->type = container_of(mdev->type, struct mvnet_type, mdev);
	nd->mvdev.ops = &mvnet_ops;
	nd->mvdev.pci_class = PCI_CLASS_NETWORK_ETHERNET << 8;
	nd->mvdev.nvqs = 2 * nd->type->pairs + 1;
	nd->mvdev.map_doorbells = nd->type->map_doorbells;
	nd->active_pairs = 1;
	eth_random_addr(nd->mac);
	mdev_virtio_worker_init(&nd->worker, &nd->mvdev, mvnet_work);

	ret = mvnet_alloc_queues(nd);
	if (ret)
		goto err_put;
	ret = mvnet_host_create(nd, &mdev->dev);
	if (ret)
		goto err_queues;
	dev_set_drvdata(&mdev->dev, &nd->mvdev);
	ret = mdev_virtio_register(&nd->mvdev);
	if (ret)
		goto err_host;
	return 0;

err_host:
	mvnet_host_destroy(nd);
err_queues:
	mvnet_free_queues(nd);
err_put:
	mdev_virtio_put(&nd->mvdev);
	return ret;
}

static void mvnet_remove(struct mdev_device *mdev)
{
	struct mvnet *nd = to_mvnet(dev_get_drvdata(&mdev->dev));

	mdev_virtio_unregister(&nd->mvdev);
	mvnet_host_destroy(nd);
	mvnet_free_queues(nd);
	mdev_virtio_put(&nd->mvdev);
}

/* VFIO's documentation of sysfs: "a string that describes the type" */
static ssize_t mvnet_show_description(struct mdev_type *mtype, char *buf)
{
	const struct mvnet_type *type =
		container_of(mtype, struct mvnet_type, mdev);

	return sysfs_emit(buf, "host side: Linux interface, queue pairs: %u, doorbells: %s\n",
			  type->pairs,
			  type->map_doorbells ? "mapped" : "trapped");
}

static struct mdev_driver mvnet_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.driver = {
		.name = "mdev_virtio_net",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		.dev_groups = mvnet_groups,
	},
	.show_description = mvnet_show_description,
	.probe = mvnet_probe,
	.remove = mvnet_remove,
};

static int __init mvnet_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		type_list[i] = &types[i].mdev;
	mvnet_driver.max_instances = max_devices;
	ret = mdev_register_driver(&mvnet_driver);
	if (ret)
		return ret;
	parent_dev = mdev_virtio_parent_create("mdev_virtio_net");
	if (IS_ERR(parent_dev)) {
		ret = PTR_ERR(parent_dev);
		goto err_driver;
	}
	ret = mdev_register_parent(&parent, parent_dev, &mvnet_driver,
				   type_list, ARRAY_SIZE(type_list));
	if (ret)
		goto err_parent;
	return 0;

err_parent:
	device_unregister(parent_dev);
err_driver:
	mdev_unregister_driver(&mvnet_driver);
	return ret;
}

static void __exit mvnet_exit(void)
{
	mdev_unregister_parent(&parent);
	device_unregister(parent_dev);
	mdev_unregister_driver(&mvnet_driver);
}

module_init(mvnet_init);
module_exit(mvnet_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Simulated mediated virtio network devices");
