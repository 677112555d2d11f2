#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Show the mediated devices of this machine, create and remove them.

Those of the kernel (/sys/bus/mdev) and those of mediators in user space (/run/mdev)
are found where DPDK's mdev bus finds them, and are trusted as far as it trusts them.
"""

import argparse
import fnmatch
import glob
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import uuid

KERNEL, USER = "kernel", "user"

SYSFS_PARENTS = "/sys/class/mdev_bus"
SYSFS_DEVICES = "/sys/bus/mdev/devices"
USER_DEVICES = "/run/mdev/devices"
# the same variables that the bus reads
SYSFS_DEVICES_ENV = "SYSFS_MDEV_DEVICES"
USER_DEVICES_ENV = "RUN_MDEV_DEVICES"
MORE_DEVICES_ENV = "MDEV_DEVICES"

ATTR_LEN = 128       # longest attribute that the bus keeps
LINKS_MAX = 16       # as many links as the bus follows
MDEVCTL_TIMEOUT_S = 60
CTL_TIMEOUT_S = 10   # longer than a mediator takes for anything but a removal
ANSWER_MAX = 4 << 20
PCI_ANY = 0xffff
FIRST_PID_NS = 0xeffffffc  # inode of the first namespace of pids (linux/proc_ns.h)
NOT_SEEN = "run this as root, outside of containers"

UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.I)
PMD_INFO = re.compile(rb"PMD_INFO_STRING= (\{[^\0]*\})\0")
DRIVER_FOLDERS = ("/usr/local/lib/*/dpdk/pmds-*", "/usr/local/lib*/dpdk/pmds-*",
                  "/usr/lib/*/dpdk/pmds-*", "/usr/lib*/dpdk/pmds-*")
MACHINES = re.compile(r"qemu-system|qemu-kvm|^kvm$|cloud-hypervisor|crosvm|firecracker")
# what EAL maps: itself, its configuration, its memory
EAL_MAPS = re.compile(r"/librte_eal\.so|/dpdk/[^/\n]+/config\n|/rtemap_\d|"
                      r"/memfd:(seg_|nohuge)|/fbarray_")
EAL_CONFIG = re.compile(r"/dpdk/([^/\n]+)/config\n")

sysroot = ""  # in front of all paths; see --sysroot


class Refused(Exception):
    """What cannot be done, why, and what to do about it, in one line."""


class NotRunning(Refused):
    """There is no mediator any more."""


def printable(text):
    """Text of others, as it may be shown on a terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def listdir(path):
    """Names in a folder, sorted; none if it cannot be read."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def read_attr(*path):
    """The line in a small file; "" if there is none, or it is no text."""
    try:
        fd = os.open(os.path.join(*path), os.O_RDONLY | os.O_NONBLOCK)
        with open(fd, "rb") as stream:
            data = stream.read(ATTR_LEN)
    except OSError:
        return ""
    line, end, _ = data.partition(b"\n")
    try:
        text = line.decode("ascii")
    except UnicodeDecodeError:
        return ""
    whole = end or len(data) < ATTR_LEN
    return text if whole and text.isprintable() else ""


def read_number(*path):
    """The number in a small file; None if there is none."""
    text = read_attr(*path)
    return int(text) if re.fullmatch(r"-?\d+", text, re.ASCII) else None


def read_link(path, skip=0):
    """The last name but `skip` of where a link leads to; "" if it is no link."""
    try:
        names = os.readlink(path).split("/")
    except OSError:
        return ""
    return printable(names[-1 - skip]) if len(names) > skip else ""


# Trust: a device has the application's memory. The bus uses no folder where others
# could have put a false one.

def folder_distrust(path, st, is_last):
    """Why a folder is not to be trusted; None if it is."""
    if not stat.S_ISDIR(st.st_mode):
        return f"{path} is no folder: remove it"
    if st.st_uid not in (0, os.geteuid()):
        return f"{path} belongs to user {st.st_uid}, who could put anything there: " \
            "have it belong to root or to the user of the application (chown), " \
            "or run both as that user"
    sticky = st.st_mode & stat.S_ISVTX
    if st.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and (is_last or not sticky):
        return f"others may write to {path}, and could put anything there: " \
            "take that away (chmod go-w)"
    return None


def distrust(path):
    """Why the bus would not use a folder; None if it would."""
    at, left, links = "/", path, 0
    try:
        why = folder_distrust(at, os.stat(at), False)
        while why is None and left.strip("/"):
            name, _, left = left.lstrip("/").partition("/")
            if name == "..":
                at = os.path.dirname(at)
                continue
            step = os.path.join(at, name)
            st = os.lstat(step)
            if not stat.S_ISLNK(st.st_mode):
                at = step
                why = folder_distrust(at, st, not left.strip("/"))
                continue
            links += 1
            if links > LINKS_MAX:
                return f"{path}: too many links on the way: remove some"
            if st.st_uid not in (0, os.geteuid()):
                return f"{step} belongs to user {st.st_uid}, who could have it lead " \
                    "anywhere: remove it"
            target = os.readlink(step)
            if target.startswith("/"):
                at = "/"
            left = target + "/" + left
    except PermissionError:
        return f"this user may not look into {at}: run this and the application as " \
            "the user of its mediator, or as root"
    except OSError as error:
        return f"{step}: {error.strerror}: its mediator has ended; start it again"
    return why


# Processes: who holds what.

def read_proc(pid, name):
    """A file of a process as text; "" if it may not be read."""
    try:
        with open(f"{sysroot}/proc/{pid}/{name}", "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def argument_of(command, *options):
    """The value of an option on a command line, the last one; None if it has none."""
    value = None
    for word, following in zip(command, command[1:] + [""]):
        name, equals, rest = word.partition("=")
        if name in options:
            value = rest if equals else following
    return value


def process(pid):
    """What a process is: a DPDK application, a virtual machine, or another one."""
    command = read_proc(pid, "cmdline").split("\0")[:-1]
    maps = read_proc(pid, "maps")
    name = os.path.basename(command[0]) if command else read_proc(pid, "comm").strip()
    found = {"pid": pid, "kind": "other", "name": printable(name),
             "command": printable(" ".join(command))}
    prefix = argument_of(command, "--file-prefix")
    if MACHINES.search(name):
        found["kind"] = "vm"
        guest = argument_of(command, "-name", "--name")
        if guest:
            found["guest"] = printable(re.sub(r"^guest=", "", guest).split(",")[0])
    elif EAL_MAPS.search(maps) or prefix or name.startswith("dpdk-"):
        found["kind"] = "dpdk"
        config = EAL_CONFIG.search(maps)
        prefix = config.group(1) if config else prefix
        if prefix:
            found["file_prefix"] = printable(prefix)
    return found


def process_text(found):
    """A process in a few words."""
    text = f"{found['name'] or 'process'} (pid {found['pid']})"
    if found["kind"] == "dpdk":
        prefix = found.get("file_prefix")
        return f"DPDK {text}" + (f" file-prefix {prefix}" if prefix else "")
    if found["kind"] == "vm":
        return f"VM {found.get('guest', '')} {text}".replace("  ", " ")
    return text


class OpenFiles:
    """Which processes have a file below /dev/vfio open."""

    def __init__(self):
        self.pids = {}
        pids = [name for name in listdir(f"{sysroot}/proc") if name.isdigit()]
        self.complete = self.all_listed(pids)  # all processes could be looked at
        for pid in pids:
            folder = f"{sysroot}/proc/{pid}/fd"
            try:
                fds = os.listdir(folder)
            except PermissionError:
                self.complete = False
                continue
            except OSError:
                continue  # it has just ended
            for fd in fds:
                try:
                    target = os.readlink(f"{folder}/{fd}")
                except PermissionError:
                    self.complete = False
                    continue
                except OSError:
                    continue
                if target.startswith("/dev/vfio/"):
                    self.pids.setdefault(target, set()).add(int(pid))

    @staticmethod
    def all_listed(pids):
        """Does /proc list all processes?

        With hidepid it leaves out those of others, of which init is one; in a container it
        leaves out those outside.
        """
        if "1" not in pids:
            return False
        try:
            return bool(sysroot) or os.stat("/proc/self/ns/pid").st_ino == FIRST_PID_NS
        except OSError:
            return False

    def holders(self, paths):
        """Processes that have one of these open; None if nobody knows."""
        pids = set().union(*(self.pids.get(path, ()) for path in paths))
        if not pids and not self.complete:
            return None
        return [process(pid) for pid in sorted(pids)]


# Drivers: what they serve is part of the PMD information of their libraries.

def driver_files(places):
    """Shared libraries in folders, or given themselves; each once."""
    files = {}
    for place in places:
        found = glob.glob(os.path.join(glob.escape(place), "*.so*"))
        for path in sorted(found) if os.path.isdir(place) else [place]:
            files.setdefault(os.path.realpath(path), path)
    return files.values()


def default_driver_places():
    """The build of the tree that this tool is in, and DPDK's folders."""
    tree = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    places = [os.path.join(tree, "build", "drivers")]
    for pattern in DRIVER_FOLDERS:
        places += sorted(glob.glob(pattern), reverse=True)
    return [place for place in places if os.path.isdir(place)]


