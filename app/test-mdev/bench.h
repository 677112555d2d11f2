/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BENCH_H
#define BENCH_H

/*
 * Benchmarks. Each prints a table for people, or with json one object a line for each
 * measured point, and returns 0, or -1 after a message.
 */

#include <stdbool.h>

/* How the bus scales; args are numbers of devices, 10 to 10,000 if there are none. */
int bench_scan(bool json, unsigned int count, char **args);
/* From the start of this process to the first packet of its only port. */
int bench_first_packet(bool json, unsigned int count, char **args);
/* What the burst functions of two drivers cost, without a device that costs anything. */
int bench_burst(bool json, unsigned int count, char **args);
/* The same against a vhost backend in another process. */
int bench_vhost(bool json, unsigned int count, char **args);

#endif /* BENCH_H */
