/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * vhost-tap [EAL_OPTION]... -- QUEUES SOCKET=TAP...
 *
 * A vhost-user backend whose other side are TAP interfaces with virtio headers
 * (IFF_VNET_HDR): frames without checksum and frames to be segmented pass between a
 * driver and the Linux stack as they are. testpmd with net_vhost and net_tap completes
 * and segments all of them. What a TAP may have of the stack follows from the features that
 * the driver negotiated, as in QEMU and in Linux' own vhost.
 *
 * SIGTERM ends it; it prints how many frames of each kind it moved.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <rte_vhost.h>

#define LINKS_MAX 4
#define QUEUES_MAX 8
#define BURST 32
/* The largest that a mbuf can be: a frame to be segmented fits one. */
#define ROOM UINT16_MAX
#define MBUFS 1024
#define IDLE_US 20

/* One direction; the thread that moves frames has it. */
struct counters {
	uint64_t frames[QUEUES_MAX];
	uint64_t largest;
	uint64_t partial; /* without checksum */
	uint64_t gso;     /* to be segmented */
	uint64_t tagged;
	uint64_t lost;
};

struct link {
	char *path; /* of the socket */
	char *name; /* of the TAP interface */
	int fds[QUEUES_MAX];
	pthread_mutex_t lock; /* of vid: held while frames are moved */
	int vid;              /* -1: no driver */
	/* frames that the driver had no buffers for yet */
	struct rte_mbuf *waiting[QUEUES_MAX][BURST];
	unsigned int nr_waiting[QUEUES_MAX];
	struct counters to, from; /* the driver */
};

static struct link links[LINKS_MAX];
static unsigned int nr_links, nr_queues;
static struct rte_mempool *pool;
static volatile sig_atomic_t ended;

static void
end(int number)
{
	(void)number;
	ended = 1;
}

static int
tap_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	if (nr_queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		rte_exit(EXIT_FAILURE, "TAP %s: %s\n", name, strerror(errno));
	return fd;
}

/* What the stack may hand over is what the driver understands. */
static void
tap_set_offloads(const struct link *link, uint64_t features)
{
	static const struct {
		unsigned int feature, offload;
	} map[] = {
		{ VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4 },
		{ VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6 },
		{ VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN },
	};
	unsigned int offloads = 0, i;

	for (i = 0; i < RTE_DIM(map); i++) {
		if ((features >> map[i].feature & 1) != 0)
			offloads |= map[i].offload;
	}
	for (i = 0; i < nr_queues; i++) {
		if (ioctl(link->fds[i], TUNSETOFFLOAD, offloads) < 0)
			printf("%s: error: offloads 0x%x: %s\n", link->name, offloads,
				strerror(errno));
	}
	printf("%s: features 0x%" PRIx64 ", offloads of the TAP 0x%x\n", link->name,
		features, offloads);
}

static struct link *
link_of(int vid)
{
	char path[PATH_MAX];
	unsigned int i;

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) < 0)
		return NULL;
	for (i = 0; i < nr_links; i++) {
		if (strcmp(links[i].path, path) == 0)
			return &links[i];
	}
	return NULL;
}

static void
set_vid(struct link *link, int vid)
{
	pthread_mutex_lock(&link->lock);
	link->vid = vid;
	pthread_mutex_unlock(&link->lock);
}

static int
new_device(int vid)
{
	struct link *link = link_of(vid);
	uint64_t features;
	unsigned int i;

	if (link == NULL || rte_vhost_get_negotiated_features(vid, &features) < 0)
		return -1;
	tap_set_offloads(link, features);
	/* frames are polled for */
	for (i = 0; i < 2 * nr_queues; i++)
		rte_vhost_enable_guest_notification(vid, i, 0);
	set_vid(link, vid);
	return 0;
}

static void
destroy_device(int vid)
{
	struct link *link = link_of(vid);

	if (link != NULL)
		set_vid(link, -1);
}

static const struct rte_vhost_device_ops ops = {
	.new_device = new_device,
	.destroy_device = destroy_device,
};