def read_drivers(places):
    """Drivers for mediated devices, as {"name", "library", "ids"}; the first of a name."""
    drivers = {}
    for path in driver_files(places):
        try:
            with open(path, "rb") as stream:
                data = stream.read()
        except OSError:
            continue  # no file that could be a library
        for text in PMD_INFO.findall(data) if b"mdev_ids" in data else ():
            try:
                info = json.loads(text)
                ids = [{"device_api": entry["device_api"], "type": entry["type"],
                        "parent": entry["parent"], "pci": pci_text(*entry["pci"])}
                       for entry in info.get("mdev_ids", [])]
                name = printable(info["name"])
            except (AttributeError, KeyError, TypeError, ValueError):
                continue  # of another tool
            if ids:
                drivers.setdefault(name, {"name": name, "library": path, "ids": ids})
    return [drivers[name] for name in sorted(drivers)]


def pci_text(vendor, device):
    """PCI ids as in lspci, * for any; None if both are any."""
    if vendor == device == PCI_ANY:
        return None
    return ":".join("*" if i == PCI_ANY else f"{i:04x}" for i in (vendor, device))


def glob_fits(pattern, text):
    """No pattern fits all."""
    return pattern is None or fnmatch.fnmatchcase(text, pattern)


def driver_for(driver, device):
    """How a driver would take a device; None if it would not. As mdev_match() does."""
    fitting = [entry for entry in driver["ids"]
               if entry["device_api"] == device.device_api and
               glob_fits(entry["type"], device.type) and
               glob_fits(entry["parent"], device.parent)]
    if not fitting:
        return None
    named = all(entry["type"] is None and entry["parent"] is None for entry in fitting)
    pci = [entry["pci"] for entry in fitting]
    return {"name": driver["name"], "if_named": named,
            "pci_ids": None if None in pci else sorted(set(pci))}


