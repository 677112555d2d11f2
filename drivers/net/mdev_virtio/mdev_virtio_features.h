/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MDEV_VIRTIO_FEATURES_H
#define MDEV_VIRTIO_FEATURES_H

#include <stdint.h>
#include <stdio.h>

/* The name that VIRTIO gives a feature bit; NULL if it gives none. */
const char *mdev_virtio_feature_name(unsigned int bit);

/* Print the name of each feature, or its number, in a line of its own. */
void mdev_virtio_features_print(FILE *file, const char *indent, uint64_t features);

#endif /* MDEV_VIRTIO_FEATURES_H */
