# SPDX-License-Identifier: BSD-3-Clause
"""Tests of usertools/dpdk-mdev.py; see usertools.sh.

usage: BUILD=folder python3 -m unittest test_dpdk_mdev
"""

import concurrent.futures
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
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

    def test_nothing(self):
        self.assertEqual(self.prints(), """
Parents and their types
=======================
none: load a kernel module that has mediated devices, or start dpdk-mdev-mediator

Mediated devices
================
none: make one with --create TYPE
""")

    def test_table(self):
        self.four()
        self.driver("net_nic", [mdev_id("vfio-pci", "nic-m*", None),
                                mdev_id("vfio-pci", None, None, 0x1af4, 0x1041)])
        self.assertEqual(self.prints("--status"), f"""
Parents and their types
=======================
WORLD   PARENT  TYPE      API       FREE  NAME
kernel  gpu0    vgpu-1    vfio-pci  0     the vgpu-1
kernel  nic     nic-mmap  vfio-pci  62    the nic-mmap
kernel  nic     nic-trap  vfio-pci  7     the nic-trap

Mediated devices
================
UUID                                  WORLD   PARENT  TYPE      DRIVER        HELD BY
{A}  kernel  nic     nic-mmap  net_nic       DPDK dpdk-testpmd (pid 11) file-prefix left
{B}  kernel  gpu0    vgpu-1    net_nic (-a)  VM web1 qemu-system-x86_64 (pid 12)
{C}  kernel  nic     nic-mmap  net_nic       hold (pid 13)
{D}  kernel  nic     nic-trap  net_nic (-a)  nobody

driver (-a): if the application names the device (-a mdev:<uuid>), and if its PCI ids, \
which cannot be seen before, are the driver's
""")

    def test_json(self):
        self.four()
        found = self.json()
        self.assertEqual([(p["world"], p["parent"], [t["type"] for t in p["types"]])
                          for p in found["parents"]],
                         [("kernel", "gpu0", ["vgpu-1"]),
                          ("kernel", "nic", ["nic-mmap", "nic-trap"])])
        self.assertEqual(found["parents"][1]["types"][0]["available_instances"], 62)
        self.assertEqual([d["uuid"] for d in found["devices"]], [A, B, C, D])
        self.assertEqual([d["numa_node"] for d in found["devices"]], [None, 1, None, None])
        self.assertEqual([h["kind"] for d in found["devices"] for h in d["holders"]],
                         ["dpdk", "vm", "other"])
        self.assertEqual(found["devices"][3]["holders"], [])
        self.assertEqual(found["devices"][0]["holders"][0],
                         {"pid": 11, "kind": "dpdk", "name": "dpdk-testpmd",
                          "file_prefix": "left",
                          "command": "/usr/bin/dpdk-testpmd -l 0 --file-prefix=left -- -i"})

    def test_processes(self):
        """Several have a device; what EAL maps tells a DPDK process by any name."""
        self.parent("nic", [("nic-mmap", 1)])
        self.device(A, "nic", "nic-mmap", 3)
        for pid, maps in enumerate(("7f00 rw-s 0 0 1 /run/dpdk/rte7/config\n",
                                    "7f00 rw-s 0 0 1 /dev/hugepages/rtemap_0\n",
                                    "7f00 rw-s 0 0 1 /memfd:nohuge (deleted)\n",
                                    "7f00 r--p 0 0 1 /home/dpdk/config\n"), 20):
            self.process(pid, ["/opt/fw"], maps, ["/dev/vfio/noiommu-3"])
        holders = self.json()["devices"][0]["holders"]
        self.assertEqual([h["kind"] for h in holders], ["dpdk", "dpdk", "dpdk", "other"])
        self.assertEqual(holders[0]["file_prefix"], "rte7")
        self.assertNotIn("file_prefix", holders[1])

    def test_unseen(self):
        """An ordinary user does not see who has it, and is told so."""
        if os.geteuid() != 0:
            self.skipTest("needs root, who can be somebody else")
        self.four()
        os.chmod(f"{self.root}/proc/11/fd", 0o700)
        write(f"{self.root}/dev/vfio/3", "")
        os.chmod(f"{self.root}/dev/vfio/3", 0o600)
        found = self.json(user=NOBODY)
        self.assertEqual([d["holders"] is None for d in found["devices"]],
                         [True, False, False, True])
        self.assertEqual(found["notes"][:2], [
            f"mdev:{A}: this user may not open /dev/vfio/3: run the application as root, or "
            "give the user read and write permission",
            "held by ?: not all processes can be seen: run this as root, outside of "
            "containers"])
        self.refuses(f"no permission to write to {self.root}/sys/class/mdev_bus/nic/"
                     "mdev_supported_types/nic-mmap/create: run this as root",
                     "--create", "nic-mmap", user=NOBODY)
        self.refuses(f"no permission to write to {self.root}/sys/bus/mdev/devices/{D}/remove: "
                     "run this as root", "--remove", D, "--force", user=NOBODY)

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

    def test_hidden(self):
        """/proc without the processes of others, as hidepid has it."""
        self.four()
        shutil.rmtree(f"{self.root}/proc/1")
        holders = [d["holders"] for d in self.json()["devices"]]
        self.assertEqual([h and h[0]["pid"] for h in holders], [11, 12, 13, None])
        self.not_seen(D)

    def test_container(self):
        """/proc of another namespace of pids, which has a process 1, too."""
        inside = ["unshare", "--pid", "--fork", "--mount-proc"]
        if os.geteuid() != 0 or subprocess.run([*inside, "true"], check=False,
                                               stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("needs root, who may make a namespace")
        self.four()
        self.wrapper = inside
        self.before = ["--no-mdevctl"]
        self.env.update(SYSFS_MDEV_DEVICES=f"{self.root}/sys/bus/mdev/devices",
                        RUN_MDEV_DEVICES=f"{self.root}/none")
        self.not_seen(D)

    def test_no_group(self):
        """What no VFIO driver took cannot be held: that it can be removed is known."""
        self.parent("nic", [("nic-mmap", 1)])
        self.device(A, "nic", "nic-mmap", 3)
        os.remove(f"{self.root}/sys/devices/nic/{A}/iommu_group")
        shutil.rmtree(f"{self.root}/proc/1")
        self.prints("--remove", A)
        self.assertEqual(read(f"{self.root}/sys/devices/nic/{A}/remove"), "1\n")

    def test_drivers(self):
        """As mdev_match() of the bus."""
        self.four()
        self.driver("by_parent", [mdev_id("vfio-pci", None, "n?c", 0x1af4, 0x1041)])
        self.driver("by_both", [mdev_id("vfio-pci", "*-trap", "gpu0")])
        self.driver("other_api", [mdev_id("vfio-ccw", "*", "*")])
        self.driver("by_pci", [mdev_id("vfio-pci", None, None, 0x10de)])
        # no table of ours, and none of anybody
        write(f"{self.drivers}/libbad.so", "PMD_INFO_STRING= {\"mdev_ids\": [[]]}\0"
              "PMD_INFO_STRING= {mdev_ids\0PMD_INFO_STRING= {\"mdev_ids\": 1}\0")
        write(f"{self.drivers}/libempty.so", "")
        os.symlink("libby_pci.so", f"{self.drivers}/libby_pci.so.23")
        found = self.json()
        pci = {"name": "by_pci", "if_named": True, "pci_ids": ["10de:*"]}
        parent = {"name": "by_parent", "if_named": False, "pci_ids": ["1af4:1041"]}
        self.assertEqual([d["drivers"] for d in found["devices"]],
                         [[parent, pci], [pci], [parent, pci], [parent, pci]])
        self.assertEqual([driver["name"] for driver in found["drivers"]],
                         ["by_both", "by_parent", "by_pci", "net_none", "other_api"])
        shutil.rmtree(self.drivers)
        found = self.json()
        self.assertEqual(found["drivers"], [])
        self.assertEqual(found["notes"], [
            "driver ?: no driver library says which mediated devices it serves: name its "
            "folder with --drivers"])

    def test_odd(self):
        """Names and attributes that are no text, not there, or endless."""
        self.parent("nic", [("nic-\x1b[31m", 1), ("nic-b", "many")])
        write(f"{self.root}/sys/devices/nic/mdev_supported_types/nic-b/name", "x" * 5000)
        write(f"{self.root}/sys/devices/nic/mdev_supported_types/nic-b/device_api", "a\x1bb\n")
        os.makedirs(f"{self.root}/sys/bus/mdev/devices/{A}")
        link("nowhere", f"{self.root}/sys/bus/mdev/devices/{B}")
        link("nowhere", f"{self.root}/sys/bus/mdev/devices/not-a-uuid")
        out = self.prints()
        self.assertNotIn("\x1b", out)
        self.assertIn("kernel  nic     nic-\\x1b[31m  vfio-pci  1     -\n", out)
        self.assertIn("kernel  nic     nic-b         -         ?     -\n", out)
        self.assertIn(f"{A}  kernel  -       -     -       ?\n", out)
        self.assertIn(f"{B}  kernel  -       -     -       ?\n", out)
        self.assertIn(f"mdev:{A}: has no VFIO group: no VFIO driver of the kernel took it: see "
                      "the kernel's log (dmesg)\n", out)
        self.assertNotIn("not-a-uuid", out)

    def test_create(self):
        self.four()
        types = f"{self.root}/sys/devices/nic/mdev_supported_types"
        new = self.prints("--create", "nic-trap").strip()
        self.assertRegex(new, "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$")
        self.assertEqual(read(f"{types}/nic-trap/create"), new)
        other = "000000AA-abcd-4ef0-9abc-def012345678"
        self.assertEqual(self.json("--create", "nic-mmap", "--uuid", other),
                         {"created": other.lower(), "parent": "nic", "type": "nic-mmap"})
        self.assertEqual(read(f"{types}/nic-mmap/create"), other.lower())

    def test_create_refused(self):
        self.refuses("no parent has the type x: load a kernel module that has mediated devices, "
                     "or start dpdk-mdev-mediator", "--create", "x")
        self.four()
        self.parent("nic2", [("nic-mmap", 1)])
        self.refuses("no parent has the type x: there are nic-mmap, nic-trap, vgpu-1",
                     "--create", "x")
        self.refuses("several parents have the type nic-mmap: choose one with --parent: nic, "
                     "nic2", "--create", "nic-mmap")
        self.refuses("parent gpu0 has no type nic-mmap: name one that has it, with --parent: "
                     "nic, nic2", "--create", "nic-mmap", "--parent", "gpu0")
        self.refuses("gpu0 has no vgpu-1 left: remove a device, or choose another type or parent "
                     "(see --status)", "--create", "vgpu-1")
        self.refuses(f"mdev:{A}: exists already, of nic: remove it first, or choose another UUID",
                     "--create", "nic-trap", "--uuid", A.upper())
        self.refuses("nic is a parent in the kernel, whose devices have no backend: leave "
                     "--backend out", "--create", "nic-trap", "--backend", "/x")
        create = f"{self.root}/sys/devices/nic/mdev_supported_types/nic-trap/create"
        self.assertEqual(read(create), "")
        os.remove(create)
        os.symlink("/dev/full", create)
        self.refuses(f"mdev:{C[:-1]}0: nic makes no nic-trap: No space left on device: see "
                     "--status and the kernel's log (dmesg)",
                     "--create", "nic-trap", "--uuid", C[:-1] + "0")

    def test_remove(self):
        self.four()
        self.assertEqual(self.prints("--remove", D.upper()), "")
        self.assertEqual(read(f"{self.root}/sys/devices/nic/{D}/remove"), "1\n")
        self.refuses(f"mdev:{A}: in use by DPDK dpdk-testpmd (pid 11) file-prefix left: end that, "
                     "or detach the device there; or have it asked to let go (--force)",
                     "--remove", A)
        self.refuses(f"mdev:{D[:-1]}0: no such device: see --status", "--remove", D[:-1] + "0")
        self.assertEqual(read(f"{self.root}/sys/devices/nic/{A}/remove"), "")
        self.assertEqual(self.json("--remove", A, "--force"), {"removed": A})
        self.assertEqual(read(f"{self.root}/sys/devices/nic/{A}/remove"), "1\n")

    def test_remove_waits(self):
        """The kernel waits for who has it: a pipe that nobody reads does, too. It has a second
        at least, as it takes a moment even if nobody has the device."""
        self.four()
        path = f"{self.root}/sys/devices/gpu0/{B}/remove"
        os.remove(path)
        os.mkfifo(path)
        self.refuses(f"mdev:{B}: not removed within 1 s: VM web1 qemu-system-x86_64 (pid 12) was "
                     "asked to let go: end it; the kernel removes the device then",
                     "--remove", B, "--force", "--timeout", "0")
        self.assertEqual(read(path), "1\n")

    def test_mdevctl(self):
        """Is used where it is installed, but not below --sysroot."""
        self.four()
        said = f"{self.work}/said"
        write(f"{self.work}/bin/mdevctl", f"#!/bin/sh\necho \"$@\" >>{said}\n")
        os.chmod(f"{self.work}/bin/mdevctl", 0o755)
        self.env["PATH"] = f"{self.work}/bin:{self.env['PATH']}"
        self.prints("--remove", D)
        self.assertFalse(os.path.exists(said))
        self.before = []
        self.env.update(SYSFS_MDEV_DEVICES=f"{self.root}/sys/bus/mdev/devices",
                        RUN_MDEV_DEVICES=f"{self.root}/none")
        # the real /proc may be a container's
        self.prints("--remove", D, "--force")
        self.assertEqual(read(said), f"stop --uuid {D}\n")
        self.prints("--remove", D, "--force", "--no-mdevctl")
        self.assertEqual(read(said), f"stop --uuid {D}\n")
        write(f"{self.work}/bin/mdevctl", "#!/bin/sh\necho no\n echo way >&2\nexit 3\n")
        self.refuses("mdevctl: way: put that right, or do without it (--no-mdevctl)",
                     "--remove", D, "--force")

    def test_usage(self):
        for args, said in (
                (["--uuid", "x", "--create", "t"], "argument -u/--uuid: x: not a UUID: 32 "
                 "hexadecimal digits as 8-4-4-4-12"),
                (["--remove", A + "0"], f"argument -r/--remove: {A}0: not a UUID: 32 hexadecimal "
                 "digits as 8-4-4-4-12"),
                (["--uuid", A], "--uuid is for --create"),
                (["--create", "t", "--force"], "--force is for --remove"),
                (["--timeout", "0"], "--timeout is for --remove"),
                (["--remove", A, "--timeout", "1s"], "argument -t/--timeout: 1s: not a time: 0 to "
                 "3600 seconds"),
                (["--sysroot", "/nowhere"], "--sysroot /nowhere: no such folder"),
                (["--create", "t", "--remove", A], "argument -r/--remove: not allowed with "
                 "argument -c/--create")):
            done = self.run_tool(*args)
            self.assertEqual(done.returncode, 2)
            self.assertEqual(done.stderr.splitlines()[-1], f"dpdk-mdev.py: error: {said}")

    def mediator_folder(self, root, name, uuid):
        folder = f"{root}/{name}"
        write(f"{folder}/mdev_supported_types/virtio_net/device_api", "vfio-pci\n")
        os.makedirs(f"{folder}/{uuid}")
        os.symlink("../mdev_supported_types/virtio_net", f"{folder}/{uuid}/mdev_type")
        link(f"../{name}/{uuid}", f"{root}/devices/{uuid}")
        return folder

    def test_trust(self):
        """What the bus does not use is not asked either, and is said."""
        run = f"{self.root}/run/mdev"
        folder = self.mediator_folder(run, "m0", A)
        self.mediator_folder(run, "m1", B)
        os.chmod(folder, 0o775)
        why = f"others may write to {folder}, and could put anything there: take that away " \
            "(chmod go-w)"
        not_running = f"mediator m1 does not run: start it again (dpdk-mdev-mediator --root " \
            f"{run} --name m1)"
        found = self.json()
        self.assertEqual(found["notes"], [f"{folder}: not used: {why}", not_running,
                                          f"mdev:{A}: not used: {why}",
                                          f"mdev:{B}: has no socket: see what its mediator says "
                                          "of it"])
        self.assertEqual([d["holders"] for d in found["devices"]], [None, []])
        self.refuses(f"mdev:{A}: {why}", "--remove", A)
        os.chmod(folder, 0o755)
        os.chmod(f"{run}/devices", 0o777)
        found = self.json()
        self.assertEqual(found["devices"], [])
        self.assertEqual(found["notes"][0].split(":")[:2], [f"{run}/devices", " not used"])
        os.chmod(f"{run}/devices", 0o755)
        # on the way, others may add what is theirs, but not replace what is not
        os.chmod(self.work, 0o1777)
        self.assertEqual(len(self.json()["devices"]), 2)
        os.chmod(self.work, 0o777)
        self.assertEqual(self.json()["devices"], [])
        os.chmod(self.work, 0o755)
        if os.geteuid() == 0:
            os.chown(f"{folder}/{A}", NOBODY, -1)
            self.assertIn(f"mdev:{A}: not used: {os.path.realpath(folder)}/{A} belongs to user "
                          f"{NOBODY}, who could put anything there: have it belong to root or to "
                          "the user of the application (chown), or run both as that user",
                          self.json()["notes"])

    def test_parents_of_no_use(self):
        """A mediator that has ended, or is not trusted, is no choice beside another parent."""
        self.parent("nic", [("virtio_net", 3)])
        run = f"{self.root}/run/mdev"
        self.mediator_folder(run, "m0", A)
        os.chmod(self.mediator_folder(run, "m1", B), 0o777)
        self.assertEqual(self.json("--create", "virtio_net")["parent"], "nic")
        self.assertIn("mediator m0 does not run: ", self.run_tool(
            "--create", "virtio_net", "--parent", "m0").stderr)

    def test_not_looked_into(self):
        """What is below a folder that is not trusted is not read."""
        run = f"{self.root}/run/mdev"
        os.chmod(self.mediator_folder(run, "m0", A), 0o777)
        os.chmod(f"{self.mediator_folder(run, 'm1', B)}/{B}", 0o777)
        write(f"{run}/m1/{B}/numa_node", "1\n")
        os.mkdir(f"{run}/m2")
        os.chmod(f"{run}/m2", 0o777)
        found = self.json()
        self.assertEqual([(p["parent"], [t["type"] for t in p["types"]])
                          for p in found["parents"]],
                         [("m0", []), ("m1", ["virtio_net"]), ("m2", [])])
        self.assertEqual([(d["parent"], d["type"], d["device_api"], d["numa_node"])
                          for d in found["devices"]],
                         [("m0", "", "", None), ("m1", "", "", None)])
        self.refuses("no parent has the type x: there are virtio_net", "--create", "x")
        self.refuses(f"{run}/m0: not used: others may write to {run}/m0, and could put anything "
                     "there: take that away (chmod go-w)",
                     "--create", "virtio_net", "--parent", "m0")

    def test_odd_names(self):
        """Folders whose names a terminal would obey, or has no letters for."""
        run = f"{self.root}/run/mdev"
        self.mediator_folder(run, "m\x1b[2J", A)
        os.chmod(self.mediator_folder(run, "n\n\udc80\u20ac", B), 0o777)
        self.env["PYTHONIOENCODING"] = "ascii"
        out = self.prints()
        self.assertTrue(out.isascii())
        self.assertEqual([c for c in out if c != "\n" and not c.isprintable()], [])
        self.assertIn("mediator m\\x1b[2J does not run: ", out)
        self.assertIn(f"\n{run}/n\\x0a\\xdc80\\u20ac: not used: others may write to "
                      f"{run}/n\\x0a\\xdc80\\u20ac, ", out)
        done = self.run_tool("--remove", B)
        self.assertTrue(done.stderr.startswith(f"dpdk-mdev.py: mdev:{B}: others may write to "))
        self.assertEqual(done.stderr.count("\n"), 1)
        notes = [note for d in self.json()["devices"] for note in d["notes"]]
        self.assertEqual([note for note in notes if not note.isprintable()], [])

    def test_other_mediator(self):
        """One that has folders of this form, and nothing to ask."""
        folder = self.mediator_folder(f"{self.root}/run/mdev", "m0", A)
        shutil.rmtree(f"{folder}/mdev_supported_types")
        write(f"{folder}/{A}/socket", "")
        found = self.json()
        self.assertEqual((found["parents"], found["devices"][0]["holders"]), ([], None))
        self.assertEqual(found["notes"], [
            f"mdev:{A}: held by ?: its mediator cannot be asked, as it is no dpdk-mdev-mediator: "
            "see what it says itself"])
        self.refuses(f"mdev:{A}: {folder} is no mediator's folder: remove the device by the "
                     "program that made it", "--remove", A)

    def test_odd_answers(self):
        """A mediator that has gone mad."""
        folder = self.mediator_folder(f"{self.root}/run/mdev", "m0", A)
        no_answer = "mediator m0 gave no whole answer: see whether it runs, and try again"
        answers = ((b"", no_answer), (b"ok 5\nabc", no_answer), (b"ok -1\n", no_answer),
                   (b"ok 99999999999\n", no_answer), (b"junk\n", no_answer),
                   (b"error: no\x1b\n", "no\\x1b"))
        with socket.socket(socket.AF_UNIX) as ctl:
            ctl.bind(f"{folder}/ctl")
            ctl.listen()
            for answer, note in answers:
                threading.Thread(target=self.serve, args=(ctl, answer)).start()
                self.assertEqual(self.json()["notes"][0], note)

    @staticmethod
    def serve(ctl, *answers):
        """Answer once each; what was asked."""
        asked = []
        for answer in answers:
            with ctl.accept()[0] as client:
                asked.append(client.recv(100))
                client.sendall(answer)
        return asked

    def test_came_since(self):
        """Who comes after the mediator was asked first is not cut off."""
        folder = self.mediator_folder(f"{self.root}/run/mdev", "m0", A)
        write(f"{folder}/{A}/socket", "")
        self.process(7, ["fw"], "")
        line = f"{A} client 7\n".encode()
        held = b"ok %d\n%s" % (len(line), line)
        has_it = f"mdev:{A}: process 7 has it: end that, or detach the device there"
        error = f"error: {has_it}\n".encode()
        with socket.socket(socket.AF_UNIX) as ctl, \
                concurrent.futures.ThreadPoolExecutor() as pool:
            ctl.bind(f"{folder}/ctl")
            ctl.listen()
            ctl.settimeout(60)
            asked = pool.submit(self.serve, ctl, b"ok 0\n", error, held)
            self.refuses(f"mdev:{A}: in use by fw (pid 7): end that, or detach the device there; "
                         "or have it asked to let go (--force)", "--remove", A)
            self.assertEqual(asked.result(), [b"list\n", f"remove {A} unused\n".encode(),
                                              b"list\n"])
            # and is gone by now
            asked = pool.submit(self.serve, ctl, b"ok 0\n", error, b"ok 0\n")
            self.refuses(has_it, "--remove", A)
            asked.result()
            # who had it has gone, which the mediator knows
            asked = pool.submit(self.serve, ctl, held, b"ok 0\n")
            self.prints("--remove", A)
            self.assertEqual(asked.result()[1], f"remove {A} unused\n".encode())
            asked = pool.submit(self.serve, ctl, held, b"ok 0\n")
            self.prints("--remove", A, "--force", "--timeout", "3")
            self.assertEqual(asked.result()[1], f"remove {A} 3000\n".encode())

    def test_interrupted(self):
        """^C while a mediator does not answer."""
        folder = self.mediator_folder(f"{self.root}/run/mdev", "m0", A)
        with socket.socket(socket.AF_UNIX) as ctl:
            ctl.bind(f"{folder}/ctl")
            ctl.listen()
            ctl.settimeout(60)
            with subprocess.Popen(
                    [sys.executable, self.tool, *self.before], env=self.env, text=True,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    # a shell has what it runs in the background ignore it
                    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
                with ctl.accept()[0] as client:
                    client.recv(100)
                    process.send_signal(signal.SIGINT)
                    said = process.communicate()
        self.assertEqual(said, ("", "dpdk-mdev.py: interrupted: see --status for what has been "
                                "done\n"))
        self.assertEqual(process.returncode, 130)

    def test_nothing_written(self):
        """Output that goes nowhere is an error in one line."""
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([sys.executable, self.tool, *self.before], env=self.env,
                                  stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.stderr, "dpdk-mdev.py: No space left on device: put that right, "
                         "and try again\n")
        self.assertEqual(done.returncode, 1)

    def test_nobody_reads(self):
        """The end of a pipe is no error."""
        self.four()
        with subprocess.Popen([sys.executable, self.tool, *self.before], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=self.env) as process:
            process.stdout.close()
            self.assertEqual(process.stderr.read(), b"")
        self.assertEqual(process.returncode, 0)

    def test_twice(self):
        """The kernel's comes first, and a folder that others may write to does not count."""
        self.four()
        self.mediator_folder(f"{self.root}/run/mdev", "m0", A)
        found = self.json()
        self.assertEqual([d["world"] for d in found["devices"]], ["kernel"] * 4)
        self.assertIn(f"mdev:{A}: is listed in {self.root}/run/mdev/devices, too: the first one "
                      "is used; give one of the two another UUID", found["notes"])
        os.chmod(f"{self.root}/run/mdev/m0/{A}", 0o777)
        self.assertEqual([n for n in self.json()["notes"] if "too:" in n], [])

    def test_lists(self):
        """All are sorted by UUID; what may not be used hides nothing."""
        self.parent("nic", [("nic-mmap", 62)])
        self.device(B, "nic", "nic-mmap", 3)
        self.mediator_folder(f"{self.root}/run/mdev", "m0", C)
        os.chmod(f"{self.root}/run/mdev/m0/{C}", 0o777)
        self.mediator_folder(f"{self.root}/a", "m0", A)
        self.mediator_folder(f"{self.root}/b", "m1", C)
        self.env["MDEV_DEVICES"] = "/a/devices:relative:/b/devices/:/none"
        devices = self.json()["devices"]
        self.assertEqual([(d["uuid"], d["path"]) for d in devices], [
            (A, f"{self.root}/a/devices/{A}"), (B, f"{self.root}/sys/bus/mdev/devices/{B}"),
            (C, f"{self.root}/b/devices/{C}")])


class Mediator(Base):
    """A mediator that runs, in a place of its own."""

    def setUp(self):
        super().setUp()
        self.run_mdev = f"{self.work}/mdev"
        self.env["RUN_MDEV_DEVICES"] = f"{self.run_mdev}/devices"
        self.env["SYSFS_MDEV_DEVICES"] = f"{self.work}/none"
        self.before = []
        self.mediator = self.start("mediator0", "--device", f"uuid={A},backend=/nowhere/a,numa=0")

    def start(self, name, *args):
        process = subprocess.Popen(
            [f"{BUILD}/app/mediator/dpdk-mdev-mediator", "--root", self.run_mdev, "--name", name,
             *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertIn("ready", process.stdout.readline())
        return process

    def client(self, uuid, *words):
        """A process that has the device."""
        code = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\n" \
            "s.connect(sys.argv[1])\nprint(flush=True)\ns.recv(1)"
        process = subprocess.Popen([sys.executable, "-c", code,
                                    f"{self.run_mdev}/devices/{uuid}/socket", *words],
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdout.readline()
        for _ in range(100):
            if self.json()["devices"][0]["holders"]:
                return process
            time.sleep(0.1)
        self.fail("the mediator does not see its client")
        return None

    def test_list(self):
        self.driver("net_any", [mdev_id("vfio-pci", None, None)])
        self.assertEqual(self.prints(), f"""
Parents and their types
=======================
WORLD  PARENT     TYPE        API       FREE  NAME
user   mediator0  virtio_net  vfio-pci  any   virtio network device

Mediated devices
================
UUID                                  WORLD  PARENT     TYPE        DRIVER        HELD BY
{A}  user   mediator0  virtio_net  net_any (-a)  nobody

driver (-a): if the application names the device (-a mdev:<uuid>), and if its PCI ids, \
which cannot be seen before, are the driver's
""")
        self.assertEqual(self.json()["devices"][0]["numa_node"], 0)

    def test_create_and_remove(self):
        self.assertEqual(self.prints("--create", "virtio_net", "--uuid", B, "--backend",
                                     "/nowhere/b,queues=2"), f"{B}\n")
        self.assertEqual([d["uuid"] for d in self.json()["devices"]], [A, B])
        with socket.socket(socket.AF_UNIX) as device:
            device.connect(f"{self.run_mdev}/devices/{B}/socket")
        self.prints("--remove", A)
        self.assertEqual([d["uuid"] for d in self.json()["devices"]], [B])
        self.assertEqual(os.listdir(f"{self.run_mdev}/devices"), [B])

    def test_create_refused(self):
        self.refuses("mediator0 is a mediator in user space, whose devices need a backend: give "
                     "its vhost-user socket with --backend", "--create", "virtio_net")
        self.refuses("--backend: queues=0: not a number of queue pairs: 1 to 128",
                     "--create", "virtio_net", "--backend", "/b,queues=0")
        self.refuses("--backend: more than a line: give a path, and keys behind commas",
                     "--create", "virtio_net", "--backend", "/b\nremove " + A)
        self.start("two")
        self.refuses("several parents have the type virtio_net: choose one with --parent: "
                     "mediator0, two", "--create", "virtio_net", "--backend", "/b")
        self.prints("--create", "virtio_net", "--parent", "two", "--backend", "/b", "--uuid", B)
        self.assertEqual([d["parent"] for d in self.json()["devices"]], ["mediator0", "two"])

    def test_held(self):
        client = self.client(A, "--file-prefix", "left")
        name = f"DPDK {os.path.basename(sys.executable)} (pid {client.pid}) file-prefix left"
        self.assertIn(f"  {name}\n", self.prints())
        self.refuses(f"mdev:{A}: in use by {name}: end that, or detach the device there; or have "
                     "it asked to let go (--force)", "--remove", A)
        self.assertIsNone(client.poll())
        self.prints("--remove", A, "--force", "--timeout", "0")
        self.assertEqual(client.wait(), 0)
        self.assertEqual(self.json()["devices"], [])

    def test_killed(self):
        self.mediator.kill()
        self.mediator.wait()
        line = "mediator mediator0 does not run: start it again (dpdk-mdev-mediator --root " \
            f"{self.run_mdev} --name mediator0)"
        found = self.json()
        self.assertEqual(found["notes"], [line])
        self.assertEqual(found["devices"][0]["holders"], [])
        self.refuses(line, "--create", "virtio_net", "--backend", "/b")
        self.refuses(line, "--remove", A)

    def test_ordinary_user(self):
        """Sees the UUIDs, and why there is no more."""
        if os.geteuid() != 0:
            self.skipTest("needs root, who can be somebody else")
        found = self.json(user=NOBODY)
        why = f"this user may not look into {self.run_mdev}/mediator0: run this and the " \
            "application as the user of its mediator, or as root"
        self.assertEqual(found["notes"], [
            "this user may not control mediator mediator0: run this as the user that runs it, or "
            "as root", f"mdev:{A}: not used: {why}"])
        self.assertEqual(found["devices"][0]["type"], "")
        self.refuses(f"mdev:{A}: {why}", "--remove", A, user=NOBODY)


class Drivers(Base):
    """The libraries that were built."""

    def setUp(self):
        super().setUp()
        self.drivers = f"{BUILD}/drivers"

    def test_table(self):
        drivers = self.json()["drivers"]
        self.assertEqual([driver["name"] for driver in drivers], ["net_mdev_virtio"])
        self.assertEqual(drivers[0]["ids"], [
            {"device_api": "vfio-pci", "type": None, "parent": "mdev_virtio_net",
             "pci": "1af4:1041"},
            {"device_api": "vfio-pci", "type": None, "parent": None, "pci": "1af4:1041"},
            {"device_api": "vfio-pci", "type": None, "parent": None, "pci": "1af4:1000"}])


if __name__ == "__main__":
    unittest.main()
