#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write the first inputs of fuzz_vfu_client; see there what they are made of."""

import os
import struct

AGREE, MEMORY, REGIONS, CONFIG = 1, 2, 4, 8
RAW, ERROR, COMMAND, WRITE, SIZE, EVENTFDS, PLACE = 1, 2, 4, 8, 16, 32, 64
PAGE = 4096
READABLE, WRITABLE, MAPPABLE, CAPS = 1, 2, 4, 8
SPARSE_MMAP = 1
EVENTFD, MASKABLE, NO_RESIZE = 1, 2, 8


def step(data=b'', flags=0, fds=0):
    """A message to the client."""
    return struct.pack('<BBH', flags, fds, len(data)) + data


def version(text, major=0, minor=1):
    """The reply to VERSION."""
    return step(struct.pack('<HH', major, minor) + text)


def info(regions=10, irqs=5):
    """The reply to DEVICE_GET_INFO."""
    return step(struct.pack('<IIII', 16, 1, regions, irqs))


def region(index, size=4 * PAGE, areas=(), offset=0, fds=1, more=b''):
    """The reply to DEVICE_GET_REGION_INFO."""
    flags = READABLE | WRITABLE | (MAPPABLE if fds else 0) | (CAPS if areas else 0)
    caps = more
    if areas:
        caps += struct.pack('<HHIII', SPARSE_MMAP, 1, 0, len(areas), 0)
        caps += b''.join(struct.pack('<QQ', *area) for area in areas)
    info_only = struct.pack('<IIIIQQ', 32 + len(caps), flags, index, 32 if caps else 0, size,
                            offset)
    # what is more than was asked for comes when it is asked for again
    return (step(info_only, 0, fds) if caps else b'') + step(info_only + caps, 0, fds)


def io_fds(index, entries, fds=1):
    """The reply to DEVICE_GET_REGION_IO_FDS."""
    head = struct.pack('<IIII', 16 + 40 * len(entries), 0, index, len(entries))
    data = b''.join(struct.pack('<QQIIIIQ', *entry) for entry in entries)
    return step(head) + step(head + data, EVENTFDS, fds)


def config(bars=(0x0c,), capabilities=b''):
    """A configuration space: identification, BARs and capabilities from 0x40 on."""
    space = struct.pack('<HHHH8x', 0x1af4, 0x1041, 0, 0x10)
    space += b''.join(struct.pack('<I', bar) for bar in bars)
    return step(space.ljust(0x34, b'\0') + b'\x40' + bytes(11) + capabilities)


def access(index, offset, data=b''):
    """The reply to REGION_READ."""
    return step(struct.pack('<QII', offset, index, len(data)) + data)


def irq(index, count, flags=EVENTFD):
    """The reply to DEVICE_GET_IRQ_INFO."""
    return step(struct.pack('<IIII', 16, flags, index, count))


def dma(address, count, data=b''):
    """A command of the server's."""
    flags = COMMAND | PLACE | (WRITE if data else 0)
    return step(struct.pack('<QQ', address, count) + data, flags)


def use(index, mapped=False, **options):
    """All that is asked of a region; mapped: so that its start needs no message."""
    if options.get('size') == 0:
        return region(index, **options)
    return (region(index, **options) + access(index, 0, bytes(4)) +
            io_fds(index, [(8, 2, 0, 0, 0, 0, 0)]) +
            (b'' if mapped else access(index, 4, bytes(16))))


ALL = AGREE | MEMORY | REGIONS
INPUTS = {
    'empty': (0, b''),
    'version': (0, version(b'{"capabilities":{"max_msg_fds":8,"max_dma_regions":8,'
                           b'"max_dma_maps":4,"pgsizes":4096}}\0') + info()),
    'version_none': (MEMORY, version(b'')),
    'version_other': (0, version(b'{}\0', 1)),
    'version_wrong': (0, version(b'{"capabilities":{"max_msg_fds":0}}\0')),
    'version_error': (0, step(struct.pack('<I', 22), ERROR)),
    'info_only': (AGREE, b''),
    'info_pci': (0, version(b'{}\0') + step(struct.pack('<IIII', 16, 3, 9, 5)) +
                 region(7, 256, fds=0) + access(7, 16, bytes(4))),
    'config': (ALL | CONFIG, config((0xfffff00c, 0xffffffff, 0xffffc000)) +
               b''.join(use(i, True) for i in (0, 1, 2, 3, 4, 5, 6, 8, 9))),
    'config_none': (ALL | CONFIG, config(())),
    'config_caps': (ALL | CONFIG, config((0xffffc000,),
                    struct.pack('<BBHII', 0x11, 0x40, 3, 0, 0x800)) + use(0, True) + use(1, True)),
    'plain': (ALL, b''.join(use(i, fds=0) for i in range(10))),
    'mappable': (ALL, b''.join(use(i, True) for i in range(10)) +
                 b''.join(irq(i, 4) for i in range(6))),
    'sparse': (ALL, use(0, True, areas=[(0, PAGE), (2 * PAGE, PAGE)]) +
               use(1, areas=[(PAGE, PAGE)], more=struct.pack('<HHI', 99, 1, 40)) +
               use(2, size=0)),
    'short_file': (ALL, use(0, size=1 << 20) + use(1, offset=1 << 40)),
    'irqs': (ALL, b''.join(use(i, size=0) for i in range(10)) +
             irq(0, 1, EVENTFD | MASKABLE) + irq(1, 0) + irq(2, 300) + irq(3, 1 << 31)),
    'dma_map': (AGREE | REGIONS, step() + use(0, True)),
    'dma_refused': (AGREE | REGIONS, step(struct.pack('<I', 28), ERROR) + use(0, True)),
    'dma_read': (ALL, dma(0, 64) + dma(PAGE, 1 << 20) + use(0)),
    'dma_write': (ALL, dma(16, 8, b'12345678') + dma(5 * PAGE, 4, b'1234') + use(0)),
    'raw': (ALL, step(struct.pack('<HHIII', 2, 5, 48, 1, 0) + bytes(32), RAW)),
    'sizes': (ALL, step(struct.pack('<I', 15), SIZE)),
    'too_many_fds': (ALL, region(0, fds=8)),
}


def main():
    """Write them."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'vfu_client')
    os.makedirs(folder, exist_ok=True)
    for name, (settings, steps) in INPUTS.items():
        with open(os.path.join(folder, name), 'wb') as file:
            file.write(bytes([settings]) + steps)


if __name__ == '__main__':
    main()
