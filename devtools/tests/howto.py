#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""howto.py user|kernel [PAGE]: type what a how-to prints, as its reader would

Each "code-block:: console" of the page is typed line by line into a shell on a terminal of
its own, and each command has to succeed. A block whose paragraph speaks of another terminal,
or of one of its own, gets a new one; a line that begins with "testpmd>" is for the program
that has this prompt. What the page promises is looked for in what is shown.

PAGE is typed instead of doc/guides/howto/{user_space,kernel}_world.rst. Run this where it
may do all that, and nothing of it stays: see howto.sh.
"""

import os
import pty
import re
import select
import signal
import sys
import textwrap
import time

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
GUIDES = f"{REPO}/doc/guides"
COMMAND_S = 120     # that a command may take, and whatever is waited for
DONE = r"<status (\d+)> "
MORE = "<more> "    # the shell's prompt within a command
PROMPT = "testpmd> "
ANY_PROMPT = f"{DONE}|{MORE}|{PROMPT}"
ANSWER = r"bytes from 192\.0\.2\.2: icmp_seq=\d+"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Wrong(Exception):
    """What the page prints does not do what it says."""


class Terminal:
    """A shell, and what it shows."""

    def __init__(self):
        self.shown, self.seen = "", 0
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ.update(PS1="<status $?> ", PS2=MORE, TERM="dumb")
            os.chdir(REPO)
            os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting"])
        self.wait(DONE)

    def wait(self, pattern, limit=COMMAND_S):
        """Until something is shown that was not seen so far; the match."""
        end = time.monotonic() + limit
        while True:
            match = re.compile(pattern).search(self.shown, self.seen)
            if match:
                self.seen = match.end()
                return match
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise Wrong(f"'{pattern}' was not shown:\n{self.shown}")
            try:
                text = os.read(self.fd, 65536)
            except OSError:
                raise Wrong(f"the shell ended:\n{self.shown}") from None
            self.shown += text.decode("utf-8", "replace").replace("\r", "")

    def send(self, text):
        """Type something; nothing that was shown before is seen any more."""
        self.seen = len(self.shown)
        os.write(self.fd, text.encode())

    def end(self, pattern=ANY_PROMPT, status=0):
        """Of a command: the prompt; its status, if it is the shell's. What was shown."""
        start = self.seen
        match = self.wait(pattern)
        if match[1] is not None and int(match[1]) != status:
            raise Wrong(f"status {match[1]} where {status} was expected:\n{self.shown}")
        return self.shown[start:match.start()]

    def type(self, line, status=0):
        """A line, to the shell or to the program that runs; what it showed."""
        if line.startswith(PROMPT):
            line = line[len(PROMPT):]
        self.send(line + "\n")
        return self.end(status=status)

    def start(self, line):
        """A line whose command does not end."""
        self.send(line + "\n")

    def interrupt(self):
        """^C"""
        self.send("\x03")
        self.end(DONE)

    def kill(self):
        """Have the kernel end the command that runs."""
        self.seen = len(self.shown)
        os.killpg(os.tcgetpgrp(self.fd), signal.SIGKILL)
        self.end(DONE, status=128 + signal.SIGKILL)

    def quit(self):
        """End testpmd."""
        self.send("quit\n")
        self.end(DONE)


class Page:
    """The blocks of a page, in order, each with the paragraph before it."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        self.blocks = []
        for block in re.finditer(r"^( *)\.\. code-block:: console\n\n((?:\1 +.*\n|\n)+)", text,
                                 re.M):
            before = text[:block.start()].rstrip().rpartition("\n\n")[2]
            lines = textwrap.dedent(block[2]).rstrip().split("\n")
            self.blocks.append((before, [line for line in lines if line]))
        self.terminal = Terminal()

    def block(self):
        """The next one's lines; its terminal is self.terminal from here on."""
        if not self.blocks:
            raise Wrong("the page has fewer blocks than it had")
        before, lines = self.blocks.pop(0)
        if re.search(r"\b(a|another|third)\s+terminal\b", before):
            self.terminal = Terminal()
        return lines

    def type(self):
        """Type a block; what it showed last."""
        shown = ""
        for line in self.block():
            shown = self.terminal.type(line)
        return shown

    def end(self):
        """Nothing may be left over."""
        if self.blocks:
            raise Wrong(f"nobody typed this: {self.blocks[0][1]}")


def expect(what, holds):
    """What the page promises."""
    if not holds:
        raise Wrong(f"expected: {what}")


def value(terminal, name):
    """Of a variable of the shell."""
    return terminal.type(f'echo "=${name}="').rpartition("=")[0].rpartition("=")[2]


def ping(terminal, line="ip netns exec left ping 192.0.2.2"):
    """It is answered; then ^C."""
    terminal.start(line)
    terminal.wait(ANSWER)
    terminal.interrupt()


