#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""call-sphinx-build.py SPHINX VERSION SOURCE HTML DEPFILE [OPTION]...: build the guides

Prints warnings only, and writes which files the pages depend on, for ninja. HTML is
made anew, or is not there: ninja compares its time, and no page outlives its source.
"""

import os
import shutil
import subprocess
import sys

SOURCES = ('.css', '.ini', '.py', '.rst', '.svg')


def sources(folder):
    for parent, _, names in os.walk(folder):
        yield parent    # a page may come, or go
        yield from (os.path.join(parent, name) for name in names if name.endswith(SOURCES))
    yield os.path.join(folder, '../decisions.md')
    # guides show parts of these
    for parent, _, names in os.walk(os.path.join(folder, '../../examples')):
        yield from (os.path.join(parent, name) for name in names)


def escaped(path):
    return path.replace(' ', '\\ ')


def main():
    sphinx, version, source, html, depfile, *options = sys.argv[1:]
    shutil.rmtree(html, ignore_errors=True)
    built = subprocess.run(
        [sphinx, '-q', '-n', '-j', 'auto', '-b', 'html', '-d', html + '.doctrees', *options,
         source, html],
        env={**os.environ, 'DPDK_MDEV_VERSION': version, 'PYTHONDONTWRITEBYTECODE': '1'},
        check=False)
    with open(depfile, 'w', encoding='utf-8') as file:
        file.write('%s: %s\n' % (escaped(html), ' '.join(map(escaped, sorted(sources(source))))))
    if built.returncode:
        shutil.rmtree(html, ignore_errors=True)
    return built.returncode


if __name__ == '__main__':
    sys.exit(main())
