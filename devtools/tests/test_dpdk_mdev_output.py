# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-mdev.py: output that is interrupted, or goes nowhere."""

import signal
import socket
import subprocess
import sys

from dpdk_mdev_trees import A, MadeUp


class Output(MadeUp):
    """Ends in order."""

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
