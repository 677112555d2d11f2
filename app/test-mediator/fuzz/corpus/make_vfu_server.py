#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write the inputs that fuzz_vfu_server begins with into corpus/vfu_server.

Each is a client that sends messages of one kind, most of them right.
"""

import os
import struct

(VERSION, DMA_MAP, DMA_UNMAP, GET_INFO, REGION_INFO, IO_FDS, IRQ_INFO, SET_IRQS, READ,
 WRITE, DMA_READ, DMA_WRITE, RESET) = range(1, 14)
NONE, BOOL, EVENTFD, MASK, UNMASK, TRIGGER = (1 << bit for bit in range(6))
SPARSE, PLAIN, REGIONS, ALL = 0, 1, 7, 5
IRQ_ALL, MSIX, SOFT, IRQS = 0, 2, 3, 4
REPLY, NO_REPLY = 1, 0x10
# byte 0 of an input, see fuzz_vfu_server.c
AGREED, FAIL, LATER, GONE, HALF_CLOSED = 1, 2, 4, 6, 8

CAPABILITIES = (b'{"capabilities":{"max_msg_fds":8,"max_data_xfer_size":1048576,'
                b'"pgsizes":4096,"max_dma_maps":65535,"twin_socket":{"supported":true,'
                b'"x":[1,-2.5e3,null,"\\u005f\\n"]},"write_multiple":false}}\0')


def message(command, data=b'', flags=0):
    """A message."""
    return struct.pack('<HHIII', 1, command, 16 + len(data), flags, 0) + data


def version(json, major=0):
    """VERSION."""
    return message(VERSION, struct.pack('<HH', major, 1) + json)


def dma_map():
    """DMA_MAP."""
    return message(DMA_MAP, struct.pack('<IIQQQ', 32, 3, 0x1000, 0x100000, 0x2000))


def dma_unmap(everything=False):
    """DMA_UNMAP."""
    return message(DMA_UNMAP, struct.pack('<IIQQ', 24, 2, 0, 0) if everything else
                   struct.pack('<IIQQ', 24, 0, 0x100000, 0x2000))


def region_info(argsz, index):
    """GET_REGION_INFO."""
    return message(REGION_INFO, struct.pack('<IIIIQQ', argsz, 0, index, 0, 0, 0))


def set_irqs(flags, index, start, count, bools=b''):
    """SET_IRQS."""
    return message(SET_IRQS, struct.pack('<IIIII', 20 + len(bools), flags, index, start,
                                         count) + bools)


def access(command, offset, region, count, data=b'', flags=0):
    """REGION_READ, REGION_WRITE."""
    return message(command, struct.pack('<QII', offset, region, count) + data, flags)


def four(command, *numbers):
    """A message of four numbers."""
    return message(command, struct.pack('<IIII', *numbers))


# name: settings, bytes at a time, fds, messages
INPUTS = {
    'version': (0, 0, 0, version(CAPABILITIES) * 2),
    'version_none': (0, 0, 0, version(b'')),
    'version_major': (0, 0, 0, version(b'{}\0', 1)),
    'version_wrong': (0, 5, 0, version(b'{"capabilities":{"max_msg_fds":"8"}}\0') +
                      version(CAPABILITIES)),
    'dma_map': (AGREED, 0, 1, dma_map()),
    'dma_map_later': (AGREED | LATER, 0, 1, dma_map() + dma_unmap()),
    'dma_map_gone': (AGREED | GONE | HALF_CLOSED, 0, 1, dma_map() + message(RESET)),
    'dma_unmap': (AGREED, 0, 0, dma_map() + dma_unmap() + dma_unmap(True)),
    'get_info': (AGREED, 0, 0, four(GET_INFO, 16, 0, 0, 0)),
    'region_info': (AGREED, 0, 0, b''.join(
        region_info(argsz, index) for index in range(REGIONS) for argsz in (32, 128))),
    'region_io_fds': (AGREED, 0, 0, four(IO_FDS, 4096, 0, SPARSE, 0) +
                      four(IO_FDS, 16, 0, SPARSE, 0)),
    'irq_info': (AGREED, 0, 0, b''.join(
        four(IRQ_INFO, 16, 0, index, 0) for index in range(IRQS))),
    'set_irqs_eventfd': (AGREED, 0, 4, set_irqs(EVENTFD | TRIGGER, MSIX, 8, 4)),
    'set_irqs_deassign': (AGREED, 0, 0, set_irqs(EVENTFD | TRIGGER, MSIX, 8, 4) +
                          set_irqs(NONE | TRIGGER, MSIX, 0, 0)),
    'set_irqs_bool': (AGREED, 0, 0,
                      set_irqs(BOOL | TRIGGER, MSIX, 8, 3, b'\1\0\1') +
                      set_irqs(NONE | MASK, IRQ_ALL, 0, 1) +
                      set_irqs(NONE | UNMASK, SOFT, 0, 1)),
    'region_read': (AGREED, 0, 0, access(READ, 16, PLAIN, 8) +
                    access(READ, 1 << 40, ALL, 4096)),
    'region_write': (AGREED | FAIL, 7, 0, access(WRITE, 16, PLAIN, 4, b'abcd') +
                     access(WRITE, 16, PLAIN, 4, b'abcd', NO_REPLY)),
    'reset_half_closed': (AGREED | HALF_CLOSED, 0, 0, message(RESET) +
                          message(RESET, b'', NO_REPLY) + message(RESET)),
    'commands': (AGREED, 0, 0, b''.join(message(command) for command in range(20))),
    'reply': (AGREED, 0, 0, message(DMA_READ, b'', REPLY)),
    'pieces': (AGREED, 1, 1, dma_map() + message(RESET)),
}


def main():
    """Write them."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'vfu_server')
    os.makedirs(folder, exist_ok=True)
    for name, (*settings, stream) in INPUTS.items():
        with open(os.path.join(folder, name), 'wb') as file:
            file.write(bytes(settings) + stream)


if __name__ == '__main__':
    main()
