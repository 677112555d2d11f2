#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write the inputs that fuzz_ctrl_queue begins with into corpus/ctrl_queue.

Each is what a driver does that works: the fuzzer finds what does not by itself.
"""

import os
import struct
import sys

PACKED, INDIRECT = 1, 2
NEXT, WRITE, TABLE = 1, 2, 4
AVAIL, USED = 1 << 7, 1 << 15
RING, DRIVER, DEVICE, TABLES, DATA, ACK = 0, 0x400, 0x600, 0x800, 0x1000, 0x2000
SIZE = 8

COMMANDS = {
    'promisc': b'\0\0\1',
    'nobcast': b'\0\5\1',
    'mac_table': b'\1\0\1\0\0\0\2\0\0\0\0\7\1\0\0\0\1\0\x5e\0\0\1',
    'mac_addr': b'\1\1\2\3\4\5\6\7',
    'vlan': b'\2\0\x64\0',
    'announce': b'\3\0',
    'pairs': b'\4\0\2\0',
}


def write(offset, data):
    """The driver writes."""
    return struct.pack('<HH', len(data), offset) + data


RUN = struct.pack('<HH', 0, 0)


def chain(command, cuts):
    """(address, length, flags) of the descriptors of a command."""
    ends = [*cuts, len(command)]
    parts = [(DATA + start, end - start, NEXT)
             for start, end in zip([0, *ends], ends)]
    return [*parts, (ACK, 1, WRITE)]


def split_desc(part, following):
    """A descriptor, also of a table."""
    return struct.pack('<QIHH', *part, following)


def split(command, cuts, indirect, times):
    """One command several times: descriptors, available ring, index."""
    parts = chain(command, cuts)
    table = b''.join(split_desc(p, i + 1) for i, p in enumerate(parts))
    if indirect:
        yield write(TABLES, table)
        table = split_desc((TABLES, len(table), TABLE), 0)
    yield write(RING, table)
    yield write(DATA, command)
    for index in range(times):
        yield write(DRIVER + 4 + index % SIZE * 2, struct.pack('<H', 0))
        yield write(DRIVER + 2, struct.pack('<H', index + 1)) + RUN


def packed(command, cuts, indirect, times):
    """The same in a packed ring, whose wrap counter is 1 at first."""
    parts = chain(command, cuts)
    if indirect:
        table = b''.join(struct.pack('<QIHH', addr, length, 0, flags & WRITE)
                         for addr, length, flags in parts)
        yield write(TABLES, table)
        parts = [(TABLES, len(table), TABLE)]
    yield write(DATA, command)
    place, wrap = 0, True
    for _ in range(times):
        for addr, length, flags in parts:
            flags |= AVAIL if wrap else USED
            yield write(RING + place * 16,
                        struct.pack('<QIHH', addr, length, place, flags))
            place = (place + 1) % SIZE
            wrap = wrap != (place == 0)
        yield RUN


def main():
    """One file for each kind of ring and each command."""
    folder = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), 'ctrl_queue')
    os.makedirs(folder, exist_ok=True)
    for layout in (split, packed):
        for indirect in (False, True):
            flags = PACKED * (layout is packed) + INDIRECT * indirect
            config = struct.pack('<BBHHHH', flags, 0xff, SIZE, RING, DRIVER, DEVICE)
            name = layout.__name__ + ('_indirect' if indirect else '')
            for command, data in COMMANDS.items():
                cuts, times = ([2], 1) if command != 'vlan' else ([1, 2, 3], 5)
                steps = layout(data, cuts, indirect, times)
                with open(os.path.join(folder, f'{name}_{command}'), 'wb') as file:
                    file.write(config + b''.join(steps))


if __name__ == '__main__':
    main()