# What is there.

class Parent:
    """A parent device: of the kernel, or a mediator in user space."""

    def __init__(self, world, path):
        self.world, self.path = world, path
        self.name = printable(os.path.basename(path))
        self.note = None     # what is wrong with it
        self.clients = None  # of a mediator: process by UUID of the device
        self.types = []
        why = distrust(path) if world == USER else None
        if why:
            self.note = f"{path}: not used: {why}"
            return
        types = os.path.join(path, "mdev_supported_types")
        self.types = [self.read_type(types, name) for name in listdir(types)]
        if world == USER:
            self.note = self.read_clients()

    @staticmethod
    def read_type(types, name):
        """What a parent says of one of its types."""
        return {"type": printable(name),
                "device_api": read_attr(types, name, "device_api"),
                "name": read_attr(types, name, "name"),
                "description": read_attr(types, name, "description"),
                "available_instances": read_number(types, name, "available_instances")}

    def read_clients(self):
        """Ask a mediator who uses its devices; what is wrong, or None."""
        try:
            lines = self.ask("list").splitlines()
        except NotRunning as refused:
            self.clients = {}
            return str(refused)
        except Refused as refused:
            return str(refused)
        words = [line.split() for line in lines]
        self.clients = {w[0]: int(w[2]) if w[2].isdigit() else None
                        for w in words if len(w) > 2 and w[1] == "client"}
        return None

    def ask(self, request, timeout=CTL_TIMEOUT_S):
        """Have a mediator do something, see ctl.h; its answer."""
        try:
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                with socket.socket(socket.AF_UNIX) as ctl:
                    ctl.settimeout(timeout)
                    # by the folder's fd: a path of a socket is short
                    ctl.connect(f"/proc/self/fd/{folder}/ctl")
                    ctl.sendall(os.fsencode(request) + b"\n")
                    return self.answer(ctl.makefile("rb"))
            finally:
                os.close(folder)
        except (ConnectionRefusedError, FileNotFoundError):
            raise NotRunning(f"mediator {self.name} does not run: start it again "
                             f"(dpdk-mdev-mediator --root {os.path.dirname(self.path)} "
                             f"--name {self.name})") from None
        except PermissionError:
            raise Refused(f"this user may not control mediator {self.name}: run this as "
                          "the user that runs it, or as root") from None
        except OSError as error:
            raise Refused(f"mediator {self.name}: {error.strerror or error}: see whether "
                          "it runs, and try again") from None

    def answer(self, stream):
        """What a mediator answers; lines that say what it waits for are shown."""
        while True:
            line = stream.readline(ATTR_LEN * 32).decode("ascii", "replace")
            kind, _, text = line.rstrip("\n").partition(" ")
            if kind != "wait:":
                break
            print(printable(text), file=sys.stderr)
        if kind == "error:":
            raise Refused(printable(text))
        length = int(text) if kind == "ok" and re.fullmatch("[0-9]{1,7}", text) else -1
        body = stream.read(length) if 0 <= length <= ANSWER_MAX else b""
        if len(body) != length:
            raise Refused(f"mediator {self.name} gave no whole answer: see whether it "
                          "runs, and try again")
        return body.decode("ascii", "replace")

    def as_dict(self):
        """For --json."""
        return {"world": self.world, "parent": self.name, "path": self.path,
                "note": self.note and printable(self.note), "types": self.types}


