# SPDX-License-Identifier: BSD-3-Clause
"""What tests of usertools/dpdk-mdev.py share: the tool in a folder, and trees of sysfs, proc and
/run that are made up; see usertools.sh.

usage: BUILD=folder python3 -m unittest test_dpdk_mdev_show
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.environ.get("BUILD", os.path.join(REPO, "build"))
NOBODY = 65534

A = "0000000a-abcd-4ef0-9abc-def012345678"
B = "0000000b-abcd-4ef0-9abc-def012345678"
C = "0000000c-abcd-4ef0-9abc-def012345678"
D = "0000000d-abcd-4ef0-9abc-def012345678"


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def link(target, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(target, path)


def mdev_id(device_api, mdev_type, parent, vendor=0xffff, device=0xffff):
    return {"device_api": device_api, "type": mdev_type, "parent": parent,
            "pci": [vendor, device]}


class Base(unittest.TestCase):
    """A folder that every user can look into, with the tool in it."""

    def setUp(self):
        self.work = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.work)
        os.chmod(self.work, 0o755)
        self.tool = shutil.copy(os.path.join(REPO, "usertools", "dpdk-mdev.py"), self.work)
        self.root = os.path.join(self.work, "root")
        os.mkdir(self.root)
        self.env = {"PATH": os.environ["PATH"]}
        self.before = ["--sysroot", self.root]
        self.wrapper = []
        self.drivers = os.path.join(self.work, "drivers")
        self.driver("net_none", [mdev_id("none", None, None)])

    def driver(self, name, ids):
        """A library with PMD information of a driver."""
        info = json.dumps({"name": name, "pci_ids": [], "mdev_ids": ids})
        path = os.path.join(self.drivers, f"lib{name}.so")
        write(path, f"\x7fELF\0\0PMD_INFO_STRING= {info}\0more\0")
        return path

    def run_tool(self, *args, user=None):
        """The tool; what it printed to both, and its exit status."""
        return subprocess.run([*self.wrapper, sys.executable, self.tool, *self.before,
                               "--drivers", self.drivers, *args], env=self.env, user=user,
                              capture_output=True, text=True, check=False)

    def prints(self, *args, **kwargs):
        """What it prints when all is well."""
        done = self.run_tool(*args, **kwargs)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def json(self, *args, **kwargs):
        return json.loads(self.prints("--json", *args, **kwargs))

    def refuses(self, line, *args, status=1, **kwargs):
        """It says this line, and nothing else."""
        done = self.run_tool(*args, **kwargs)
        self.assertEqual((done.stderr, done.stdout), (f"dpdk-mdev.py: {line}\n", ""))
        self.assertEqual(done.returncode, status)


class MadeUp(Base):
    """Trees of sysfs and proc that are made up."""

    def setUp(self):
        super().setUp()
        self.process(1, ["/sbin/init"], "")

    def parent(self, name, types, numa=None):
        """A parent in the kernel. types: (name, free) each"""
        link(f"../../devices/{name}", f"{self.root}/sys/class/mdev_bus/{name}")
        folder = f"{self.root}/sys/devices/{name}"
        if numa is not None:
            write(f"{folder}/numa_node", f"{numa}\n")
        for mdev_type, free in types:
            path = f"{folder}/mdev_supported_types/{mdev_type}"
            write(f"{path}/device_api", "vfio-pci\n")
            write(f"{path}/name", f"the {mdev_type}\n")
            write(f"{path}/available_instances", f"{free}\n")
            write(f"{path}/create", "")

    def device(self, uuid, parent, mdev_type, group):
        folder = f"{self.root}/sys/devices/{parent}/{uuid}"
        link(f"../mdev_supported_types/{mdev_type}", f"{folder}/mdev_type")
        link(f"../../../kernel/iommu_groups/{group}", f"{folder}/iommu_group")
        write(f"{folder}/remove", "")
        link(f"../../../devices/{parent}/{uuid}",
             f"{self.root}/sys/bus/mdev/devices/{uuid}")
        return folder

    def process(self, pid, command, maps, fds=()):
        folder = f"{self.root}/proc/{pid}"
        write(f"{folder}/cmdline", "".join(word + "\0" for word in command))
        write(f"{folder}/comm", os.path.basename(command[0])[:15] + "\n")
        write(f"{folder}/maps", maps)
        os.makedirs(f"{folder}/fd")
        for i, target in enumerate(fds):
            link(target, f"{folder}/fd/{i}")

    def four(self):
        """Four devices: of DPDK, of a virtual machine, of another process, of nobody."""
        self.parent("gpu0", [("vgpu-1", 0)], numa=1)
        self.parent("nic", [("nic-mmap", 62), ("nic-trap", 7)])
        self.device(A, "nic", "nic-mmap", 3)
        self.device(B, "gpu0", "vgpu-1", 4)
        self.device(C, "nic", "nic-mmap", 5)
        self.device(D, "nic", "nic-trap", 30)
        self.process(11, ["/usr/bin/dpdk-testpmd", "-l", "0", "--file-prefix=left", "--", "-i"],
                     "7f00-7f01 r-xp 0 08:01 5 /usr/lib/librte_eal.so.23.0\n",
                     ["/dev/null", "/dev/vfio/vfio", "/dev/vfio/3"])
        self.process(12, ["/usr/bin/qemu-system-x86_64", "-name", "guest=web1,debug-threads=on"],
                     "", ["anon_inode:kvm-vm", "/dev/vfio/4"])
        self.process(13, ["./hold", A], "7f00-7f01 r-xp 0 08:01 5 /usr/lib/libc.so.6\n",
                     ["/dev/vfio/devices/vfio0"])
        self.process(14, ["bash"], "", ["/dev/vfio/33", "/dev/vfio/vfio"])
        os.makedirs(f"{self.root}/sys/devices/nic/{C}/vfio-dev/vfio0")

    def mediator_folder(self, root, name, uuid):
        folder = f"{root}/{name}"
        write(f"{folder}/mdev_supported_types/virtio_net/device_api", "vfio-pci\n")
        os.makedirs(f"{folder}/{uuid}")
        os.symlink("../mdev_supported_types/virtio_net", f"{folder}/{uuid}/mdev_type")
        link(f"../{name}/{uuid}", f"{root}/devices/{uuid}")
        return folder

    def not_seen(self, uuid):
        """Nobody knows who has it, so it is not removed but with --force."""
        device = next(d for d in self.json()["devices"] if d["uuid"] == uuid)
        self.assertIsNone(device["holders"])
        self.refuses(f"mdev:{uuid}: who has it cannot be seen: run this as root, outside of "
                     "containers; or use --force", "--remove", uuid)
        path = f"{self.root}/sys/bus/mdev/devices/{uuid}/remove"
        self.assertEqual(read(path), "")
        self.prints("--remove", uuid, "--force")
        self.assertEqual(read(path), "1\n")
