// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checksums and segmentation that one side leaves to the other: between the header of
 * a frame in the client's memory and what Linux keeps in an skb. VIRTIO 1.2 s. 5.1.6.2,
 * 5.1.6.4.
 */
#include "mdev_virtio_net.h"

/* --- from the client to the host --- */

/* Is it what the driver has negotiated, and makes sense? s. 5.1.6.2.1 */
static bool hdr_valid(const struct mvnet *nd, const struct virtio_net_hdr *hdr)
{
	const bool csum = hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	const bool ecn = hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN;

	if (csum && !mvnet_has(nd, VIRTIO_NET_F_CSUM))
		return false;
	if (hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if (!csum || (ecn && !mvnet_has(nd, VIRTIO_NET_F_HOST_ECN)))
		return false;
	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return mvnet_has(nd, VIRTIO_NET_F_HOST_TSO4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return mvnet_has(nd, VIRTIO_NET_F_HOST_TSO6);
	default:
		return false;
	}
}

/* @skb holds the frame. False if the header must not, or cannot, be followed. */
bool mvnet_hdr_to_skb(const struct mvnet *nd, const struct virtio_net_hdr *hdr,
		      struct sk_buff *skb)
{
	if (!hdr_valid(nd, hdr))
		return false;
	if (hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE &&
	    skb->len > MVNET_MAX_FRAME)
		return false;
	return !virtio_net_hdr_to_skb(skb, hdr, true);
}

/* --- from the host to the client --- */

/* All that any client could take, see mvnet_features_check(). */
#define HOST_FEATURES (NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO |	\
		       NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_HIGHDMA)

void mvnet_offload_init(struct net_device *host)
{
	host->features |= HOST_FEATURES;
	host->hw_features |= HOST_FEATURES & ~NETIF_F_HIGHDMA;
	host->vlan_features |= HOST_FEATURES;
}

static netdev_features_t wanted(u64 accepted)
{
	netdev_features_t features = 0;

	if (accepted & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM))
		features |= NETIF_F_HW_CSUM;
	if (accepted & BIT_ULL(VIRTIO_NET_F_GUEST_TSO4))
		features |= NETIF_F_TSO;
	if (accepted & BIT_ULL(VIRTIO_NET_F_GUEST_TSO6))
		features |= NETIF_F_TSO6;
	if (accepted & BIT_ULL(VIRTIO_NET_F_GUEST_ECN))
		features |= NETIF_F_TSO_ECN;
	return features;
}

/*
 * What the client has not accepted is done by the stack, frame by frame: no need to
 * tell it when clients come and go, which takes RTNL.
 */
netdev_features_t mvnet_features_check(const struct mvnet *nd,
				       netdev_features_t features)
{
	const netdev_features_t offloads = NETIF_F_HW_CSUM | NETIF_F_TSO |
					   NETIF_F_TSO6 | NETIF_F_TSO_ECN;

	return features & (wanted(READ_ONCE(nd->guest_offloads)) | ~offloads);
}

/* There may have been another client when the frame was sent. */
static bool type_accepted(const struct mvnet *nd, const struct sk_buff *skb)
{
	const unsigned int type = skb_shinfo(skb)->gso_type;
	const netdev_features_t features = wanted(nd->features);

	if ((type & SKB_GSO_TCP_ECN) && !(features & NETIF_F_TSO_ECN))
		return false;
	return type & SKB_GSO_TCPV4 ? features & NETIF_F_TSO :
				      features & NETIF_F_TSO6;
}

/* Fill in all but num_buffers. False if this client cannot have the frame. */
bool mvnet_hdr_from_skb(const struct mvnet *nd, struct sk_buff *skb,
			struct virtio_net_hdr *hdr)
{
	const bool csum = mvnet_has(nd, VIRTIO_NET_F_GUEST_CSUM);

	if (skb_is_gso(skb) && !type_accepted(nd, skb))
		return false;
	if (skb->ip_summed == CHECKSUM_PARTIAL && !csum &&
	    skb_checksum_help(skb))
		return false;
	return !virtio_net_hdr_from_skb(skb, hdr, true, csum, 0);
}
