# SPDX-License-Identifier: BSD-3-Clause
"""Flows for checks of receive-side scaling: each has a source address of its own, which
testpmd prints of each frame (set verbose 1).

flows.py send INTERFACE [COUNT]: COUNT frames of each flow, by turns; without COUNT go on
flows.py move KEY TABLE FUNCTIONS: print (entry,queue) of the table for each flow, one
    queue further than now
flows.py check KEY TABLE FUNCTIONS COUNT [STOPPED [REPORT]]: read what testpmd printed; were
    there COUNT frames of each flow, on the queue that KEY, TABLE (queues) and FUNCTIONS
    (of ip, tcp, udp) say, and with that hash? None of queue STOPPED (- for no queue). REPORT
    is hash, none for frames without a hash.

Lists have commas. The hash is Toeplitz's, computed bit by bit from the standard's words
(VIRTIO 1.2 s. 5.1.6.4.3)."""

import re
import socket
import struct
import sys
import time

KINDS = ('udp4', 'tcp4', 'udp6', 'tcp6', 'icmp4', 'icmp6', 'none')
FLOWS = 28


class Flow:
    def __init__(self, number):
        self.mac = bytes((2, 0, 0, 0, 1, number))
        self.kind = KINDS[number % len(KINDS)]
        self.v6 = self.kind.endswith('6')
        self.addrs = (bytes((0xfd, *13 * (0,), 1, 3 * number)) + bytes((0xfd, *14 * (0,), 9))
                      if self.v6 else bytes((10, 1, 0, 7 * number, 192, 0, 2, 9)))
        self.ports = struct.pack('!HH', 1000 + 77 * number, 5001)

    def frame(self):
        """Ethernet, IP and ports; what follows, and checksums, nobody looks at."""
        header = bytes((2, 0, 0, 0, 0, 9)) + self.mac
        if self.kind == 'none':
            return header + b'\x88\xb5' + bytes(46)
        proto = {'udp': 17, 'tcp': 6, 'icmp': 58 if self.v6 else 1}[self.kind[:-1]]
        l4 = self.ports + bytes(40)
        if self.v6:
            ip = struct.pack('!IHBB', 6 << 28, len(l4), proto, 64)
            return header + b'\x86\xdd' + ip + self.addrs + l4
        ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(l4), 0, 0, 64, proto, 0)
        return header + b'\x08\x00' + ip + self.addrs + l4

    def hashed(self, functions):
        """The bytes that the hash is over, None if there is no hash."""
        if self.kind[:-1] in functions:
            return self.addrs + self.ports
        return self.addrs if 'ip' in functions and self.kind != 'none' else None


def toeplitz(key, data):
    bits = int.from_bytes(key, 'big')
    shift = 8 * len(key) - 32
    value = 0
    for i in range(8 * len(data)):
        if data[i // 8] & 0x80 >> i % 8:
            value ^= bits >> (shift - i)
    return value & 0xffffffff


class Expected:
    def __init__(self, flow, key, table, functions):
        data = flow.hashed(functions)
        self.hash = None if data is None else toeplitz(key, data)
        # without a hash: the unclassified queue
        self.entry = None if data is None else self.hash % len(table)
        self.queue = 0 if data is None else table[self.entry]


def expected(key, table, functions):
    key, table = bytes.fromhex(key), [int(queue) for queue in table.split(',')]
    return {flow.mac: Expected(flow, key, table, functions.split(','))
            for flow in map(Flow, range(FLOWS))}, table


def send(interface, count='0'):
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    turn = 0
    while count == '0' or turn < int(count):
        for flow in map(Flow, range(FLOWS)):
            try:
                out.send(flow.frame())
            except OSError:
                pass  # the interface has no carrier for a moment
            # testpmd prints a burst at once, and has room for some frames of it
            time.sleep(0.002)
        turn += 1


def move(key, table, functions):
    flows, queues = expected(key, table, functions)
    for entry in sorted({flow.entry for flow in flows.values()} - {None}):
        print(f'({entry},{(queues[entry] + 1) % (max(queues) + 1)})')


def check(key, table, functions, count, stopped='-', report='both'):
    flows, _ = expected(key, table, functions)
    seen = {mac: 0 for mac in flows}
    wrong = []
    for line in sys.stdin:
        match = re.search(r'src=02:00:00:00:01:([0-9A-F]{2}) .*Receive queue=0x([0-9a-f]+)',
                          line)
        if not match:
            continue
        mac = bytes((2, 0, 0, 0, 1, int(match[1], 16)))
        value = re.search('RSS hash=0x([0-9a-f]+)', line)
        value = None if value is None else int(value[1], 16)
        want = flows[mac]
        seen[mac] += 1
        good_queue = report == 'hash' or int(match[2], 16) == want.queue
        if not good_queue or value != (None if report == 'queue' else want.hash):
            wrong.append(f'{line.strip()}: expected queue {want.queue}, hash {want.hash}')
    for mac, want in flows.items():
        expect = 0 if str(want.queue) == stopped else int(count)
        if seen[mac] != expect:
            wrong.append(f'{seen[mac]} frames, not {expect}, of {mac.hex(":")} '
                         f'(queue {want.queue})')
    used = {want.queue for want in flows.values()}
    print(f'{len(flows)} flows on queues {sorted(used)}, {sum(seen.values())} frames')
    if wrong:
        sys.exit('\n'.join(wrong))


if __name__ == '__main__':
    {'send': send, 'move': move, 'check': check}[sys.argv[1]](*sys.argv[2:])
