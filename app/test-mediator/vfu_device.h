/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef TEST_MEDIATOR_VFU_DEVICE_H
#define TEST_MEDIATOR_VFU_DEVICE_H

/* The device of vfu_peer.h; its argument is the struct peer. */

#include "vfu_server.h"

extern const struct vfu_ops vfu_device_ops;

#endif /* TEST_MEDIATOR_VFU_DEVICE_H */
