# SPDX-License-Identifier: BSD-3-Clause
"""sniff.py INTERFACE: look at the TCP and UDP frames that pass an interface, until SIGTERM;
then print, for each direction, how many there were, how many had a checksum that is left to
the receiver (VIRTIO_NET_HDR_F_NEEDS_CSUM, with PACKET_VNET_HDR) and how many were of several
segments, the sizes of those, and the longest frame. The exit status is 1 if a checksum was
wrong: that of a pseudo header where it is left open, a whole one else.

It prints "sniffing" when it has begun."""

import signal
import socket
import struct
import sys
from array import array

SOL_PACKET, PACKET_VNET_HDR, PACKET_OUTGOING, SO_RCVBUFFORCE = 263, 15, 4, 33
VNET_HDR = struct.Struct('=BBHHHH')
NEEDS_CSUM, GSO_TYPES = 1, {0: None, 1: 'tcp4', 4: 'tcp6'}
OFFSETS = {6: 16, 17: 6}


def sum_of(*parts):
    """RFC 1071; all parts but the last have an even length."""
    data = b''.join(parts)
    total = sum(array('H', data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return socket.ntohs(total)


class Direction:
    def __init__(self):
        self.frames = self.partial = self.longest = self.bad = 0
        self.gso, self.sizes = {'tcp4': 0, 'tcp6': 0}, set()

    def __str__(self):
        return (f'frames={self.frames} partial={self.partial} tcp4={self.gso["tcp4"]} '
                f'tcp6={self.gso["tcp6"]} size={"/".join(map(str, sorted(self.sizes)))} '
                f'longest={self.longest} bad={self.bad}')

    def add(self, hdr, frame, proto, start, pseudo):
        flags, gso, _, size, csum_start, csum_offset = hdr
        field = struct.unpack_from('!H', frame, start + OFFSETS[proto])[0]
        self.frames += 1
        self.longest = max(self.longest, len(frame))
        if flags & NEEDS_CSUM:
            self.partial += 1
            good = (csum_start == start and csum_offset == OFFSETS[proto] and
                    field == sum_of(pseudo))
        else:
            good = field != 0 and sum_of(pseudo, frame[start:]) == 0xffff
        if frame[12:14] == b'\x08\x00':
            good = good and sum_of(frame[14:start]) == 0xffff
        kind = GSO_TYPES.get(gso & 0x7f, 'unknown')
        if kind is not None:
            good = good and kind != 'unknown' and flags & NEEDS_CSUM
            self.gso[kind] = self.gso.get(kind, 0) + 1
            self.sizes.add(size)
        self.bad += not good


def parse(frame):
    """Protocol, where its header begins, and its pseudo header; None if it is another."""
    if frame[12:14] == b'\x08\x00':
        proto, start, addrs = frame[23], 14 + 4 * (frame[14] & 15), frame[26:34]
    elif frame[12:14] == b'\x86\xdd':
        proto, start, addrs = frame[20], 54, frame[22:54]
    else:
        return None
    if proto not in OFFSETS:
        return None
    return proto, start, addrs + struct.pack('!II', len(frame) - start, proto)


def main(interface):
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sniffer.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sniffer.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    sniffer.bind((interface, 3))
    ways = {'in': Direction(), 'out': Direction()}

    def end(*_):
        for name, way in ways.items():
            print(name, way)
        sys.stdout.flush()
        sys.exit(any(way.bad for way in ways.values()))

    signal.signal(signal.SIGTERM, end)
    print('sniffing', flush=True)
    while True:
        data, address = sniffer.recvfrom(1 << 17)
        frame = data[VNET_HDR.size:]
        parsed = parse(frame)
        if parsed:
            way = ways['out' if address[2] == PACKET_OUTGOING else 'in']
            way.add(VNET_HDR.unpack_from(data), frame, *parsed)


if __name__ == '__main__':
    main(*sys.argv[1:])
