#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""terminal.py ROWS: print what a terminal shows of standard input, and what has scrolled off it

For programs that redraw lines. Of what moves the cursor it knows carriage return, line feed, and
ECMA-48's CUP (to the first place), CUU, ED and EL (from the cursor on); SGR (colours) and DEC's
modes change nothing. Other sequences are errors.
"""

import re
import sys


class Terminal:
    """Lines from the first one on, and where the cursor is."""

    def __init__(self, rows):
        self.rows, self.lines, self.row, self.column = rows, [""], 0, 0

    def text(self, text):
        """Printed in the place of what was there."""
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[:self.column] + text + line[self.column + len(text):]
        self.column += len(text)

    def move(self, sign):
        """CR or LF."""
        if sign == "\r":
            self.column = 0
            return
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def control(self, parameters, name):
        """ESC [ parameters name."""
        top = max(0, len(self.lines) - self.rows)
        if name == "H" and not parameters:
            self.row, self.column = top, 0
        elif name == "A":
            self.row = max(top, self.row - int(parameters or "1"))
        elif name in "JK" and not parameters:
            self.lines[self.row] = self.lines[self.row][:self.column]
            if name == "J":
                del self.lines[self.row + 1:]
        elif name != "m" and not parameters.startswith("?"):
            sys.exit(f"unknown: ESC [ {parameters} {name}")


def main():
    """Of standard input."""
    terminal = Terminal(int(sys.argv[1]))
    data = sys.stdin.buffer.read().decode(errors="replace")
    for sign, parameters, name, text in re.findall(
            r"([\r\n])|\x1b\[([^@-~]*)([@-~])|([^\r\n\x1b]+|\x1b)", data):
        if sign:
            terminal.move(sign)
        elif name:
            terminal.control(parameters, name)
        elif text == "\x1b":
            sys.exit("an escape that is no control sequence")
        else:
            terminal.text(text)
    print("\n".join(terminal.lines))


if __name__ == "__main__":
    main()
