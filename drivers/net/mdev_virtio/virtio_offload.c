/* SPDX-License-Identifier: BSD-3-Clause */

/* Headers of frames: what is not needed for most of them. */

#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_net.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "virtio_offload.h"

#define L4_PTYPES_WITH_CSUM(ptype) \
	(((ptype) & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP || \
	 ((ptype) & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP || \
	 ((ptype) & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_SCTP)

/*
 * The sum of a frame from a place to its end (RFC 1071). rte_raw_cksum_mbuf() is not used:
 * up to DPDK 26.07 it loses the carries of a segment that begins with an odd byte.
 */
static uint16_t
sum_frame(const struct rte_mbuf *m, uint32_t start)
{
	uint32_t sum = 0, done = 0, len;
	uint16_t part;

	for (; m != NULL; m = m->next) {
		if (start >= m->data_len) {
			start -= m->data_len;
			continue;
		}
		len = m->data_len - start;
		part = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const void *, start),
				len);
		sum += (done & 1) != 0 ? rte_bswap16(part) : part;
		done += len;
		start = 0;
	}
	sum = (sum >> 16) + (sum & 0xffff);
	return (sum >> 16) + (sum & 0xffff);
}

/* Compute the checksum that the device left to the receiver; both places are the frame's. */
static void
complete_csum(struct rte_mbuf *m, uint32_t start, uint32_t offset)
{
	uint32_t at = start + offset;
	uint16_t csum;

	/* it is written where it is in one piece, and where the driver may write */
	if (at + sizeof(csum) > m->data_len || start >= m->pkt_len)
		return;
	csum = ~sum_frame(m, start);
	if (csum == 0)
		csum = UINT16_MAX; /* which is the same; 0 means none in UDP */
	memcpy(rte_pktmbuf_mtod_offset(m, void *, at), &csum, sizeof(csum));
}

/*
 * VIRTIO 1.2 s. 5.1.6.4.2. NEEDS_CSUM: the frame never was on a wire, and its checksum
 * is not complete. mbufs can say so of the innermost headers that the application
 * will find; for others it is computed.
 */
static void
set_csum_flags(struct rte_mbuf *m, const struct virtio_net_hdr_v1 *hdr)
{
	uint16_t start = rte_le_to_cpu_16(hdr->csum_start);
	struct rte_net_hdr_lens lens;
	uint32_t ptype;

	if ((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
		ptype = rte_net_get_ptype(m, &lens, RTE_PTYPE_L2_MASK |
				RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK);
		if (start <= lens.l2_len + lens.l3_len &&
				L4_PTYPES_WITH_CSUM(ptype))
			m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
		else
			complete_csum(m, start,
				rte_le_to_cpu_16(hdr->csum_offset));
	} else if ((hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0) {
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	}
}

/* Several segments in one frame. */
static bool
set_gso(struct rte_mbuf *m, const struct virtio_net_hdr_v1 *hdr)
{
	uint16_t size = rte_le_to_cpu_16(hdr->gso_size);

	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
	case VIRTIO_NET_HDR_GSO_UDP:
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		break;
	default:
		return false;
	}
	/* s. 5.1.6.4: segments of no size are none */
	if (size == 0)
		return false;
	m->tso_segsz = size;
	m->ol_flags |= RTE_MBUF_F_RX_LRO;
	return true;
}

/* s. 5.1.6.4.4: a report that is not defined is of a hash that nobody asked for. */
static void
set_hash(struct rte_mbuf *m, const struct virtio_net_hdr_v1_hash *hdr)
{
	uint16_t report = rte_le_to_cpu_16(hdr->hash_report);

	if (report == VIRTIO_NET_HASH_REPORT_NONE ||
			report > VIRTIO_NET_HASH_REPORT_UDPv6_EX)
		return;
	m->hash.rss = rte_le_to_cpu_32(hdr->hash_value);
	m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
}

bool
virtio_rx_offload_frame(struct virtqueue *vq, struct rte_mbuf *m,
		const struct virtio_net_hdr_v1_hash *device_hdr)
{
	/* the device may still write it */
	const struct virtio_net_hdr_v1_hash hdr = *(const volatile
		struct virtio_net_hdr_v1_hash *)device_hdr;

	if (!set_gso(m, &hdr.hdr)) {
		rte_pktmbuf_free(m);
		vq->stats.errors++;
		return false;
	}
	set_csum_flags(m, &hdr.hdr);
	if ((vq->offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0)
		set_hash(m, &hdr);
	if ((vq->offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0 &&
			m->data_len >= RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)
		rte_vlan_strip(m);
	if ((vq->offloads & VIRTIO_RX_OFFLOAD_PTYPE) != 0)
		m->packet_type = rte_net_get_ptype(m, NULL, RTE_PTYPE_ALL_MASK);
	return true;
}

/*
 * s. 5.1.6.2: the ECN bit of a frame to be segmented is CWR to all who implement it: only the
 * first segment is to have it.
 */
static bool
has_cwr(const struct rte_mbuf *m, uint32_t start)
{
	uint8_t copy;
	const uint8_t *tcp_flags = rte_pktmbuf_read(m,
			start + offsetof(struct rte_tcp_hdr, tcp_flags),
			sizeof(copy), &copy);

	return tcp_flags != NULL && (*tcp_flags & RTE_TCP_CWR_FLAG) != 0;
}

/* s. 5.1.6.2: where the checksum goes, and what it covers. */
void
virtio_tx_offload_frame(const struct rte_mbuf *m, uint64_t offloads,
		struct virtio_net_hdr_v1 *hdr)
{
	uint64_t flags = m->ol_flags & offloads, l4 = flags & RTE_MBUF_F_TX_L4_MASK;
	uint16_t start = m->l2_len + m->l3_len;

	memset(hdr, 0, sizeof(*hdr));
	if ((flags & RTE_MBUF_F_TX_TCP_SEG) != 0) {
		l4 = RTE_MBUF_F_TX_TCP_CKSUM;
		hdr->gso_type = (m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0 ?
			VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		if ((offloads & VIRTIO_TX_OFFLOAD_ECN) != 0 && has_cwr(m, start))
			hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	} else if ((flags & RTE_MBUF_F_TX_UDP_SEG) != 0) {
		l4 = RTE_MBUF_F_TX_UDP_CKSUM;
		hdr->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	}
	if (l4 != RTE_MBUF_F_TX_TCP_CKSUM && l4 != RTE_MBUF_F_TX_UDP_CKSUM)
		return;
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = rte_cpu_to_le_16(start);
	hdr->csum_offset = rte_cpu_to_le_16(l4 == RTE_MBUF_F_TX_TCP_CKSUM ?
			offsetof(struct rte_tcp_hdr, cksum) :
			offsetof(struct rte_udp_hdr, dgram_cksum));
	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		hdr->gso_size = rte_cpu_to_le_16(m->tso_segsz);
		hdr->hdr_len = rte_cpu_to_le_16(start + m->l4_len);
	}
}

/* The sum without the length of the frame, and with it: RFC 1071. */
static void
add_length(struct rte_mbuf *m, uint32_t at, uint32_t len)
{
	uint16_t *csum = rte_pktmbuf_mtod_offset(m, uint16_t *, at);
	uint32_t sum = *csum;

	sum += rte_cpu_to_be_16(len >> 16);
	sum += rte_cpu_to_be_16(len & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	*csum = sum + (sum >> 16);
}

/*
 * Whoever asks for segments of an IPv4 frame asks for its IP checksum, too: mbufs are
 * defined so. virtio has no such offload (s. 5.1.6.2), and the device may have to check
 * the header of what it gets, so it is computed here.
 */
static void
set_ip_checksum(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *,
			m->l2_len);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = ~rte_raw_cksum(ip, m->l3_len);
}

/*
 * DPDK's pseudo header of frames to be segmented leaves the length out, as Intel's
 * devices want it; in virtio it is in, as in all others.
 */
static int
prepare_segmented(struct rte_mbuf *m)
{
	bool tcp = (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
	uint32_t start = m->l2_len + m->l3_len, at;

	at = start + (tcp ? offsetof(struct rte_tcp_hdr, cksum) :
			offsetof(struct rte_udp_hdr, dgram_cksum));
	if (m->tso_segsz == 0 || m->l4_len == 0 ||
			start + m->l4_len > m->data_len ||
			at + sizeof(uint16_t) > m->data_len)
		return -EINVAL;
	if (tcp)
		add_length(m, at, m->pkt_len - start);
	if ((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0 &&
			(m->ol_flags & RTE_MBUF_F_TX_IPV4) != 0)
		set_ip_checksum(m);
	return 0;
}

#define NOT_SUPPORTED (RTE_MBUF_F_TX_OFFLOAD_MASK ^ (VIRTIO_TX_OFFLOAD_FLAGS | \
	RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_VLAN))

/* rte_vlan_insert() takes frames to begin at an even address; theirs need not. */
int
virtio_vlan_insert(struct rte_mbuf *m)
{
	const rte_be16_t tag[] = {
		rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN), rte_cpu_to_be_16(m->vlan_tci),
	};
	char *frame;

	if (!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) > 1 ||
			m->data_len < 2 * RTE_ETHER_ADDR_LEN)
		return -EINVAL;
	frame = rte_pktmbuf_prepend(m, sizeof(tag));
	if (frame == NULL)
		return -ENOSPC;
	memmove(frame, frame + sizeof(tag), 2 * RTE_ETHER_ADDR_LEN);
	memcpy(frame + 2 * RTE_ETHER_ADDR_LEN, tag, sizeof(tag));
	m->ol_flags &= ~(RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_TX_VLAN);
	if ((m->ol_flags & RTE_MBUF_F_TX_TUNNEL_MASK) != 0)
		m->outer_l2_len += sizeof(tag);
	else
		m->l2_len += sizeof(tag);
	return 0;
}

static int
prepare(struct rte_mbuf **pkt, uint64_t offloads)
{
	struct rte_mbuf *m = *pkt;
	uint64_t flags = m->ol_flags;
	int ret = 0;

	if ((flags & VIRTIO_TX_SEG_FLAGS) != 0)
		flags &= ~RTE_MBUF_F_TX_IP_CKSUM; /* of them see prepare_segmented() */
	if ((flags & NOT_SUPPORTED) != 0 ||
			(flags & VIRTIO_TX_OFFLOAD_FLAGS & ~offloads) != 0 ||
			(flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_SCTP_CKSUM)
		return -ENOTSUP;
	/* the frame is the sender's: a tag that cannot be inserted is an error here */
	if ((m->ol_flags & RTE_MBUF_F_TX_VLAN) != 0)
		ret = virtio_vlan_insert(m);
	/* DPDK prepares UDP frames to be segmented as those that are not, if at all */
	if ((flags & RTE_MBUF_F_TX_UDP_SEG) != 0)
		flags = (flags & ~(RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_L4_MASK)) |
			RTE_MBUF_F_TX_UDP_CKSUM;
	if (ret == 0)
		ret = rte_net_intel_cksum_flags_prepare(*pkt, flags);
	if (ret == 0 && ((*pkt)->ol_flags & VIRTIO_TX_SEG_FLAGS) != 0)
		ret = prepare_segmented(*pkt);
	return ret;
}

static uint16_t
prepare_frames(struct rte_mbuf **pkts, uint16_t count, uint64_t offloads)
{
	uint16_t i;
	int ret;

	for (i = 0; i < count; i++) {
		ret = prepare(&pkts[i], offloads);
		if (unlikely(ret != 0)) {
			rte_errno = -ret;
			break;
		}
	}
	return i;
}

/*
 * One function for each set of offloads, rather than a look at the queue: whoever prepares
 * frames may do so while a recovery replaces it. Segments need checksums.
 */
#define PREPARE(name, offloads) \
static uint16_t \
prepare_ ## name(void *tx_queue __rte_unused, struct rte_mbuf **pkts, uint16_t count) \
{ \
	return prepare_frames(pkts, count, offloads); \
}

PREPARE(plain, 0)
PREPARE(csum, RTE_MBUF_F_TX_L4_MASK)
PREPARE(tcp_seg, RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)
PREPARE(udp_seg, RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_UDP_SEG)
PREPARE(all, VIRTIO_TX_OFFLOAD_FLAGS)

eth_tx_prep_t
virtio_prepare(uint64_t offloads)
{
	if ((offloads & RTE_MBUF_F_TX_L4_MASK) == 0)
		return prepare_plain;
	switch (offloads & VIRTIO_TX_SEG_FLAGS) {
	case 0:
		return prepare_csum;
	case RTE_MBUF_F_TX_TCP_SEG:
		return prepare_tcp_seg;
	case RTE_MBUF_F_TX_UDP_SEG:
		return prepare_udp_seg;
	default:
		return prepare_all;
	}
}