static void
count(struct counters *counters, unsigned int queue, const struct rte_mbuf *m,
		const struct virtio_net_hdr *hdr)
{
	const struct rte_ether_hdr *eth =
		rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);

	counters->frames[queue]++;
	counters->largest = RTE_MAX(counters->largest, m->pkt_len);
	counters->partial += (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
	counters->gso += hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE;
	counters->tagged += eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN);
}

/* The header of a frame from the stack, in terms of mbufs. */
static bool
header_to_mbuf(struct rte_mbuf *m, const struct virtio_net_hdr *hdr)
{
	struct rte_net_hdr_lens lens;
	uint32_t ptype;

	if ((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
		return hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE;
	ptype = rte_net_get_ptype(m, &lens, RTE_PTYPE_ALL_MASK);
	m->l2_len = lens.l2_len;
	m->l3_len = lens.l3_len;
	m->l4_len = lens.l4_len;
	if (hdr->csum_start != lens.l2_len + lens.l3_len)
		return false;
	m->ol_flags |= RTE_ETH_IS_IPV4_HDR(ptype) ? RTE_MBUF_F_TX_IPV4 :
		RTE_MBUF_F_TX_IPV6;
	if (hdr->csum_offset == offsetof(struct rte_udp_hdr, dgram_cksum))
		m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
	else
		m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
		m->tso_segsz = hdr->gso_size;
		return true;
	}
	return false;
}

/* One frame, or NULL if there is none. */
static struct rte_mbuf *
tap_read(struct link *link, unsigned int queue)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct virtio_net_hdr hdr;
	struct iovec iov[2] = { { .iov_base = &hdr, .iov_len = sizeof(hdr) } };
	ssize_t len;

	if (m == NULL)
		return NULL;
	iov[1].iov_base = rte_pktmbuf_mtod(m, void *);
	iov[1].iov_len = rte_pktmbuf_tailroom(m);
	len = readv(link->fds[queue], iov, 2);
	if (len <= (ssize_t)sizeof(hdr)) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	m->data_len = len - sizeof(hdr);
	m->pkt_len = m->data_len;
	count(&link->to, queue, m, &hdr);
	if (!header_to_mbuf(m, &hdr)) {
		link->to.lost++;
		m->ol_flags = 0;
	}
	return m;
}

/* From the stack to the driver. What does not fit waits, and nothing is read. */
static unsigned int
move_to(struct link *link, unsigned int queue)
{
	struct rte_mbuf **waiting = link->waiting[queue];
	unsigned int n = link->nr_waiting[queue], sent;

	while (n < BURST && (waiting[n] = tap_read(link, queue)) != NULL)
		n++;
	if (n == 0)
		return 0;
	/* copies: the mbufs stay here */
	sent = rte_vhost_enqueue_burst(link->vid, 2 * queue, waiting, n);
	rte_pktmbuf_free_bulk(waiting, sent);
	memmove(waiting, waiting + sent, (n - sent) * sizeof(waiting[0]));
	link->nr_waiting[queue] = n - sent;
	return sent;
}

/* What the driver said of the frame, as the stack wants it. */
static void
header_from_mbuf(const struct rte_mbuf *m, struct virtio_net_hdr *hdr)
{
	struct rte_net_hdr_lens lens;
	uint32_t ptype;

	memset(hdr, 0, sizeof(*hdr));
	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE)
		return;
	ptype = rte_net_get_ptype(m, &lens, RTE_PTYPE_ALL_MASK);
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = lens.l2_len + lens.l3_len;
	hdr->csum_offset = (ptype & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP ?
		offsetof(struct rte_udp_hdr, dgram_cksum) :
		offsetof(struct rte_tcp_hdr, cksum);
	if ((m->ol_flags & RTE_MBUF_F_RX_LRO) == 0)
		return;
	hdr->gso_type = RTE_ETH_IS_IPV4_HDR(ptype) ? VIRTIO_NET_HDR_GSO_TCPV4 :
		VIRTIO_NET_HDR_GSO_TCPV6;
	hdr->gso_size = m->tso_segsz;
	hdr->hdr_len = lens.l2_len + lens.l3_len + lens.l4_len;
}

