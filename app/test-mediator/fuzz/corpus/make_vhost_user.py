#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""make_vhost_user.py FOLDER: write the first inputs of fuzz_vhost_user

Backends that are used as a device uses one: well, and with one thing that is wrong.
"""

import os
import struct
import sys

(ROUND, REPLY, GOOD, HEADER, BYTES, HANG_UP, LATE, START, STOP, MEMORY, ENABLE, CALL,
 CONNECT) = range(13)
FLAG = 0x80
LISTEN, PAIRS_2, NARROW, SETTLED = 1, 2, 8, 0x80
UP, DOWN, DONE, CALLED = (number << 4 for number in range(1, 5))
GET_FEATURES, GET_PROTOCOL_FEATURES = 1, 15
ALL = bytes([GOOD, 80])


def reply(value):
    return bytes([REPLY]) + struct.pack("<Q", value)


def header(request, flags, size):
    return bytes([HEADER, request]) + struct.pack("<HH", flags, size)


def start(rings, flag=0):
    return bytes([START | flag, rings]) + bytes(rings)


def used():
    """All operations, each of which is answered."""
    return (ALL + start(4) + ALL + bytes([CALL, 1]) + ALL + bytes([ENABLE, 2]) + ALL +
            bytes([MEMORY, 0x22]) + ALL + bytes([MEMORY, 1]) + ALL + bytes([STOP]) + ALL +
            bytes([MEMORY | FLAG, 0x31]) + ALL + bytes([MEMORY | FLAG, 0]) + ALL +
            bytes([MEMORY | FLAG, 1]) + ALL + start(2, FLAG) + ALL + bytes([CALL | FLAG, 0]) +
            ALL + bytes([CONNECT, HANG_UP, ROUND]) + ALL + start(4) + ALL)


def inputs():
    for name, settings in (("connect", PAIRS_2), ("listen", PAIRS_2 | LISTEN),
                           ("one_pair", 0), ("narrow", PAIRS_2 | NARROW),
                           ("settled", PAIRS_2 | SETTLED), ("gone_up", PAIRS_2 | UP),
                           ("gone_down", PAIRS_2 | LISTEN | DOWN),
                           ("gone_done", PAIRS_2 | DONE), ("gone_called", PAIRS_2 | CALLED)):
        yield name, settings, used()
    plain = bytes([ROUND]) + reply(1 << 32)
    no_ack = bytes([ROUND]) + reply(1 << 32 | 1 << 30) + bytes([ROUND]) + reply(0)
    for name, hello in (("plain", plain), ("no_ack", no_ack)):
        yield name, 0, hello + start(2) + ALL + bytes([STOP]) + ALL
    yield "no_queues", 0, bytes([GOOD, 2]) + reply(0) + ALL
    yield "refused", 0, ALL + start(2) + bytes([GOOD, 3]) + reply(1) + ALL + start(2) + ALL
    yield "wrong_base", 0, (ALL + start(2) + ALL + bytes([STOP]) + reply(7) + ALL +
                            start(2) + ALL)
    yield "late", 0, bytes([LATE]) + ALL + start(2) + bytes([ROUND, LATE, ROUND]) + ALL
    yield "sent_to_nobody", 0, ALL + bytes([HANG_UP]) + start(2) + bytes([ROUND]) + ALL
    yield "half_closed", 0, ALL + start(2) + bytes([HANG_UP | FLAG, ROUND]) + ALL
    yield "nobody_asked", 0, ALL + header(GET_FEATURES, 5, 8) + ALL
    for name, request, flags, size in (("request", GET_PROTOCOL_FEATURES, 5, 8),
                                       ("version", GET_FEATURES, 4, 8),
                                       ("no_reply", GET_FEATURES, 1, 8),
                                       ("size", GET_FEATURES, 5, 9)):
        yield "wrong_" + name, 0, bytes([ROUND]) + header(request, flags, size) + ALL
    pieces = struct.pack("<III", GET_FEATURES, 5, 8)
    yield "pieces", 0, (bytes([ROUND, BYTES, 5]) + pieces[:5] + bytes([ROUND, BYTES, 7]) +
                        pieces[5:] + bytes([ROUND, BYTES, 8]) + bytes(8) + ALL)
    yield "with_fd", 0, bytes([ROUND, BYTES | FLAG, 5]) + pieces[:5] + ALL


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name, settings, data in inputs():
        with open(os.path.join(sys.argv[1], name), "wb") as out:
            out.write(bytes([settings]) + data)


if __name__ == "__main__":
    main()
