# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-mdev.py: devices of the kernel that are created and removed."""

import os

from dpdk_mdev_trees import A, B, C, D, MadeUp, read, write


class Changed(MadeUp):
    """By sysfs or mdevctl."""

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
