#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""help_options.py PAGE [GUIDE] -- PROGRAM...: compare a program's help with its manual page

What PROGRAM --help names, options, keys of a specification and commands, is in the page,
which is written in mdoc(7), and the other way round. The options are also in the guide,
where there is one. One line for each that is missing; exits with 1 if there is any.
"""

import re
import subprocess
import sys

OPTION = re.compile(r'(?<![\w<.-])--?[a-z][a-z-]*')
KEY = re.compile(r'(?<![\w-])([a-z]+)=')
COMMAND = re.compile(r'^ {2}([a-z]+) {2,}|^ {2}([a-z]+) [A-Z[]', re.M)


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def flags(page):
    """The arguments of each macro Fl, up to the next macro, as a user types them."""
    for line in page.splitlines():
        words = line.split() if line.startswith('.') else []
        within = False
        for word in words:
            if word == 'Fl' or word == '.Fl':
                within = True
            elif within and re.fullmatch(r'-?[a-z][a-z-]*', word):
                yield '-' + word
            elif word not in ',|':
                within = False


def compare(what, page, program):
    for name in sorted(program - page):
        yield '%s %s: in the help, not in the manual page' % (what, name)
    for name in sorted(page - program):
        yield '%s %s: in the manual page, not in the help' % (what, name)


def differences(text, page, guide):
    listed = page.split('.Sh ENVIRONMENT')[0]    # and no examples
    text = text.split('\nExamples:')[0]
    options = set(OPTION.findall(text))
    if not options:
        yield 'the help names no option'
    yield from compare('option', set(flags(listed)), options)
    yield from compare('key', set(re.findall(r'^\.It Cm ([a-z]+)=', listed, re.M)),
                       set(KEY.findall(text)))
    commands = {first or second for first, second in COMMAND.findall(text)}
    items = set(re.findall(r'^\.It Cm (?:ctl )?([a-z-]+)(?!=)\b', listed, re.M))
    yield from ('command %s: not in the manual page' % name for name in sorted(commands - items))
    yield from ('command %s: not in the help' % name for name in sorted(items)
                if not re.search(r'(?<![\w-])%s\b' % name, text))
    if guide:
        yield from ('option %s: not in %s' % (name, guide)
                    for name in sorted(options - set(OPTION.findall(read(guide)))))


def main():
    at = sys.argv.index('--')
    page, *guide = sys.argv[1:at]
    text = subprocess.run([*sys.argv[at + 1:], '--help'], capture_output=True, text=True,
                          check=True).stdout
    missing = list(differences(text, read(page), guide[0] if guide else None))
    for line in missing:
        print(line)
    return 1 if missing else 0


if __name__ == '__main__':
    sys.exit(main())