class Device:
    """A mediated device that is listed somewhere."""

    def __init__(self, world, root, name):
        self.world, self.root = world, root
        self.uuid = name.lower()
        self.path = os.path.join(root, name)
        self.distrust = distrust(self.path) if world == USER else None
        self.notes = [f"not used: {self.distrust}"] if self.distrust else []
        self.parent = read_link(self.path, 1)
        self.type, self.device_api, self.numa_node, self.files = "", "", None, []
        self.holders = None  # nobody knows
        self.drivers = []
        if self.distrust:
            return
        self.type = read_link(os.path.join(self.path, "mdev_type"))
        self.device_api = read_attr(self.path, "mdev_type", "device_api")
        self.numa_node = self.read_numa_node()
        if world == KERNEL:
            self.files = self.find_files()

    def read_numa_node(self):
        """Of the device in user space, else of its parent; None for any."""
        node = read_number(self.path, "numa_node") if self.world == USER else None
        if node is None:
            node = read_number(self.path, "..", "numa_node")
        return node if node is not None and node >= 0 else None

    def find_files(self):
        """Those below /dev/vfio that a device of the kernel is opened by."""
        group = read_link(os.path.join(self.path, "iommu_group"))
        files = [f"/dev/vfio/{group}", f"/dev/vfio/noiommu-{group}"] if group else []
        return files + [f"/dev/vfio/devices/{name}"
                        for name in listdir(os.path.join(self.path, "vfio-dev"))
                        if name.startswith("vfio")]

    def find_holders(self, open_files, parents):
        """Who has it."""
        if self.distrust:
            return
        if self.world == KERNEL:
            if not self.files:
                self.notes.append("has no VFIO group: no VFIO driver of the kernel took it: see "
                                  "the kernel's log (dmesg)")
                return
            self.holders = open_files.holders(self.files)
            for path in self.files:
                if os.path.exists(sysroot + path) and \
                        not os.access(sysroot + path, os.R_OK | os.W_OK):
                    self.notes.append(f"this user may not open {path}: run the application "
                                      "as root, or give the user read and write permission")
            return
        mediator = parents.get(os.path.dirname(os.path.realpath(self.path)))
        if not os.path.exists(os.path.join(self.path, "socket")):
            self.notes.append("has no socket: see what its mediator says of it")
        if mediator is None:
            self.notes.append("held by ?: its mediator cannot be asked, as it is no "
                              "dpdk-mdev-mediator: see what it says itself")
        else:
            self.find_client(mediator)

    def find_client(self, mediator):
        """Who has it, as its mediator said last."""
        self.holders = None
        if mediator.clients is not None:
            pid = mediator.clients.get(self.uuid)
            self.holders = [] if pid is None else [process(pid)]

    def find_drivers(self, drivers):
        """Who would take it."""
        if self.distrust is None:
            self.drivers = [found for found in (driver_for(driver, self)
                                                for driver in drivers) if found]

    def as_dict(self):
        """For --json."""
        return {"uuid": self.uuid, "world": self.world, "path": self.path,
                "parent": self.parent, "type": self.type, "device_api": self.device_api,
                "numa_node": self.numa_node, "holders": self.holders,
                "drivers": self.drivers, "notes": [printable(note) for note in self.notes]}


