# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-mdev.py with what was built: a mediator that runs, and drivers."""

import os
import socket
import subprocess
import sys
import time

from dpdk_mdev_trees import A, B, BUILD, Base, NOBODY, mdev_id


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
