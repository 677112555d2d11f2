/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef WRAP_H
#define WRAP_H

/*
 * The linker has the objects of this program, the drivers' among them, call __wrap_x
 * for each x that meson.build names, and __real_x is x itself. Libraries keep calling x.
 * This begins the definition of such a function.
 */
#define WRAP_PROTO(type, name, ...) \
	type __real_ ## name(__VA_ARGS__); \
	type __wrap_ ## name(__VA_ARGS__); \
	type __wrap_ ## name(__VA_ARGS__)

#endif /* WRAP_H */
