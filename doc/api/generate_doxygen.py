#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""generate_doxygen.py HTML DOXYGEN CONF HEADER...: build the documentation of headers

HTML is made anew, or is not there: ninja compares its time, and no page outlives its
header.
"""

import os
import shutil
import subprocess
import sys


def main():
    html, doxygen, conf, *headers = sys.argv[1:]
    with open(conf, encoding='utf-8') as file:
        config = file.read()
    config += ''.join('INPUT += "%s"\n' % os.path.realpath(header) for header in headers)
    shutil.rmtree(html, ignore_errors=True)
    built = subprocess.run([doxygen, '-'], input=config, text=True, check=False)
    if built.returncode:
        shutil.rmtree(html, ignore_errors=True)
    return built.returncode


if __name__ == '__main__':
    sys.exit(main())
