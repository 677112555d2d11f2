#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""make_virtio_pci.py FOLDER: write the first inputs of fuzz_virtio_pci

Drivers that bring a function up, and accesses that lie across registers.
"""

import os
import struct
import sys

BAR, MSIX_BAR, CONFIG = range(3)
WRITE, RESET_DONE = 0x80, 0x40
REFUSE, SLOW_RESET, NO_START = 1, 2, 4
PAGE = 4096
NOTIFY = 3 * PAGE
(DFSELECT, DF, GFSELECT, GF, VECTOR, STATUS, Q_SELECT, Q_SIZE, Q_VECTOR, Q_ENABLE, Q_DESC,
 Q_AVAIL, Q_USED) = (0, 4, 8, 12, 16, 20, 22, 24, 26, 28, 32, 40, 48)
VERSION_1, PACKED = 1 << 32, 1 << 34
LENGTH = 56


def read(region, offset, length):
    return struct.pack("<BHB", region, offset, length)


def write(region, offset, data, flags=0):
    return struct.pack("<BHB", region | WRITE | flags, offset, len(data)) + data


def register(offset, form, value):
    return write(BAR, offset, struct.pack("<" + form, value))


def drive(features, size):
    data = read(BAR, 0, LENGTH) + register(STATUS, "B", 0)
    data += register(STATUS, "B", 1) + register(STATUS, "B", 3)
    for half in range(2):
        data += register(DFSELECT, "I", half) + read(BAR, DF, 4)
        data += register(GFSELECT, "I", half)
        data += register(GF, "I", features >> 32 * half & 0xffffffff)
    data += register(STATUS, "B", 11) + register(VECTOR, "H", 0)
    for queue in range(6):
        data += register(Q_SELECT, "H", queue) + register(Q_SIZE, "H", size)
        data += register(Q_VECTOR, "H", queue + 1)
        for part, offset in enumerate((Q_DESC, Q_AVAIL, Q_USED)):
            data += register(offset, "Q", (3 * queue + part) << 12)
        data += register(Q_ENABLE, "H", 1)
    data += register(STATUS, "B", 15) + register(Q_VECTOR, "H", 2)
    for offset in (NOTIFY, NOTIFY + 4, NOTIFY + PAGE, NOTIFY + 2 * PAGE - 1):
        data += write(BAR, offset, b"\0\0")
    data += read(BAR, PAGE, 1) + read(BAR, 2 * PAGE, 255)
    return data + write(BAR, STATUS, b"\0") + write(BAR, Q_SELECT, b"\1\0", RESET_DONE)


def window(offset, length, value):
    """By the capability in the configuration space, wherever it is."""
    data = b""
    for cap in range(0x40, 0xe0, 4):
        data += write(CONFIG, cap + 4, struct.pack("<BBHII", 4, 0, 0, offset, length))
        data += write(CONFIG, cap + 16, struct.pack("<I", value)) + read(CONFIG, cap + 16, 4)
    return data


def inputs():
    for name, settings in (("plain", 0), ("refuse", REFUSE), ("slow", SLOW_RESET),
                           ("no_start", NO_START)):
        yield "split_" + name, settings, drive(VERSION_1, 64) * 2
        yield "packed_" + name, settings, drive(VERSION_1 | PACKED, 63) * 2
    yield "legacy", 0, drive(0x21, 64)
    yield "too_large", 0, drive(VERSION_1, 512)
    yield "across", 0, write(BAR, 0, bytes(range(LENGTH))) + read(BAR, 3, 50)
    yield "past_the_end", 0, write(BAR, LENGTH - 1, bytes(8)) + read(BAR, PAGE - 1, 3)
    yield "msix", 0, (write(MSIX_BAR, 0, bytes(range(200))) + read(MSIX_BAR, 90, 20) +
                      write(MSIX_BAR, PAGE, bytes(8)) + read(MSIX_BAR, PAGE, 8))
    yield "config", 0, read(CONFIG, 0, 255) + write(CONFIG, 0, b"\xff" * 255)
    yield "window", 0, window(STATUS, 1, 1)
    yield "window_outside", 0, window(8 * PAGE, 4, 1)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name, settings, data in inputs():
        with open(os.path.join(sys.argv[1], name), "wb") as out:
            out.write(bytes([settings]) + data)


if __name__ == "__main__":
    main()
