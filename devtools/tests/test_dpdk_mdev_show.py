# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-mdev.py: what it shows of devices of the kernel."""

import os
import pty
import shutil
import subprocess
import sys

from dpdk_mdev_trees import A, B, C, D, MadeUp, NOBODY, link, mdev_id, read, write


class Shown(MadeUp):
    """Listed with parents, types, drivers and holders."""

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

    def test_narrow(self):
        """A terminal breaks no column apart, and others get one line for each row."""
        self.four()
        self.env["COLUMNS"] = "80"
        self.assertIn(f"{D}  kernel  nic     nic-trap  -       nobody\n", self.prints())
        reader, writer = pty.openpty()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        subprocess.run([sys.executable, self.tool, *self.before, "--drivers", self.drivers],
                       env=self.env, stdout=writer, check=True)
        said = os.read(reader, 16384).decode().replace("\r\n", "\n")
        self.assertIn(f"""
UUID                                  WORLD   PARENT  TYPE      DRIVER
    HELD BY
{A}  kernel  nic     nic-mmap  -
    DPDK dpdk-testpmd (pid 11) file-prefix left
""", said)
        self.assertIn("WORLD   PARENT  TYPE      API       FREE  NAME\n", said)

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
