/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MDEV_VIRTIO_FEATURES_H
#define MDEV_VIRTIO_FEATURES_H

#include <stdint.h>
#include <stdio.h>

/* The name that VIRTIO gives a feature bit; NULL if it gives none. */
const char *mdev_virtio_feature_name(unsigned int bit);

/* Print the name of each feature, or its number, in a line of its own. */
void mdev_virtio_features_print(FILE *file, const char *indent, uint64_t features);

/* For debugging: which of the features that are offered are used, and which are not. */
void mdev_virtio_features_log(const char *name, uint64_t offered, uint64_t used);

#endif /* MDEV_VIRTIO_FEATURES_H */
