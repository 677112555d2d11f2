/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attacks on a mediated device, by what they go for. Each is followed by
 * survived(): the device must work after a reset.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "client.h"

void ring_attacks(struct client *c);
void packed_attacks(struct client *c);
void command_attacks(struct client *c);
void register_attacks(struct client *c);
void ioctl_attacks(struct client *c);
void life_attacks(struct client *c, const char *uuid);

/* One result: the outcome was the expected one, and the device works still. */
void survived(struct client *c, bool as_expected, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- what attacks by way of rings share: hostile_ring.c --- */

enum outcome {
	BROKEN,		/* DEVICE_NEEDS_RESET */
	USED,		/* the buffer comes back */
	KEPT,		/* nothing happens: neither of them */
	REFUSED,	/* the queue cannot be enabled */
	ANY,		/* whatever it likes, but no harm */
};

enum { RX, TX, CTRL, KINDS };

extern const char *const kinds[KINDS];

struct vq *vq_of(struct client *c, int kind);
/* have the device look at a queue */
void provoke(struct vq *vq, int kind);
bool ends_as(struct vq *vq, enum outcome outcome);

#endif /* HOSTILE_H */
