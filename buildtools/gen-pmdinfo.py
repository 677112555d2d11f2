#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write the C source that carries a driver's PMD information.

usage: gen-pmdinfo.py ARCHIVE_OR_OBJECT... OUTPUT.c

The macros of DPDK's rte_dev.h leave one symbol for each fact of a driver in its
objects: this_pmd_name<N> holds the name; __<name>_param_string_export,
__<name>_kmod_dep_export, __<name>_pci_tbl_export and __<name>_mdev_tbl_export
hold parameters, kernel modules and the names of the PCI and the mdev id table.
They are joined here into the string that dpdk-pmdinfo.py and dpdk-mdev.py look
for in a library.
"""

import io
import json
import struct
import subprocess
import sys

try:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.relocation import RelocationSection
    from elftools.elf.sections import SymbolTableSection
except ImportError:
    sys.exit("gen-pmdinfo: pyelftools is needed (Debian: python3-pyelftools)")

TAGS = {"params": "param_string_export", "kmod": "kmod_dep_export"}
PCI_ID = struct.Struct("<IHHHH")  # class, vendor, device, subsystem ids
PCI_ID_NONE = (0, 0, 0, 0, 0)
# struct rte_mdev_id: so many pointers to strings, then the two PCI ids
MDEV_TEXTS = ("device_api", "type", "parent")
MDEV_PCI = struct.Struct("HH")


class Object:
    """The symbols of one relocatable ELF file."""

    def __init__(self, data):
        self.elf = ELFFile(io.BytesIO(data))
        self.symbols = {}
        for section in self.elf.iter_sections():
            if isinstance(section, SymbolTableSection):
                for symbol in section.iter_symbols():
                    if symbol.name and isinstance(symbol["st_shndx"], int):
                        self.symbols[symbol.name] = symbol

    def data(self, name):
        """Bytes of a symbol, or None."""
        symbol = self.symbols.get(name)
        if symbol is None:
            return None
        section = self.elf.get_section(symbol["st_shndx"])
        start = symbol["st_value"]
        return section.data()[start:start + symbol["st_size"]]

    def text(self, name):
        """A symbol that holds a C string, or None."""
        data = self.data(name)
        return None if data is None else data.rstrip(b"\0").decode()

    def drivers(self):
        """PMD information of each driver in this object."""
        for name in sorted(self.symbols):
            if not name.startswith("this_pmd_name"):
                continue
            driver = self.text(name)
            info = {"name": driver}
            for key, tag in TAGS.items():
                value = self.text(f"__{driver}_{tag}")
                if value is not None:
                    info[key] = value
            info["pci_ids"] = list(self.pci_ids(driver))
            table = self.text(f"__{driver}_mdev_tbl_export")
            if table is not None:
                info["mdev_ids"] = list(self.mdev_ids(table))
            yield info

    def pci_ids(self, driver):
        """Entries of the PCI id table: vendor, device, subsystem ids."""
        table = self.text(f"__{driver}_pci_tbl_export")
        data = None if table is None else self.data(table)
        if data is None:
            return
        usable = len(data) - len(data) % PCI_ID.size
        for entry in PCI_ID.iter_unpack(data[:usable]):
            if entry == PCI_ID_NONE:
                break
            yield list(entry[1:])

    def pointers(self, name):
        """Strings that a table points to, by the offset of the pointer in it.

        The pointers are relocations against the strings: absolute ones, whatever
        the processor calls them.
        """
        table = self.symbols[name]
        start, end = table["st_value"], table["st_value"] + table["st_size"]
        for section in self.elf.iter_sections():
            if not isinstance(section, RelocationSection) or \
                    section["sh_info"] != table["st_shndx"]:
                continue
            symbols = self.elf.get_section(section["sh_link"])
            for reloc in section.iter_relocations():
                if start <= reloc["r_offset"] < end:
                    offset = reloc["r_offset"] - start
                    symbol = symbols.get_symbol(reloc["r_info_sym"])
                    yield offset, self.string(name, offset, symbol, reloc)

    def string(self, table, offset, symbol, reloc):
        """The C string that a relocation in a table leads to."""
        if reloc.is_RELA():
            addend = reloc["r_addend"]
        else:
            addend = int.from_bytes(
                self.data(table)[offset:offset + self.elf.elfclass // 8],
                "little" if self.elf.little_endian else "big")
        section = self.elf.get_section(symbol["st_shndx"])
        return section.data()[symbol["st_value"] + addend:].split(b"\0")[0].decode()

    def mdev_ids(self, name):
        """Entries of an mdev id table, up to the one without a device API."""
        size = self.elf.elfclass // 8
        step = -(-(len(MDEV_TEXTS) * size + MDEV_PCI.size) // size) * size
        data = self.data(name)
        if data is None or len(data) % step != 0:
            sys.exit(f"gen-pmdinfo: {name} is no table of struct rte_mdev_id")
        order = "<" if self.elf.little_endian else ">"
        texts = dict(self.pointers(name))
        for start in range(0, len(data), step):
            if start not in texts:
                break
            entry = {key: texts.get(start + i * size)
                     for i, key in enumerate(MDEV_TEXTS)}
            entry["pci"] = list(struct.unpack_from(
                order + MDEV_PCI.format, data, start + len(MDEV_TEXTS) * size))
            yield entry


def objects(path):
    """Contents of the objects in an archive, thin or not, or of one object."""
    with open(path, "rb") as stream:
        magic = stream.read(8)
    if not magic.startswith((b"!<arch>\n", b"!<thin>\n")):
        with open(path, "rb") as stream:
            yield stream.read()
        return
    members = subprocess.run(["ar", "t", path], check=True, text=True,
                             capture_output=True).stdout.split("\n")
    for member in sorted(set(filter(None, members))):
        yield subprocess.run(["ar", "p", path, member], check=True,
                             capture_output=True).stdout


def main(args):
    if len(args) < 2:
        sys.exit(__doc__.split("\n\n")[1])
    *inputs, output = args
    drivers = [info for path in inputs for data in objects(path)
               for info in Object(data).drivers()]
    with open(output, "w", encoding="utf-8") as out:
        out.write("/* made by gen-pmdinfo.py */\n")
        for info in drivers:
            literal = json.dumps("PMD_INFO_STRING= " + json.dumps(info))
            out.write(f"static const char {info['name']}_pmd_info[]\n"
                      "__attribute__((used)) =\n"
                      f"\t{literal};\n")
        if not drivers:
            # ISO C wants at least one declaration
            out.write("extern const char no_pmd_info[];\n")


if __name__ == "__main__":
    main(sys.argv[1:])
