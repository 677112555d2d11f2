/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef TX_FRAMES_H
#define TX_FRAMES_H

/*
 * Frames to be sent, of all kinds that an application can make of mbufs: what is shared
 * is watched, since a driver must not write to it.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

enum tx_frame_kind {
	TX_FRAME_PLAIN,
	TX_FRAME_OTHER_POOL,
	TX_FRAME_TIGHT,       /* hardly any headroom */
	TX_FRAME_EXTERNAL,    /* in an attached buffer, with headroom */
	TX_FRAME_PINNED,
	TX_FRAME_CLONE,       /* of one that the application keeps */
	TX_FRAME_CLONE_ALONE, /* of one that it has freed */
	TX_FRAME_CLONE_OF_EXTERNAL,
	TX_FRAME_CLONED,      /* what a clone was made of that the application keeps */
	TX_FRAME_HELD,        /* sent, and kept as well */
	/* several segments */
	TX_FRAME_EMPTY_HEAD,      /* an own one of nothing, and an external one */
	TX_FRAME_EMPTY_HELD_HEAD, /* the first one has nothing, and is kept */
	TX_FRAME_EMPTY_TAIL,      /* a clone, and one of nothing */
	TX_FRAME_CLONE_TAIL,
	TX_FRAME_HELD_TAIL,
	TX_FRAME_EXTERNAL_TAIL,
	TX_FRAME_KINDS,
};

/* What is watched of a buffer: all of it. */
#define TX_FRAME_BUFFER RTE_MBUF_DEFAULT_BUF_SIZE

struct tx_frame {
	struct rte_mbuf *m;    /* to be sent */
	struct rte_mbuf *kept; /* the application's; or NULL */
	unsigned int *freed;   /* times that the external buffer was; or NULL */
	uint32_t seq;          /* of layout_frame() */
	const uint8_t *watched;
	uint32_t watched_len;
	uint8_t was[TX_FRAME_BUFFER];
};

/*
 * Make pools and memory, run a test with them, and free them: what it returned, or
 * TEST_FAILED if not all is back, reported.
 */
int tx_frames_run(int (*run)(void));

/* Make a frame with this number, or the next one that one segment holds. 0 or -1. */
int tx_frame_make(struct tx_frame *frame, enum tx_frame_kind kind, uint32_t seq);
/* A segment of an external buffer of so many bytes. NULL if there is none. */
struct rte_mbuf *tx_frame_external(uint32_t len, unsigned int **freed);

/*
 * While the driver has it: nobody wrote to it or freed its buffer. TEST_SUCCESS or
 * TEST_FAILED, reported.
 */
int tx_frame_check(const struct tx_frame *frame);
/* And when it was sent: the rest is freed, and the buffer was freed once. */
int tx_frame_end(struct tx_frame *frame);

/* Is it an address that only the application should know? */
bool tx_frame_is_private(const uint8_t *addr);

#endif /* TX_FRAMES_H */
