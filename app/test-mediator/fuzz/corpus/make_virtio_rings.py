#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""make_virtio_rings.py FOLDER: write the first inputs of fuzz_virtio_rings

One for each ring layout: frames received and sent by a device that keeps the rules.
"""

import os
import struct
import sys

RECEIVE, SEND, USED, PUBLISH, WRITE, HEADER, RESTART = range(7)
TRANSMIT = 0x80


def traffic(layout):
    data = bytes([layout, layout >> 4])
    for frame in range(20):
        header = struct.pack("<BBHHHHHIHH", frame % 3, frame % 6, 54, 1000, 34, 16, 1,
                             0x12345678, 1, 0)
        data += bytes([HEADER, frame % 16]) + header
        data += struct.pack("<BHH", USED, frame % 16, 112)
        data += bytes([RECEIVE, 1 + frame % 8])
        data += bytes([SEND, 1, 60])
        data += struct.pack("<BHH", USED | TRANSMIT, frame % 16, 0)
    return data + bytes([RESTART, RESTART | TRANSMIT, SEND, 4, 0x83, 0x43, 0x25, 0x3f])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for layout in range(64):
        with open(os.path.join(sys.argv[1], f"layout_{layout:02x}"), "wb") as out:
            out.write(traffic(layout))


if __name__ == "__main__":
    main()
