/* SPDX-License-Identifier: BSD-3-Clause */

/* Bursts on packed virtqueues. */

#include "virtio_rx.h"
#include "virtio_rxtx.h"
#include "virtio_tx.h"
#include "virtio_variants.h"

VIRTIO_RX_PACKED_VARIANTS(VIRTIO_RX_DEFINE)
VIRTIO_TX_PACKED_VARIANTS(VIRTIO_TX_DEFINE)
