# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-mdev.py: folders of mediators in user space, good and bad."""

import concurrent.futures
import os
import shutil
import socket
import threading

from dpdk_mdev_trees import A, B, C, MadeUp, NOBODY, link, write


class UserSpace(MadeUp):
    """What is trusted, and what is asked."""

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

    def test_no_parent_of_use(self):
        """What is there and not used is not asked for once more."""
        run = f"{self.root}/run/mdev"
        os.chmod(self.mediator_folder(run, "m0", A), 0o777)
        self.assertIn("none to be looked into: see below\n", self.prints())
        os.unlink(f"{run}/devices/{A}")
        self.assertEqual(self.json()["devices"], [])
        self.assertIn("none to be looked into: see below\n", self.prints())

    def test_no_parent_at_all(self):
        """A device that is left over is no word about a parent."""
        link("nowhere", f"{self.root}/sys/bus/mdev/devices/{A}")
        self.assertIn("none: load a kernel module ", self.prints())

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