def user_roots():
    """Where devices of user space are listed, as the bus has it."""
    roots = [os.environ.get(USER_DEVICES_ENV, USER_DEVICES)]
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.geteuid() != 0 and own.startswith("/"):
        roots.append(own + "/mdev/devices")
    roots += os.environ.get(MORE_DEVICES_ENV, "").split(":")
    roots = [sysroot + (root.rstrip("/") or "/") for root in roots if root.startswith("/")]
    return list(dict.fromkeys(roots))


class Machine:
    """All parents and devices of a machine."""

    def __init__(self, driver_places):
        self.parents, self.devices, self.notes = [], {}, []
        folder = sysroot + SYSFS_PARENTS
        self.parents += [Parent(KERNEL, os.path.join(folder, name))
                         for name in listdir(folder)]
        self.scan(KERNEL, os.environ.get(SYSFS_DEVICES_ENV, sysroot + SYSFS_DEVICES))
        for root in filter(os.path.isdir, user_roots()):
            why = distrust(root)
            if why:
                self.notes.append(f"{root}: not used: {why}")
                continue
            self.find_mediators(os.path.dirname(os.path.realpath(root)))
            self.scan(USER, root)
        self.drivers = read_drivers(driver_places)
        self.look()

    def find_mediators(self, folder):
        """Mediators are beside the list of their devices."""
        for name in listdir(folder):
            path = os.path.join(folder, name)
            if name == "devices" or os.path.islink(path) or not os.path.isdir(path):
                continue
            # a folder that is not trusted is said to be, and not looked into
            if distrust(path) or not os.access(path, os.X_OK) or \
                    os.path.isdir(os.path.join(path, "mdev_supported_types")):
                self.parents.append(Parent(USER, path))

    def scan(self, world, root):
        """Read a list of devices. The first of two with one UUID is the bus's."""
        for name in listdir(root):
            if not UUID_FORM.fullmatch(name):
                continue
            device = Device(world, root, name)
            first = self.devices.get(device.uuid)
            if first is None or first.distrust:
                self.devices[device.uuid] = device
            elif device.distrust is None and first.root != root:
                first.notes.append(f"is listed in {root}, too: the first one is used; give "
                                   "one of the two another UUID")

    def look(self):
        """Find out what is not said by the lists."""
        kernel = any(device.world == KERNEL for device in self.devices.values())
        open_files = OpenFiles() if kernel else None
        mediators = {os.path.realpath(parent.path): parent for parent in self.parents}
        for device in self.devices.values():
            device.find_holders(open_files, mediators)
            device.find_drivers(self.drivers)

    def sorted_devices(self):
        """In the order in which DPDK numbers its ports."""
        return [self.devices[key] for key in sorted(self.devices)]


# What is shown.

