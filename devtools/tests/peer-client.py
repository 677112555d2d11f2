#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""peer-client.py SOCKET: use a device of dpdk-mdev-mediator with the structures and
messages of libvfio-user's own tests (libvfio_user.py, in LIBVFIO_SO_DIR), up to a
command on the control queue and its interrupt. Exits with an assertion if something is
not as the specifications of vfio-user and VIRTIO 1.2 have it."""

import errno
import json
import mmap
import os
import socket
import struct
import sys

sys.path.insert(0, os.environ["LIBVFIO_SO_DIR"])
import libvfio_user as vfu  # noqa: E402

# There is no server in this process that would have to be run for each message.
vfu.vfu_run_ctx = lambda ctx, expect=0: 0

PAGE = 4096
TIMEOUT_S = 20
RING = 8
CAP_COMMON, CAP_NOTIFY, CAP_ISR, CAP_DEVICE = 1, 2, 3, 4
F_CTRL_VQ, F_CTRL_RX, F_VERSION_1 = 17, 18, 32
MSIX = vfu.VFU_DEV_MSIX_IRQ
CONFIG = vfu.VFU_PCI_DEV_CFG_REGION_IDX


def request(sock, command, payload, expect=0, fds=None):
    return vfu.msg(None, sock, command, payload, expect=expect, fds=fds)


def read(sock, region, offset, size, expect=0):
    data = vfu.read_region(None, sock, region, offset, size, expect=expect)
    return None if expect else int.from_bytes(data, "little")


def write(sock, region, offset, size, value):
    vfu.write_region(None, sock, region, offset, size, value.to_bytes(size, "little"))


def negotiate(sock):
    caps = json.dumps({"capabilities": {"max_msg_fds": 8}}).encode() + b"\0"
    answer = request(sock, vfu.VFIO_USER_VERSION, struct.pack(
        "HH", vfu.LIBVFIO_USER_MAJOR, vfu.LIBVFIO_USER_MINOR) + caps)
    assert struct.unpack("HH", answer[:4]) == (0, 1), answer[:4]
    assert answer.index(b"\0", 4) == len(answer) - 1, answer
    said = vfu.parse_json(answer[4:-1]).capabilities
    assert said.max_msg_fds >= 1 and said.max_data_xfer_size >= PAGE, said


def device_info(sock):
    answer = request(sock, vfu.VFIO_USER_DEVICE_GET_INFO, bytes(
        vfu.vfio_user_device_info(argsz=len(vfu.vfio_user_device_info()))))
    info, _ = vfu.vfio_user_device_info.pop_from_buffer(answer)
    assert info.flags & vfu.VFIO_DEVICE_FLAGS_PCI, info.flags
    assert info.num_regions >= CONFIG + 1 and info.num_irqs >= MSIX + 1
    # what is not there
    vfu.read_region(None, sock, 0xdead, 0, 4, expect=errno.EINVAL)
    return info


def region_info(sock, index):
    """Its size, flags, and mappable areas, which are mapped once."""
    size = len(vfu.vfio_region_info())
    ask = vfu.vfio_region_info(argsz=size, index=index)
    answer = request(sock, vfu.VFIO_USER_DEVICE_GET_REGION_INFO, bytes(ask))
    info, _ = vfu.vfio_region_info.pop_from_buffer(answer)
    fds = []
    if info.argsz > size:
        ask.argsz = info.argsz
        fds, answer = vfu.msg_fds(None, sock, vfu.VFIO_USER_DEVICE_GET_REGION_INFO,
                                  bytes(ask))
        info, rest = vfu.vfio_region_info.pop_from_buffer(answer)
        cap, rest = vfu.vfio_region_info_cap_sparse_mmap.pop_from_buffer(rest)
        assert cap.id == vfu.VFIO_REGION_INFO_CAP_SPARSE_MMAP, cap.id
        assert cap.nr_areas == 0 or len(fds) > 0, "areas, and no file to map"
        for _ in range(cap.nr_areas):
            area, rest = vfu.vfio_region_sparse_mmap_area.pop_from_buffer(rest)
            assert area.offset + area.size <= info.size
            mmap.mmap(fds[0], area.size, offset=info.offset + area.offset).close()
    for fd in fds:
        os.close(fd)
    return info


def virtio_caps(sock):
    """The places of VIRTIO 1.2 s. 4.1.4: type to (BAR, offset, notify multiplier)."""
    places = {}
    at = read(sock, CONFIG, 0x34, 1)
    while at:
        if read(sock, CONFIG, at, 1) == vfu.PCI_CAP_ID_VNDR:
            kind = read(sock, CONFIG, at + 3, 1)
            places.setdefault(kind, (read(sock, CONFIG, at + 4, 1),
                                     read(sock, CONFIG, at + 8, 4),
                                     read(sock, CONFIG, at + 16, 4)))
        at = read(sock, CONFIG, at + 1, 1)
    return places


class Common:
    """The common configuration (s. 4.1.4.3)."""

    FIELDS = {"dev_sel": (0, 4), "dev_feature": (4, 4), "drv_sel": (8, 4),
              "drv_feature": (12, 4), "msix_config": (16, 2), "num_queues": (18, 2),
              "status": (20, 1), "queue": (22, 2), "size": (24, 2), "vector": (26, 2),
              "enable": (28, 2), "notify_off": (30, 2), "desc": (32, 4),
              "desc_high": (36, 4), "driver": (40, 4), "driver_high": (44, 4),
              "device": (48, 4), "device_high": (52, 4)}

    def __init__(self, sock, place):
        self.sock, (self.bar, self.offset, _) = sock, place

    def get(self, name):
        at, size = self.FIELDS[name]
        return read(self.sock, self.bar, self.offset + at, size)

    def set(self, name, value):
        at, size = self.FIELDS[name]
        write(self.sock, self.bar, self.offset + at, size, value)

    def negotiate(self, features):
        offered = 0
        for half in (0, 1):
            self.set("dev_sel", half)
            offered |= self.get("dev_feature") << (32 * half)
        assert offered & features == features, hex(offered)
        self.set("status", 0)
        assert self.get("status") == 0
        self.set("status", 1)
        self.set("status", 3)
        for half in (0, 1):
            self.set("drv_sel", half)
            self.set("drv_feature", features >> (32 * half) & 0xffffffff)
        self.set("status", 0xb)
        assert self.get("status") == 0xb, hex(self.get("status"))


class Memory:
    """Some pages that the device is given."""

    def __init__(self, sock, address, pages):
        self.sock, self.address, self.size = sock, address, pages * PAGE
        self.fd = os.memfd_create("memory")
        os.ftruncate(self.fd, self.size)
        self.bytes = mmap.mmap(self.fd, self.size)
        self.map()

    def map(self, expect=0):
        request(self.sock, vfu.VFIO_USER_DMA_MAP, bytes(vfu.vfio_user_dma_map(
            argsz=len(vfu.vfio_user_dma_map()), addr=self.address, size=self.size,
            flags=vfu.VFIO_USER_F_DMA_REGION_READ | vfu.VFIO_USER_F_DMA_REGION_WRITE)),
            expect=expect, fds=[self.fd])

    def unmap(self, expect=0):
        request(self.sock, vfu.VFIO_USER_DMA_UNMAP, bytes(vfu.vfio_user_dma_unmap(
            argsz=len(vfu.vfio_user_dma_unmap()), addr=self.address, size=self.size)),
            expect=expect)


def set_vectors(sock, count):
    """An eventfd for each vector, one message for each as max_msg_fds may be 1."""
    fds = [vfu.eventfd() for _ in range(count)]
    for vector, fd in enumerate(fds):
        request(sock, vfu.VFIO_USER_DEVICE_SET_IRQS, bytes(vfu.vfio_irq_set(
            argsz=len(vfu.vfio_irq_set()), index=MSIX, start=vector, count=1,
            flags=vfu.VFIO_IRQ_SET_ACTION_TRIGGER | vfu.VFIO_IRQ_SET_DATA_EVENTFD)),
            fds=[fd])
    return fds


def irq_count(sock, index):
    answer = request(sock, vfu.VFIO_USER_DEVICE_GET_IRQ_INFO, bytes(
        vfu.vfio_irq_info(argsz=len(vfu.vfio_irq_info()), index=index)))
    info, _ = vfu.vfio_irq_info.pop_from_buffer(answer)
    assert info.flags & vfu.VFIO_IRQ_INFO_EVENTFD or info.count == 0
    return info.count


def control_command(sock, common, notify, memory, vector_fd):
    """RX_PROMISC off, by a split ring with one chain (s. 2.7, s. 5.1.6.5.1)."""
    queue = common.get("num_queues") - 1
    descriptors, avail, used, buffers = 0, PAGE, 2 * PAGE, 3 * PAGE
    common.set("queue", queue)
    common.set("size", RING)
    common.set("vector", 1)
    assert common.get("vector") == 1
    for name, offset in (("desc", descriptors), ("driver", avail), ("device", used)):
        common.set(name, (memory.address + offset) & 0xffffffff)
        common.set(name + "_high", (memory.address + offset) >> 32)
    common.set("enable", 1)
    common.set("status", 0xf)
    assert common.get("status") == 0xf, hex(common.get("status"))
    memory.bytes[buffers:buffers + 4] = b"\0\0\0\xff"  # class, command, off; the answer
    for i, (length, flags, following) in enumerate(((2, 1, 1), (1, 1, 2), (1, 2, 0))):
        memory.bytes[descriptors + 16 * i:descriptors + 16 * i + 16] = struct.pack(
            "<QIHH", memory.address + buffers + (0, 2, 3)[i], length, flags, following)
    memory.bytes[avail:avail + 6] = struct.pack("<HHH", 0, 1, 0)
    bar, offset, multiplier = notify
    write(sock, bar, offset + multiplier * common.get("notify_off"), 2, queue)
    assert int.from_bytes(os.read(vector_fd, 8), sys.byteorder) == 1
    assert struct.unpack("<HHII", memory.bytes[used:used + 12]) == (0, 1, 0, 1)
    assert memory.bytes[buffers + 3] == 0, "VIRTIO_NET_OK"


def main():
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(TIMEOUT_S)
    sock.connect(sys.argv[1])
    negotiate(sock)
    info = device_info(sock)
    sizes = [region_info(sock, i).size for i in range(info.num_regions)]
    assert sizes[CONFIG] >= vfu.PCI_CFG_SPACE_SIZE, sizes
    assert read(sock, CONFIG, 0, 4) == 0x10411af4
    write(sock, CONFIG, 4, 2, 0x406)  # memory, bus master
    assert irq_count(sock, MSIX) >= 2
    request(sock, vfu.VFIO_USER_DEVICE_GET_IRQ_INFO, bytes(vfu.vfio_irq_info(
        argsz=len(vfu.vfio_irq_info()), index=77)), expect=errno.EINVAL)
    places = virtio_caps(sock)
    assert set(places) >= {CAP_COMMON, CAP_NOTIFY, CAP_ISR, CAP_DEVICE}, places
    for kind in (CAP_COMMON, CAP_NOTIFY, CAP_ISR, CAP_DEVICE):
        assert places[kind][1] < sizes[places[kind][0]], "beyond its BAR"

    memory = Memory(sock, 1 << 40, 4)
    memory.map(expect=errno.EEXIST)
    other = Memory(sock, (1 << 40) + memory.size, 1)
    other.unmap()
    other.unmap(expect=errno.ENOENT)

    common = Common(sock, places[CAP_COMMON])
    fds = set_vectors(sock, 2)
    for _ in range(2):  # again after a reset
        common.negotiate(1 << F_VERSION_1 | 1 << F_CTRL_VQ | 1 << F_CTRL_RX)
        control_command(sock, common, places[CAP_NOTIFY], memory, fds[1])
        memory.bytes[:] = bytes(memory.size)
        request(sock, vfu.VFIO_USER_DEVICE_RESET, b"")
        assert common.get("status") == 0
        write(sock, CONFIG, 4, 2, 0x406)
    memory.unmap()
    print("libvfio-user's client: all is well")


if __name__ == "__main__":
    main()
