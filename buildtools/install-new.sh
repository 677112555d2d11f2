#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# install-new.sh FILE DIR: for meson install: install a configuration file, unless there is
# one; the user's stays as it is
set -e

dir=$DESTDIR$2
[ ! -e "$dir/${1##*/}" ] || exit 0
mkdir -p "$dir"
install -m 644 "$1" "$dir/"