def print_table(title, header, rows, nothing):
    """A title, and aligned columns below it; or that there is nothing."""
    print(f"\n{title}\n{'=' * len(title)}")
    if not rows:
        print(nothing)
        return
    rows = [header] + [[printable(cell) or "-" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = lines_of(widths)
    for row in rows:
        for begin, end in lines:
            print("    " * (begin > 0) +
                  "  ".join(map(str.ljust, row[begin:end], widths[begin:end])).rstrip())


def lines_of(widths):
    """The columns that each line of a row has: on a terminal, as many as it is wide."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    lines, begin, used = [], 0, 0
    for i, width in enumerate(widths):
        if i > begin and used + width > room:
            lines.append((begin, i))
            begin, used = i, 4
        used += width + 2
    return lines + [(begin, len(widths))]


def free_text(parent, mdev_type):
    """How many more devices of a type there can be."""
    if parent.world == KERNEL:
        free = mdev_type["available_instances"]
        return "?" if free is None else str(free)
    return "-" if parent.note else "any"


def holders_text(device):
    """Who has a device."""
    if device.distrust:
        return ""
    if device.holders is None:
        return "?"
    return ", ".join(map(process_text, device.holders)) or "nobody"


def drivers_text(device, machine):
    """Who would take a device."""
    if not machine.drivers:
        return "?"
    return ", ".join(found["name"] + (" (-a)" if found["if_named"] else "")
                     for found in device.drivers)


def notes_of(machine):
    """What is to be said besides."""
    devices = machine.sorted_devices()
    notes = machine.notes + [parent.note for parent in machine.parents if parent.note]
    notes += [f"mdev:{d.uuid}: {note}" for d in devices for note in d.notes]
    if any(d.holders is None and d.files for d in devices):
        notes.append(f"held by ?: not all processes can be seen: {NOT_SEEN}")
    if devices and not machine.drivers:
        notes.append("driver ?: no driver library says which mediated devices it serves: "
                     "name its folder with --drivers")
    if any(found["if_named"] for d in devices for found in d.drivers):
        notes.append("driver (-a): if the application names the device (-a mdev:<uuid>), and "
                     "if its PCI ids, which cannot be seen before, are the driver's")
    return [printable(note) for note in notes]


def show(machine, as_json):
    """--status: all that is there."""
    devices = machine.sorted_devices()
    if as_json:
        print(json.dumps({"parents": [parent.as_dict() for parent in machine.parents],
                          "devices": [device.as_dict() for device in devices],
                          "drivers": machine.drivers, "notes": notes_of(machine)}, indent=4))
        return
    print_table("Parents and their types",
                ["WORLD", "PARENT", "TYPE", "API", "FREE", "NAME"],
                [[parent.world, parent.name, t["type"], t["device_api"],
                  free_text(parent, t), t["name"]]
                 for parent in machine.parents for t in parent.types],
                "none to be looked into: see below"
                if any(parent.note for parent in machine.parents) else
                "none: load a kernel module that has mediated devices, "
                "or start dpdk-mdev-mediator")
    print_table("Mediated devices",
                ["UUID", "WORLD", "PARENT", "TYPE", "DRIVER", "HELD BY"],
                [[device.uuid, device.world, device.parent, device.type,
                  drivers_text(device, machine), holders_text(device)]
                 for device in devices],
                "none: make one with --create TYPE")
    notes = notes_of(machine)
    if notes:
        print()
    for note in notes:
        print(note)


# What is changed.

def run_mdevctl(*args):
    """Have mdevctl do it."""
    try:
        done = subprocess.run(["mdevctl", *args], stdin=subprocess.DEVNULL,
                              text=True, errors="replace", capture_output=True, check=False,
                              timeout=MDEVCTL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Refused(mdevctl_error(f"no answer in {MDEVCTL_TIMEOUT_S} s")) from None
    if done.returncode != 0:
        raise Refused(mdevctl_error(done.stderr))


def mdevctl_error(said):
    """What mdevctl said, in one line."""
    said = printable(" ".join(said.split())) or "it says nothing"
    return f"mdevctl: {said}: put that right, or do without it (--no-mdevctl)"


def uses_mdevctl(args):
    """Is it to be used, and there?"""
    return not args.no_mdevctl and not sysroot and shutil.which("mdevctl") is not None


def must_write(path):
    """Refuse what will fail."""
    if not os.path.exists(path):
        raise Refused(f"{path} is not there any more: see --status")
    if not os.access(path, os.W_OK):
        raise Refused(f"no permission to write to {path}: run this as root")


def find_parent(machine, args):
    """The parent that is to have a new device."""
    def names(parents):
        return ", ".join(sorted({parent.name for parent in parents}))

    having = [parent for parent in machine.parents
              if any(t["type"] == args.create for t in parent.types)]
    types = sorted({t["type"] for parent in machine.parents for t in parent.types})
    found = [parent for parent in having if args.parent in (None, parent.name)]
    not_read = [parent for parent in machine.parents if parent.note and not parent.types and
                args.parent in (None, parent.name)]
    if not found and not_read and (args.parent or not types):
        raise Refused(not_read[0].note)
    if not having:
        raise Refused(f"no parent has the type {args.create}: "
                      + (f"there are {', '.join(types)}" if types else
                         "load a kernel module that has mediated devices, or start "
                         "dpdk-mdev-mediator"))
    if not found:
        raise Refused(f"parent {args.parent} has no type {args.create}: name one that has it, "
                      f"with --parent: {names(having)}")
    # one that does not run, or is not trusted, is no choice while there is another
    found = [parent for parent in found if not parent.note] or found
    if len(found) > 1:
        if len({parent.name for parent in found}) == 1:
            raise Refused(f"{len(found)} parents are named {found[0].name}: use "
                          "dpdk-mdev-mediator ctl --root, or end one of them")
        raise Refused(f"several parents have the type {args.create}: choose one with "
                      f"--parent: {names(found)}")
    return found[0]


def create(machine, args):
    """--create: a device."""
    parent = find_parent(machine, args)
    mdev_type = next(t for t in parent.types if t["type"] == args.create)
    new = args.uuid or str(uuid.uuid4())
    if new in machine.devices:
        raise Refused(f"mdev:{new}: exists already, of {machine.devices[new].parent}: remove "
                      "it first, or choose another UUID")
    if parent.note:
        raise Refused(parent.note)
    if parent.world == USER:
        create_user(parent, new, args)
    else:
        create_kernel(parent, mdev_type, new, args)
    if args.json:
        print(json.dumps({"created": new, "parent": parent.name, "type": args.create}))
    else:
        print(new)


def create_user(parent, new, args):
    """By a mediator in user space."""
    if args.backend is None:
        raise Refused(f"{parent.name} is a mediator in user space, whose devices need a "
                      "backend: give its vhost-user socket with --backend")
    if "\n" in args.backend:
        raise Refused("--backend: more than a line: give a path, and keys behind commas")
    try:
        parent.ask(f"add uuid={new},backend={args.backend}")
    except Refused as refused:
        raise Refused(str(refused).replace("ctl add: ", "--backend: ", 1)) from None


def create_kernel(parent, mdev_type, new, args):
    """By the kernel."""
    path = os.path.join(parent.path, "mdev_supported_types", args.create, "create")
    if args.backend is not None:
        raise Refused(f"{parent.name} is a parent in the kernel, whose devices have no "
                      "backend: leave --backend out")
    if mdev_type["available_instances"] == 0:
        raise Refused(f"{parent.name} has no {args.create} left: remove a device, or choose "
                      "another type or parent (see --status)")
    must_write(path)
    if uses_mdevctl(args):
        run_mdevctl("start", "--uuid", new, "--parent", parent.name, "--type", args.create)
        return
    try:
        with open(path, "w", encoding="ascii") as stream:
            stream.write(new)
    except OSError as error:
        raise Refused(f"mdev:{new}: {parent.name} makes no {args.create}: {error.strerror}: "
                      "see --status and the kernel's log (dmesg)") from None


def remove(machine, args):
    """--remove: a device."""
    device = machine.devices.get(args.remove)
    if device is None:
        raise Refused(f"mdev:{args.remove}: no such device: see --status")
    if device.world == USER:
        remove_user(machine, device, args)
    else:
        remove_kernel(device, args)
    if args.json:
        print(json.dumps({"removed": device.uuid}))


def must_be_unused(device, args):
    """Refuse to take a device away from somebody, but with --force."""
    if args.force:
        return
    if device.holders is None:
        raise Refused(f"mdev:{device.uuid}: who has it cannot be seen: {NOT_SEEN}; or use "
                      "--force")
    if device.holders:
        holders = ", ".join(map(process_text, device.holders))
        raise Refused(f"mdev:{device.uuid}: in use by {holders}: end that, or detach the device "
                      "there; or have it asked to let go (--force)")


def remove_user(machine, device, args):
    """By its mediator, which disconnects who has not let go in time."""
    if device.distrust:
        raise Refused(f"mdev:{device.uuid}: {device.distrust}")
    folder = os.path.dirname(os.path.realpath(device.path))
    mediator = next((parent for parent in machine.parents
                     if os.path.realpath(parent.path) == folder), None)
    if mediator is None:
        raise Refused(f"mdev:{device.uuid}: {folder} is no mediator's folder: remove the device "
                      "by the program that made it")
    if args.force:
        mediator.ask(f"remove {device.uuid} {args.timeout * 1000}", args.timeout + CTL_TIMEOUT_S)
        return
    try:
        # not by what it said before: somebody may have come since
        mediator.ask(f"remove {device.uuid} unused")
    except NotRunning:
        raise
    except Refused:
        if mediator.read_clients() is None:
            device.find_client(mediator)
            must_be_unused(device, args)  # which says more of who has it
        raise


def remove_kernel(device, args):
    """By the kernel, which waits for who has it, and cannot be made to stop.

    So it is a process of its own that waits, and goes on when we do not.
    """
    path = os.path.join(device.path, "remove")
    if device.files:  # else there is nothing to have it by
        must_be_unused(device, args)
    must_write(path)
    with_mdevctl = uses_mdevctl(args)
    command = ["mdevctl", "stop", "--uuid", device.uuid] if with_mdevctl else \
        ["sh", "-c", 'echo 1 >"$0"', path]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True, errors="replace",
                             start_new_session=True)
    timeout = max(args.timeout, 1)  # it takes a moment even if nobody has it
    try:
        said = child.communicate(timeout=timeout)[1]
    except subprocess.TimeoutExpired:
        holders = OpenFiles().holders(device.files)
        who = ", ".join(map(process_text, holders)) if holders else "whoever has it"
        raise Refused(f"mdev:{device.uuid}: not removed within {timeout} s: {who} was asked "
                      "to let go: end it; the kernel removes the device then") from None
    if child.returncode != 0 and with_mdevctl:
        raise Refused(mdevctl_error(said))
    if child.returncode != 0:
        raise Refused(f"mdev:{device.uuid}: {printable(' '.join(said.split()))}: see --status "
                      "and the kernel's log (dmesg)")


# The command line.

def a_uuid(text):
    """A UUID of the command line, in lower case."""
    if not UUID_FORM.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{printable(text)}: not a UUID: 32 hexadecimal digits as 8-4-4-4-12")
    return text.lower()


def seconds(text):
    """A time of the command line."""
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or int(text) > 3600:
        raise argparse.ArgumentTypeError(f"{printable(text)}: not a time: 0 to 3600 seconds")
    return int(text)


def parse_args():
    """The command line; ends with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        description="Utility to list, create and remove mediated devices",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""
Examples:
---------

To display parents, types and devices:
        %(prog)s --status

To create a device of the kernel, and of a mediator in user space:
        %(prog)s --create mdev_virtio-net-mmap
        %(prog)s --create virtio_net --backend /run/vhost/left.sock,queues=4

To remove a device that nobody uses, and one that somebody does:
        %(prog)s --remove 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001
        %(prog)s --remove 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 --force
""")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("-s", "--status", action="store_true",
                        help="print all parents, types and devices (the default)")
    action.add_argument("-c", "--create", metavar="TYPE",
                        help="create a device of this type, and print its UUID")
    action.add_argument("-r", "--remove", metavar="UUID", type=a_uuid,
                        help="remove a device")
    parser.add_argument("-p", "--parent", help="the parent of a new device, where "
                        "several have the type")
    parser.add_argument("-u", "--uuid", type=a_uuid,
                        help="the UUID of a new device (default: a random one)")
    parser.add_argument("-b", "--backend", metavar="PATH[,KEY=VALUE]...",
                        help="the vhost-user socket of a new device of a mediator in user "
                        "space, and more keys of its specification")
    parser.add_argument("-f", "--force", action="store_true",
                        help="remove a device that is in use: ask who uses it to let go")
    parser.add_argument("-t", "--timeout", metavar="SECONDS", type=seconds,
                        help="how long to wait for a removal (default: 10)")
    parser.add_argument("-j", "--json", action="store_true", help="print JSON")
    parser.add_argument("-d", "--drivers", metavar="PLACE", action="append",
                        help="folder of driver libraries, or one of these (default: those "
                        "of DPDK); may be given again")
    parser.add_argument("--no-mdevctl", action="store_true",
                        help="write to sysfs even if mdevctl is installed")
    parser.add_argument("--sysroot", metavar="DIR", default="",
                        help="look below this folder instead of /")
    args = parser.parse_args()
    for option, needs in (("parent", "create"), ("uuid", "create"), ("backend", "create"),
                          ("force", "remove"), ("timeout", "remove")):
        given = getattr(args, option)
        if given is not None and given is not False and getattr(args, needs) is None:
            parser.error(f"--{option} is for --{needs}")
    if args.sysroot and not os.path.isdir(args.sysroot):
        parser.error(f"--sysroot {args.sysroot}: no such folder")
    if args.timeout is None:
        args.timeout = 10
    return args


def run():
    """Do what the command line says."""
    global sysroot

    args = parse_args()
    sysroot = os.path.abspath(args.sysroot).rstrip("/") if args.sysroot else ""
    machine = Machine(args.drivers or default_driver_places())
    if args.create is not None:
        create(machine, args)
    elif args.remove is not None:
        remove(machine, args)
    else:
        show(machine, args.json)
    sys.stdout.flush()


def main():
    """The exit status, as in the guide."""
    # what a terminal has no letter for is no error
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        run()
        return 0
    except Refused as refused:
        said, status = str(refused), 1
    except BrokenPipeError:
        # whoever reads this has read enough
        drop_output()
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        said, status = f"{where}{error.strerror or error}: put that right, and try again", 1
        drop_output()  # it may be what cannot be written
    except KeyboardInterrupt:
        said, status = "interrupted: see --status for what has been done", 130
    print(f"{os.path.basename(sys.argv[0])}: {printable(said)}", file=sys.stderr)
    return status


def drop_output():
    """Have what is not written yet make no error when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
