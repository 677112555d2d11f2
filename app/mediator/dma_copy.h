/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_DMA_COPY_H
#define MEDIATOR_DMA_COPY_H

/*
 * Copies to a mapped file that its owner may cut short at any time: what is then a SIGBUS
 * is an error here.
 */

#include <stddef.h>

/* Take SIGBUS over, as often as it is called. Others' faults keep their handler. */
void dma_copy_init(void);

/* 0, or -EFAULT: there is no memory any more. Aligned 2, 4, 8 bytes are one access. */
int dma_copy_to(void *shared, const void *from, size_t len);

#endif /* MEDIATOR_DMA_COPY_H */
