/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_VARIANTS_H
#define VIRTIO_VARIANTS_H

/* All burst functions: suffix of the name, flags, and the name for users. */

#include <rte_mbuf.h>

#include "virtio_burst.h"

#define VIRTIO_RX_SPLIT_VARIANTS(entry) \
	entry(split, 0, "Split") \
	entry(split_in_order, BURST_IN_ORDER, "Split In-Order") \
	entry(split_mrg, BURST_MERGEABLE, "Split Mergeable") \
	entry(split_in_order_mrg, BURST_IN_ORDER | BURST_MERGEABLE, \
		"Split In-Order Mergeable") \
	entry(split_ol, BURST_OFFLOAD, "Split Offload") \
	entry(split_in_order_ol, BURST_IN_ORDER | BURST_OFFLOAD, \
		"Split In-Order Offload") \
	entry(split_mrg_ol, BURST_MERGEABLE | BURST_OFFLOAD, \
		"Split Mergeable Offload") \
	entry(split_in_order_mrg_ol, BURST_IN_ORDER | BURST_MERGEABLE | BURST_OFFLOAD, \
		"Split In-Order Mergeable Offload")

#define VIRTIO_RX_PACKED_VARIANTS(entry) \
	entry(packed, BURST_PACKED, "Packed") \
	entry(packed_in_order, BURST_PACKED | BURST_IN_ORDER, "Packed In-Order") \
	entry(packed_mrg, BURST_PACKED | BURST_MERGEABLE, "Packed Mergeable") \
	entry(packed_in_order_mrg, BURST_PACKED | BURST_IN_ORDER | BURST_MERGEABLE, \
		"Packed In-Order Mergeable") \
	entry(packed_ol, BURST_PACKED | BURST_OFFLOAD, "Packed Offload") \
	entry(packed_in_order_ol, BURST_PACKED | BURST_IN_ORDER | BURST_OFFLOAD, \
		"Packed In-Order Offload") \
	entry(packed_mrg_ol, BURST_PACKED | BURST_MERGEABLE | BURST_OFFLOAD, \
		"Packed Mergeable Offload") \
	entry(packed_in_order_mrg_ol, \
		BURST_PACKED | BURST_IN_ORDER | BURST_MERGEABLE | BURST_OFFLOAD, \
		"Packed In-Order Mergeable Offload")

#define VIRTIO_TX_SPLIT_VARIANTS(entry) \
	entry(split, 0, "Split") \
	entry(split_in_order, BURST_IN_ORDER, "Split In-Order") \
	entry(split_ol, BURST_OFFLOAD, "Split Offload") \
	entry(split_in_order_ol, BURST_IN_ORDER | BURST_OFFLOAD, "Split In-Order Offload")

#define VIRTIO_TX_PACKED_VARIANTS(entry) \
	entry(packed, BURST_PACKED, "Packed") \
	entry(packed_in_order, BURST_PACKED | BURST_IN_ORDER, "Packed In-Order") \
	entry(packed_ol, BURST_PACKED | BURST_OFFLOAD, "Packed Offload") \
	entry(packed_in_order_ol, BURST_PACKED | BURST_IN_ORDER | BURST_OFFLOAD, \
		"Packed In-Order Offload")

/*
 * With vector instructions: one function for each ring, whatever the header may say
 * apart from offloads.
 */
#define VIRTIO_RX_VECTOR_VARIANTS(entry, set, name) \
	entry(split_ ## set, BURST_VECTOR, "Split Vector " name) \
	entry(split_in_order_ ## set, BURST_VECTOR | BURST_IN_ORDER, \
		"Split In-Order Vector " name) \
	entry(split_mrg_ ## set, BURST_VECTOR | BURST_MERGEABLE, \
		"Split Mergeable Vector " name) \
	entry(split_in_order_mrg_ ## set, \
		BURST_VECTOR | BURST_IN_ORDER | BURST_MERGEABLE, \
		"Split In-Order Mergeable Vector " name) \
	entry(packed_ ## set, BURST_VECTOR | BURST_PACKED, "Packed Vector " name) \
	entry(packed_in_order_ ## set, BURST_VECTOR | BURST_PACKED | BURST_IN_ORDER, \
		"Packed In-Order Vector " name) \
	entry(packed_mrg_ ## set, BURST_VECTOR | BURST_PACKED | BURST_MERGEABLE, \
		"Packed Mergeable Vector " name) \
	entry(packed_in_order_mrg_ ## set, \
		BURST_VECTOR | BURST_PACKED | BURST_IN_ORDER | BURST_MERGEABLE, \
		"Packed In-Order Mergeable Vector " name)

#define VIRTIO_TX_VECTOR_VARIANTS(entry, set, name) \
	entry(split_ ## set, BURST_VECTOR, "Split Vector " name) \
	entry(split_in_order_ ## set, BURST_VECTOR | BURST_IN_ORDER, \
		"Split In-Order Vector " name) \
	entry(packed_ ## set, BURST_VECTOR | BURST_PACKED, "Packed Vector " name) \
	entry(packed_in_order_ ## set, BURST_VECTOR | BURST_PACKED | BURST_IN_ORDER, \
		"Packed In-Order Vector " name)

#define VIRTIO_RX_DECLARE(suffix, flags, text) \
	uint16_t virtio_recv_ ## suffix(void *rx_queue, struct rte_mbuf **pkts, \
			uint16_t count);
#define VIRTIO_TX_DECLARE(suffix, flags, text) \
	uint16_t virtio_xmit_ ## suffix(void *tx_queue, struct rte_mbuf **pkts, \
			uint16_t count);

/* The functions, in a file that includes virtio_rx.h and virtio_tx.h. */
#define VIRTIO_RX_DEFINE(suffix, flags, text) \
	uint16_t virtio_recv_ ## suffix(void *rx_queue, struct rte_mbuf **pkts, \
			uint16_t count) \
	{ \
		return rx_burst(rx_queue, pkts, count, flags); \
	}
#define VIRTIO_TX_DEFINE(suffix, flags, text) \
	uint16_t virtio_xmit_ ## suffix(void *tx_queue, struct rte_mbuf **pkts, \
			uint16_t count) \
	{ \
		struct virtqueue *vq = tx_queue; \
		\
		if (unlikely(vq->attention) && !virtio_tx_attention(vq)) \
			return 0; \
		return tx_burst(vq, pkts, count, flags); \
	}

VIRTIO_RX_SPLIT_VARIANTS(VIRTIO_RX_DECLARE)
VIRTIO_RX_PACKED_VARIANTS(VIRTIO_RX_DECLARE)
VIRTIO_TX_SPLIT_VARIANTS(VIRTIO_TX_DECLARE)
VIRTIO_TX_PACKED_VARIANTS(VIRTIO_TX_DECLARE)
VIRTIO_RX_VECTOR_VARIANTS(VIRTIO_RX_DECLARE, vec128, "")
VIRTIO_TX_VECTOR_VARIANTS(VIRTIO_TX_DECLARE, vec128, "")
VIRTIO_RX_VECTOR_VARIANTS(VIRTIO_RX_DECLARE, avx2, "")
VIRTIO_TX_VECTOR_VARIANTS(VIRTIO_TX_DECLARE, avx2, "")
VIRTIO_RX_VECTOR_VARIANTS(VIRTIO_RX_DECLARE, avx512, "")
VIRTIO_TX_VECTOR_VARIANTS(VIRTIO_TX_DECLARE, avx512, "")

#endif /* VIRTIO_VARIANTS_H */