def list_and_show(page, devices):
    """ctl: list the devices, show one, add one; its UUID."""
    ctl_list, show, add = page.block()
    terminal = page.terminal
    listed = terminal.type(ctl_list)
    expect(f"{devices} in {listed}", sorted(re.findall(UUID, listed)) == sorted(devices))
    shown = terminal.type(show.replace("<uuid>", devices[0]))
    expect(f"{devices[0]} in {shown}", devices[0] in shown)
    new = re.findall(UUID, terminal.type(add))
    expect("the UUID of the device that was added", len(new) == 1)
    expect("three devices", len(re.findall(UUID, terminal.type(ctl_list))) == 3)
    return new[0]


def user_space(page):
    """user_space_world.rst, and what l2fwd_mdev.rst does in place of its testpmd."""
    page.type()
    start = page.block()
    backend = page.terminal
    namespaces = page.block()
    main = page.terminal
    begin(start, backend, namespaces, main)
    page.type()
    ready = "ready, socket "    # of each device, before or behind the shell's prompt
    while main.shown.count(ready) < 2:
        main.wait(ready)
    devices = [value(main, name) for name in ("left", "right")]
    expect("devices in /run/mdev/devices",
           sorted(os.listdir("/run/mdev/devices")) == sorted(devices))
    page.type()
    lines = page.block()
    other = page.terminal
    ping(other, *lines)
    new = list_and_show(page, devices)
    expect("the new device to be attached",
           "is attached" in main.type(f"testpmd> port attach mdev:{new}"))
    end, remove = page.block(), page.block()
    page.end()
    backend.kill()
    for line in remove:
        backend.type(line)
    begin(start, backend, namespaces, other)
    ping(other)
    main.quit()
    l2fwd_mdev(main, other, devices)
    backend.quit()
    for line in end:
        main.type(line)
    main.type("wait")
    expect("no device to be left", not os.listdir("/run/mdev/devices"))


def begin(start, backend, namespaces, terminal):
    """The backend, and the namespaces of its interfaces."""
    for line in start:
        backend.type(line)
    for line in namespaces:
        terminal.type(line)


def l2fwd_mdev(main, other, devices):
    """The other commands of that page are tested by examples.sh."""
    page = Page(f"{GUIDES}/sample_app/l2fwd_mdev.rst")
    start = next(i for i, (_, lines) in enumerate(page.blocks)
                 if lines[0].startswith("build/examples/dpdk-l2fwd-mdev"))
    (_, lines), (_, add) = page.blocks[start:start + 2]
    other.type(f"right={devices[1]}")
    other.type("build/app/mediator/dpdk-mdev-mediator ctl remove $right")
    for line in lines[:-1]:
        main.type(line)
    main.start(lines[-1])
    main.wait(f"{devices[1]}: not there yet")
    for line in add:
        other.type(line)
    main.wait(f"{devices[1]}: attached as port 1")
    ping(other)
    main.interrupt()


def kernel(page):
    """kernel_world.rst, from the devices on: the machine has the modules."""
    page.block()
    page.block()
    lines = page.block()
    main = page.terminal
    for line in lines:
        main.type(line)
    # "likewise for the other one"
    for line in lines[lines.index("ip netns add left"):]:
        main.type(line.replace("left", "right").replace("192.0.2.1", "192.0.2.2")
                  .replace("mdev0", "mdev1"))
    left, right = (value(main, name) for name in ("left", "right"))
    instead(page.block())
    page.type()
    lines = page.block()
    other = page.terminal
    other.type(f"left={left} right={right}")
    ping(other, *lines)
    shown = page.type()
    expect("nothing to be said of announce", shown.count("\n") <= 1)
    features_off, needs_reset = page.block()
    expect("a device in use to be busy", "Device or resource busy" in
           other.type(features_off, status=1))
    other.type(needs_reset)
    ping(other)     # the driver has restarted the device
    main.quit()
    other.type(features_off)
    expect("nobody to be reset", "Transport endpoint is not connected" in
           other.type(needs_reset, status=1))
    page.type()
    expect("the device to be gone", not os.path.exists(f"/sys/bus/mdev/devices/{left}"))
    page.end()


def instead(lines):
    """Other ways to make a device, each with a UUID of its own; then all are shown."""
    terminal = Terminal()
    for line in lines[:-1]:
        terminal.type("left=$(cat /proc/sys/kernel/random/uuid)")
        terminal.type(line)
        shown = terminal.type(lines[-1])
        expect("the device that was made", value(terminal, "left") in shown)
        terminal.type("echo 1 > /sys/bus/mdev/devices/$left/remove")


def main(which, page=None):
    """Print what is wrong; the exit status."""
    path, run = {"user": ("user_space_world", user_space), "kernel": ("kernel_world", kernel)}[which]
    try:
        run(Page(page or f"{GUIDES}/howto/{path}.rst"))
    except Wrong as wrong:
        print(wrong)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
