#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""troubleshooting.py [--list | PAGE]: compare doc/guides/troubleshooting.rst with the sources

The blocks "code-block:: none" of the page have one message of ours a line, with <words> for
what differs. Each has to be in the sources, and each error or warning of the sources on the
page, but for those of EXEMPT. The blocks "code-block:: text" have what DPDK itself prints:
each has to be in the libraries or programs of DPDK that are installed.

--list prints the messages of the sources, and where they are. PAGE is compared instead, if
it is given.
"""

import ast
import glob
import os
import re
import sys

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
PAGE = "doc/guides/troubleshooting.rst"
DPDK_ABI = "23"    # of Debian 12
DPDK_LIBRARIES = ("eal", "bus_pci", "ethdev", "net_virtio", "vhost")
ANY = "\0"          # what differs, in a message
FEWEST_LETTERS = 7  # a format with fewer says nothing by itself
STRING = r'"(?:\\.|[^"\\])*"'

# What the macros for messages put in front.
PREFIX = {"MDEV_LOG": "", "RTE_LOG": "", "VFIO_LOG": "vfio: ", "VFIO_USER_LOG": "vfio: ",
          "INIT_LOG": "mdev_virtio: ", "DRV_LOG": "mdev_virtio: ",
          "LOG": "dpdk-mdev-mediator: ", "complain": "l2fwd-mdev: "}
# Functions that make an error's text, which another one prints.
MAKERS = {"snprintf": 2, "ctl_answer_error": 1, "device_needs_reset": 1}
MAKERS_PYTHON = {"folder_distrust", "distrust", "mdevctl_error"}
DRIVERS = ["drivers/bus/mdev", "drivers/common", "drivers/net/mdev_virtio", "app/mediator",
           "examples/l2fwd-mdev"]
SCRIPTS = ["build.sh", "demonstration.sh", "kernel-modules.sh", "lib.sh", "native-lib.sh",
           "quickstart-guest.sh", "quickstart-native.sh", "quickstart.sh", "sdk-headers.sh",
           "vm-kernel.sh", "vm.sh", "vm/guest-init"]

# Messages that are not on the page, by their beginning, and why.
EXEMPT = {
    # how to call a command is what its help tells
    "no command; see $0 -h": "usage",
    "not a number: ": "usage",
    "unknown option ": "usage",
    # cannot be met but by who writes a driver, a client or a script of this project
    "mdev bus: driver '": "a driver's author meets it",
    "there is no kernel/linux/Makefile": "not in a whole tree",
    "kernel/linux made no ": "not in a whole tree",
    "the file that arrived is another one": "never seen; a fault of ours",
    "ports counted ": "never seen; a fault of ours",
}


class Fault(Exception):
    """Something on the page or in the sources that this script does not understand."""


def read(path):
    """A file of the repository."""
    with open(os.path.join(REPO, path), encoding="utf-8") as stream:
        return stream.read()


def sources(*folders):
    """The C files there."""
    return sorted(os.path.relpath(path, REPO) for folder in folders
                  for path in glob.glob(f"{REPO}/{folder}/**/*.[ch]", recursive=True))


# C.

def without_comments(text):
    """C with blanks for comments; lines stay where they are."""
    return re.sub(STRING + r"|/\*.*?\*/|//[^\n]*", lambda m: m[0] if m[0][0] == '"' else
                  re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def arguments(text, at):
    """Of a call whose bracket is open at that place."""
    found, depth, start = [], 0, at
    for token in re.compile(STRING + r"|'(?:\\.|[^'\\])'|[][(){},]", re.S).finditer(text, at):
        sign = token[0]
        if sign in "([{":
            depth += 1
        elif sign in ")]}" or (sign == "," and depth == 0):
            if depth == 0:
                found.append(text[start:token.start()])
                start = token.end()
            if sign != ",":
                if depth == 0:
                    return found
                depth -= 1
    raise Fault("a call without an end")


def macros_of(files):
    """Macros that are text."""
    found = {}
    for path in files:
        text = without_comments(read(path)).replace("\\\n", "  ")
        for macro in re.finditer(r"^#define[ \t]+(\w+)[ \t]+(.*)$", text, re.M):
            if '"' in macro[2]:
                found.setdefault(macro[1], macro[2])
    return found


def c_text(expression, macros):
    """A string of C, put together; with ANY for conversions and what is not known."""
    text = ""
    for token in re.finditer(STRING + r"|\w+", expression):
        word = token[0]
        if word[0] == '"':
            text += word[1:-1].replace('\\"', '"').replace("\\n", "")
        elif word.startswith("PRI"):
            text += word[3]
        elif word in macros:
            text += c_text(macros[word], {k: v for k, v in macros.items() if k != word})
        else:
            text += ANY
    return text


def alternatives(expression):
    """What "a ? b : c" can be; or the expression."""
    blank = re.sub(STRING, lambda m: "_" * len(m[0]), expression)
    question = blank.find("?")
    if question < 0:
        return [expression]
    colon = blank.index(":", question)
    return [expression[question + 1:colon], expression[colon + 1:]]


def c_messages(folders):
    """(level, place, text) of each message."""
    files = sources(*folders)
    macros = macros_of(files)
    calls = "|".join([*PREFIX, *MAKERS])
    for path in files:
        text = without_comments(read(path))
        for call in re.finditer(rf"\b({calls})\(", text):
            if text.rfind("\n#define", 0, call.start()) > \
                    max(text.rfind("\n\n", 0, call.start()), text.rfind(";", 0, call.start())):
                continue
            args = arguments(text, call.end())
            name, place = call[1], f"{path}:{text.count(chr(10), 0, call.start()) + 1}"
            if name == "complain":
                if text[:call.start()].rsplit("\n", 1)[-1].isspace():
                    yield "ERR", place, PREFIX[name] + c_text(args[0], macros)
            elif name in PREFIX:
                if len(args) > 1:
                    for form in alternatives(args[2 if name == "RTE_LOG" else 1]):
                        yield args[0].strip(), place, PREFIX[name] + c_text(form, macros)
            elif len(args) > MAKERS[name]:
                for form in alternatives(args[MAKERS[name]]):
                    yield "TEXT", place, c_text(form, macros)


def c_literals(folders):
    """All strings of C there, for what a message gets by %s."""
    for path in sources(*folders):
        for string in re.finditer(rf"{STRING}(?:\s|{STRING}|STR\(\w+\))*", without_comments(read(path))):
            yield c_text(string[0], {})


# The shell.

def shell_messages(path):
    """What die, fail and died print."""
    text = read(path).replace("\\\n", " ")
    # what is within $(...) may have quotes of its own
    text = re.sub(r"\$\((?!\()(?:[^()]|\([^()]*\))*\)", "$OUTPUT", text)
    words = r'((?:"(?:\\.|[^"\\])*"|[\s\t]+(?!\|\||&&|[{};]))+)'
    for call in re.finditer(r"(?<![\w#])(?:die|fail|died) " + words, text):
        line = re.sub(r'"\s+"', " ", call[1].strip())
        if call[0].startswith("died"):
            line = line.strip('"') + "; the console's log is $log"
        place = f"{path}:{text.count(chr(10), 0, call.start()) + 1}"
        yield "ERR", place, line.strip('"')


def shell_form(text):
    """With ANY for what the shell puts in."""
    text = re.sub(r"\$\((?:[^()]|\([^()]*\))*\)", ANY, text)
    return re.sub(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\$\w+|\$[*#@$0]", ANY, text)


# Python.

def python_text(node):
    """A string of Python, with ANY for what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(python_text(value) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return python_text(node.left) + python_text(node.right)
    return ANY


def python_messages(path):
    """What is raised as Refused, and notes, which have something in front."""
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and \
                node.func.attr == "append" and ast.unparse(node.func.value).endswith("notes"):
            yield "WARNING", f"{path}:{node.lineno}", ANY + python_text(node.args[0])
        elif isinstance(node, ast.FunctionDef) and node.name in MAKERS_PYTHON:
            for line in ast.walk(node):
                if isinstance(line, ast.Return) and "{" in ast.unparse(line):
                    yield "WARNING", f"{path}:{line.lineno}", ANY + python_text(line.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and \
                node.func.id in ("Refused", "NotRunning"):
            yield "ERR", f"{path}:{node.lineno}", "dpdk-mdev.py: " + python_text(node.args[0])


# Comparison.

CONVERSION = re.compile(r"%[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|j|z|t)?[diouxXcsp]")


def form_of(text):
    """A message with ANY for what differs."""
    text = re.sub(r"<[^<> ][^<>]*>", ANY, CONVERSION.sub(ANY, text.replace("%%", "%")))
    return re.sub(f"(?:{ANY})+", ANY, text).strip()


def letters(form):
    """How much of a message is always the same."""
    return len(re.sub(r"[^a-zA-Z]", "", re.sub(r"^[a-z.-]+: |mdev:", "", form)))


def match_of(form, text):
    """Has a text that form? What it has at the places that differ."""
    parts = form.split(ANY)
    if not all(part in text for part in parts):  # much faster, and mostly enough
        return None
    match = re.fullmatch("(.*?)".join(map(re.escape, parts)), text)
    return match and match.groups()


def messages():
    """{form: (level, place, text)} of all that is printed."""
    found = {}
    for level, place, text in c_messages(DRIVERS):
        found.setdefault(form_of(text), (level, place, text))
    for script in SCRIPTS:
        for level, place, text in shell_messages(f"devtools/{script}"):
            found.setdefault(form_of(shell_form(text)), (level, place, text))
    for level, place, text in python_messages("usertools/dpdk-mdev.py"):
        found.setdefault(form_of(text), (level, place, text))
    return {form: what for form, what in found.items() if letters(form) >= FEWEST_LETTERS}


def blocks(page, kind):
    """(line number, message) of a page's blocks of that kind."""
    inside = False
    for number, line in enumerate(read(page).splitlines(), 1):
        if line.startswith(".. code-block:: "):
            inside = line == f".. code-block:: {kind}"
        elif line and not line[0].isspace():
            inside = False
        elif inside and line.strip():
            yield number, line.strip()


def dpdk_forms():
    """What the DPDK that is installed can print, or None: there are other releases, too."""
    names = [*(f"/usr/lib/*/librte_{name}.so.{DPDK_ABI}" for name in DPDK_LIBRARIES),
             "/usr/bin/dpdk-testpmd"]
    files = [file for name in names for file in glob.glob(name)]
    if len(files) < len(names):
        return None
    found = set()
    for path in files:
        with open(path, "rb") as stream:
            found |= {form_of(text.decode("ascii"))
                      for text in re.findall(rb"[ -~]{8,}", stream.read())}
    return [form for form in found if letters(form) >= FEWEST_LETTERS]


class Known:
    """What messages can be made of."""

    def __init__(self, ours):
        self.ours = ours
        self.literals = {form_of(text).strip() for text in c_literals(DRIVERS)}
        self.scripts = "".join(read(f"devtools/{script}") for script in SCRIPTS)

    def has(self, text):
        """Do the words that the page has for what differs come from the sources?"""
        text = re.sub(rf"^[{ANY}: ]+|[{ANY}: ]+$", "", text)
        # of words, what is put in front of notes is no more than a name
        return not re.search("[a-z]{4}", re.sub("mdev:|^dpdk-mdev.py|not used", "", text)) or \
            text in self.literals or f"'{text}'" in self.scripts or \
            f"' {text}'" in self.scripts or bool(self.forms(text))

    def forms(self, text):
        """The forms of messages that such a text can have."""
        return {form for form in self.ours
                if (groups := match_of(form, text)) is not None and groups != (text,) and
                all(map(self.has, groups))}


def compare(page):
    """The faults, a line each."""
    ours = messages()
    known = Known(ours)
    on_page, faults = set(), []
    for number, line in blocks(page, "none"):
        text = form_of(line)
        # a script, and what asks a mediator, put a name in front
        texts = [text, *(re.sub(begin, "", text) for begin in
                         ("^==> ", r"^\S+: error: ", "^dpdk-mdev-mediator: ",
                          rf"^dpdk-mdev-mediator: {ANY}: [a-z]+={ANY}: "))]
        hits = set().union(*map(known.forms, texts))
        if not hits and not known.literals.intersection(texts):
            faults.append(f"{PAGE}:{number}: not in the sources: {line}")
        on_page |= hits
    for form, (level, place, text) in ours.items():
        if level in ("ERR", "WARNING") and form not in on_page and \
                not any(text.startswith(begin) for begin in EXEMPT):
            faults.append(f"{place}: not in {PAGE}: {text}")
    for begin in EXEMPT:
        if not any(text.startswith(begin) for _, _, text in ours.values()):
            faults.append(f"EXEMPT: nothing begins with: {begin}")
    theirs = dpdk_forms()
    for number, line in blocks(page, "text") if theirs is not None else ():
        texts = form_of(line), form_of(re.sub("^[A-Z_]+: ", "", line))
        if not any(match_of(form, text) is not None for form in theirs for text in texts):
            faults.append(f"{PAGE}:{number}: not in DPDK: {line}")
    return faults, len(on_page)


def main():
    """The exit status."""
    if sys.argv[1:] == ["--list"]:
        for form, (level, place, text) in sorted(messages().items(), key=lambda m: m[1][1]):
            print(level, place, text.replace(ANY, "<>"), sep="\t")
        return 0
    faults, count = compare(sys.argv[1] if len(sys.argv) > 1 else PAGE)
    print("\n".join(faults) if faults else f"{count} messages are on the page and in the sources")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
