#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""make_virtio_cvq.py FOLDER: write the first inputs of fuzz_virtio_cvq

For each ring layout: all commands and a device that answers them, and one that does not.
"""

import os
import struct
import sys

(PROMISC, ALLMULTI, MAC_TABLE, MAC_ADDR, VLAN, ANNOUNCE_ACK, QUEUE_PAIRS, COALESCE, HASH, RSS,
 STARTED, STOP, RESTART) = range(13)
WAITS, ANSWERS, ACK, USED, INDEX, WRITE, STATUS, GONE, STOPPED = range(9)
OK, ERR = 0, 1
DRIVER_OK, NEEDS_RESET = 4, 64


def command(number, arg, *turns):
    return bytes([number, arg]) + b"".join(turns)


def answer(ack=OK):
    return bytes([ANSWERS, ack])


def all_commands():
    data = b""
    for number in range(STARTED):
        data += command(number, 5, answer())
    data += command(STARTED, 0)
    for number in range(STARTED):
        data += command(number, 1, bytes([WAITS] * 3), answer(ERR))
    return data + command(STOP, 0) + command(RESTART, 0) + command(PROMISC, 1, answer())


def wrong():
    again = command(RESTART, 0)
    return (command(PROMISC, 1, bytes([USED]) + struct.pack("<II", 3, 1)) + again +
            command(PROMISC, 1, bytes([USED]) + struct.pack("<II", 0, 5)) + again +
            command(PROMISC, 1, bytes([INDEX]) + struct.pack("<H", 9)) + again +
            command(PROMISC, 1, bytes([WRITE]) + struct.pack("<HH", 6, 1), answer()) + again +
            command(PROMISC, 1, bytes([ACK, OK, STOPPED])) + again +
            command(PROMISC, 1, bytes([STATUS, DRIVER_OK | NEEDS_RESET]), bytes(64)) + again +
            command(PROMISC, 1, bytes([GONE]), bytes(64)) + again +
            command(PROMISC, 1, bytes(130)) + command(PROMISC, 0))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for settings in range(16):
        for name, data in (("commands", all_commands()), ("wrong", wrong())):
            with open(os.path.join(sys.argv[1], f"{name}_{settings:x}"), "wb") as out:
                out.write(bytes([settings]) + data)


if __name__ == "__main__":
    main()
