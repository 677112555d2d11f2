/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bursts with vector instructions. Built once for each instruction set, which is named
 * by VIRTIO_VEC_SET; without it, for what the processor is known to have.
 */

#include "virtio_rx.h"
#include "virtio_rxtx.h"
#include "virtio_tx.h"
#include "virtio_variants.h"

#ifndef VIRTIO_VEC_SET
#define VIRTIO_VEC_SET vec128
#endif

/* The set's name is expanded before it becomes a part of others. */
#define RX_DEFINE_ALL(set) VIRTIO_RX_VECTOR_VARIANTS(VIRTIO_RX_DEFINE, set, "")
#define TX_DEFINE_ALL(set) VIRTIO_TX_VECTOR_VARIANTS(VIRTIO_TX_DEFINE, set, "")

RX_DEFINE_ALL(VIRTIO_VEC_SET)
TX_DEFINE_ALL(VIRTIO_VEC_SET)
