#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""vlan-frames.py send INTERFACE ID
vlan-frames.py receive INTERFACE ID

Sends frames of many sizes, with a VLAN tag or with none (ID "none"), and receives them with a
tag or with none. Ends with 1 if one does not arrive as it was sent. Needs no VLAN
interfaces, which not every kernel has.
"""

import hashlib
import socket
import struct
import sys
import time

ETHERTYPE = 0x88b5  # IEEE 802: for experiments
ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8
TP_STATUS_VLAN_VALID = 1 << 4
SIZES = range(49, 1499, 7)  # the last makes the largest frame


def content(size):
    """Payload of so many bytes, which says how many they are."""
    return struct.pack("!HH", ETHERTYPE, size) + hashlib.shake_128(
        b"frame %d" % size).digest(size)


def packet_socket(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((interface, 0))
    return sock


def send(interface, tag):
    with packet_socket(interface) as sock:
        source = sock.getsockname()[4]
        for size in SIZES:
            sock.send(b"\xff" * 6 + source + tag + content(size))
            time.sleep(0.001)
    return 0


def tag_of(data, ancillary):
    """The tag, which the kernel takes out of the frame, and the frame without it."""
    for level, kind, aux in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", aux[:20])
            if status & TP_STATUS_VLAN_VALID:
                return struct.pack("!HH", tpid, tci), data
    if data[12:14] == b"\x81\x00":
        return data[12:16], data[:12] + data[16:]
    return b"", data


def receive(interface, tag):
    missing = set(SIZES)
    with packet_socket(interface) as sock:
        sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        sock.settimeout(10)
        print("ready", flush=True)
        while missing:
            try:
                data, ancillary, _, peer = sock.recvmsg(65536, 256)
            except socket.timeout:
                print("not received: sizes %s" % sorted(missing))
                return 1
            found, data = tag_of(data, ancillary)
            if peer[2] == socket.PACKET_OUTGOING or \
                    data[12:14] != struct.pack("!H", ETHERTYPE):
                continue
            size = struct.unpack("!H", data[14:16])[0]
            if found != tag or data[12:] != content(size):
                print("size %d: tag %s, not %s, %s" % (size, found.hex(), tag.hex(),
                      "as it was sent" if data[12:] == content(size) else "changed"))
                return 1
            missing.discard(size)
    return 0


def main():
    what, interface, vlan = sys.argv[1:]
    tag = b"" if vlan == "none" else struct.pack("!HH", 0x8100, int(vlan))
    return send(interface, tag) if what == "send" else receive(interface, tag)


if __name__ == "__main__":
    sys.exit(main())
