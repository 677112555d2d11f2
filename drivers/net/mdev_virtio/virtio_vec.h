/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_VEC_H
#define VIRTIO_VEC_H

/*
 * What the vectorised bursts need of an instruction set. The compiler's own vectors do
 * nearly all; files that include this are built once for each set.
 */

#include <stdint.h>

#include <rte_common.h>
#include <rte_vect.h>

/*
 * No registers of 64 bytes: a processor that uses them may have to run at a lower clock, and
 * blocks of eight frames gain nothing by them.
 */
#if defined(__AVX2__)
#define VEC_BYTES 32
#else
#define VEC_BYTES 16
#endif

/* As many words as a register holds; at any address that a used element may have. */
typedef uint64_t __attribute__((vector_size(VEC_BYTES), aligned(4), may_alias)) vec_words;
#define VEC_LANES (VEC_BYTES / 8)

/* Two words: the middle of an mbuf. */
typedef uint64_t __attribute__((vector_size(16), aligned(8), may_alias)) vec_pair;

static const uint64_t vec_iota[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

/* Is any bit set? */
static VIRTIO_BURST_INLINE bool
vec_any(const vec_words *words)
{
#if VEC_BYTES == 32
	return !_mm256_testz_si256((__m256i)*words, (__m256i)*words);
#elif defined(__SSE4_1__)
	return !_mm_testz_si128((__m128i)*words, (__m128i)*words);
#else
	return ((*words)[0] | (*words)[1]) != 0;
#endif
}

/* Copy eight pointers. */
static VIRTIO_BURST_INLINE void
vec_copy8(void *to, const void *from)
{
	const vec_words *src = from;
	vec_words *dst = to;
	unsigned int i;

	for (i = 0; i < 8 / VEC_LANES; i++)
		dst[i] = src[i];
}

#endif /* VIRTIO_VEC_H */
