/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_OFFLOAD_H
#define VIRTIO_OFFLOAD_H

/*
 * What a frame's header (VIRTIO 1.2 s. 5.1.6) says, in terms of mbufs. What comes from
 * the device is checked against the frame.
 */

#include <linux/virtio_net.h>

#include <rte_mbuf.h>

#include "virtqueue.h"

/* Until Linux 6.2's headers, and VIRTIO 1.3 s. 5.1.3. */
#ifndef VIRTIO_NET_F_GUEST_USO4
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_HOST_USO 56
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* A queue's offload that is none of ethdev's: find the packet type. */
#define VIRTIO_RX_OFFLOAD_PTYPE RTE_BIT64(63)

/* What an mbuf can ask for, besides VLAN insertion. */
#define VIRTIO_TX_SEG_FLAGS (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)
#define VIRTIO_TX_OFFLOAD_FLAGS (RTE_MBUF_F_TX_L4_MASK | VIRTIO_TX_SEG_FLAGS)

/* A queue's offload that no mbuf asks for: segments of a frame with ECN (CWR). */
#define VIRTIO_TX_OFFLOAD_ECN RTE_BIT64(63)

/*
 * Set what a received frame's header says, and do what the queue's offloads ask for
 * besides. false: the header cannot be; the frame was freed, and is counted.
 */
bool virtio_rx_offload_frame(struct virtqueue *vq, struct rte_mbuf *m,
		const struct virtio_net_hdr_v1_hash *hdr);

/*
 * Insert the VLAN tag that an mbuf asks for, in software. -EINVAL: others have the frame,
 * or it is too short; -ENOSPC: it has no headroom.
 */
int virtio_vlan_insert(struct rte_mbuf *m);

/* The header of a frame to be sent, with what it asks for of a queue's offloads. */
void virtio_tx_offload_frame(const struct rte_mbuf *m, uint64_t offloads,
		struct virtio_net_hdr_v1 *hdr);

/* ethdev's tx_pkt_prepare of a port whose queues have these offloads; it takes no queue. */
eth_tx_prep_t virtio_prepare(uint64_t offloads);

/* Most frames ask for nothing: their flags and gso_type are 0. */
static VIRTIO_BURST_INLINE bool
virtio_rx_offload(struct virtqueue *vq, struct rte_mbuf *m,
		const struct virtio_net_hdr_v1_hash *hdr)
{
	uint16_t both = *(const virtqueue_word16 *)hdr;

	if (likely(both == 0 && vq->offloads == 0))
		return true;
	return virtio_rx_offload_frame(vq, m, hdr);
}

#endif /* VIRTIO_OFFLOAD_H */