static unsigned int
move_from(struct link *link, unsigned int queue)
{
	struct rte_mbuf *pkts[BURST];
	struct virtio_net_hdr hdr;
	struct iovec iov[2] = { { .iov_base = &hdr, .iov_len = sizeof(hdr) } };
	uint16_t n, i;

	n = rte_vhost_dequeue_burst(link->vid, 2 * queue + 1, pool, pkts, BURST);
	for (i = 0; i < n; i++) {
		header_from_mbuf(pkts[i], &hdr);
		count(&link->from, queue, pkts[i], &hdr);
		iov[1].iov_base = rte_pktmbuf_mtod(pkts[i], void *);
		iov[1].iov_len = pkts[i]->data_len;
		if (pkts[i]->nb_segs != 1 || writev(link->fds[queue], iov, 2) < 0)
			link->from.lost++;
	}
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static unsigned int
move(struct link *link)
{
	unsigned int queue, moved = 0;

	pthread_mutex_lock(&link->lock);
	for (queue = 0; queue < nr_queues && link->vid >= 0; queue++) {
		moved += move_from(link, queue);
		moved += move_to(link, queue);
	}
	pthread_mutex_unlock(&link->lock);
	return moved;
}

static void
print(const char *name, const char *way, const struct counters *counters)
{
	uint64_t frames = 0, i;

	for (i = 0; i < nr_queues; i++)
		frames += counters->frames[i];
	printf("%s %s: frames %" PRIu64 " largest %" PRIu64 " partial %" PRIu64
		" gso %" PRIu64 " tagged %" PRIu64 " lost %" PRIu64 " queues",
		name, way, frames, counters->largest, counters->partial, counters->gso,
		counters->tagged, counters->lost);
	for (i = 0; i < nr_queues; i++)
		printf(" %" PRIu64, counters->frames[i]);
	printf("\n");
}

static void
serve(struct link *link)
{
	unsigned int i;

	for (i = 0; i < nr_queues; i++)
		link->fds[i] = tap_open(link->name);
	if (rte_vhost_driver_register(link->path,
			RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS) < 0 ||
			rte_vhost_driver_callback_register(link->path, &ops) < 0 ||
			rte_vhost_driver_start(link->path) < 0)
		rte_exit(EXIT_FAILURE, "vhost %s cannot be served\n", link->path);
}

static void
parse(int argc, char **argv)
{
	int i;

	nr_queues = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	if (nr_queues == 0 || nr_queues > QUEUES_MAX || argc - 2 > LINKS_MAX)
		rte_exit(EXIT_FAILURE, "wrong arguments\n");
	for (i = 2; i < argc; i++, nr_links++) {
		links[nr_links].path = argv[i];
		links[nr_links].name = strchr(argv[i], '=');
		if (links[nr_links].name == NULL)
			rte_exit(EXIT_FAILURE, "%s: no TAP is named\n", argv[i]);
		*links[nr_links].name++ = '\0';
		links[nr_links].vid = -1;
		pthread_mutex_init(&links[nr_links].lock, NULL);
	}
}

int
main(int argc, char **argv)
{
	unsigned int i, moved;
	int eal;

	setvbuf(stdout, NULL, _IOLBF, 0);
	eal = rte_eal_init(argc, argv);
	if (eal < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start\n");
	parse(argc - eal, argv + eal);
	pool = rte_pktmbuf_pool_create("frames", MBUFS, 0, 0, ROOM, SOCKET_ID_ANY);
	if (pool == NULL)
		rte_exit(EXIT_FAILURE, "no memory for frames\n");
	signal(SIGTERM, end);
	for (i = 0; i < nr_links; i++)
		serve(&links[i]);
	printf("ready\n");
	while (!ended) {
		for (i = 0, moved = 0; i < nr_links; i++)
			moved += move(&links[i]);
		/* testpmd polls: leave it the processor, where there are few */
		if (moved == 0)
			usleep(IDLE_US);
	}
	for (i = 0; i < nr_links; i++) {
		print(links[i].name, "to", &links[i].to);
		print(links[i].name, "from", &links[i].from);
	}
	/* whatever else there is ends with the process */
	fflush(stdout);
	_exit(0);
}
