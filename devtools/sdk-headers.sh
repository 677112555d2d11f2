#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# sdk-headers.sh [-s]: print the directory with the driver SDK headers
# (bus_driver.h, ethdev_driver.h, bus_pci_driver.h, ...) of the installed DPDK
#
# Distributions ship DPDK without them. On Debian they come from the source package
# of exactly the installed version, which is fetched once into the cache; a DPDK built
# with -Denable_driver_sdk=true has them, and then its own directory is printed.
#
#   -s  print the directory of the unpacked DPDK sources instead; they hold
#       buildtools/pmdinfogen.py, devtools/checkpatches.sh and the like
#   -h  print this help
#
# MDEV_CACHE names the cache directory (default ~/.cache/dpdk-mdev).

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

# print the installed include directory that has the SDK headers, if one has
installed_sdk()
{
	local flag

	for flag in $(pkg-config --cflags-only-I --keep-system-cflags libdpdk); do
		if [ -e "${flag#-I}/bus_driver.h" ] &&
				[ -e "${flag#-I}/ethdev_driver.h" ]; then
			realpath "${flag#-I}"
			return 0
		fi
	done
	return 1
}

# print the paths that a meson.build gives to driver_sdk_headers, without its folder
listed_headers()
{
	awk '{ sub(/#.*/, "") }
		/^[ \t]*driver_sdk_headers *\+?=/ { inside = 1 }
		inside { text = text $0 }
		inside && /[)\]]/ { inside = 0 }
		END { while (match(text, /\047[^\047]+\047/)) {
			print substr(text, RSTART + 1, RLENGTH - 2)
			text = substr(text, RSTART + RLENGTH) } }' "$1"
}

# assemble_sdk SOURCE DEST: copy the headers that DPDK's own build would install with
# -Denable_driver_sdk=true. DEST gets its name last, so it is complete or absent.
assemble_sdk()
{
	local source=$1 dest=$2 work file header

	[ ! -d "$dest" ] || return 0
	temp_dir work "$dest.XXXXXX"
	mkdir "$work/sdk"
	find "$source/lib" "$source/drivers" -mindepth 2 -name meson.build | sort |
		while read -r file; do
			listed_headers "$file" | while read -r header; do
				cp "${file%/*}/$header" "$work/sdk/"
			done
		done
	find "$source/lib" -name '*_driver.h' -exec cp -t "$work/sdk" {} +
	for header in bus_driver.h ethdev_driver.h bus_pci_driver.h; do
		[ -e "$work/sdk/$header" ] || die "$source has no $header"
	done
	mv -T "$work/sdk" "$dest"
}

want=sdk
while getopts sh option; do
	case $option in
	s) want=source ;;
	h) usage_of "$0"; exit 0 ;;
	*) die "see $0 -h" ;;
	esac
done

command -v pkg-config >/dev/null || need_packages pkg-config
pkg-config --exists libdpdk || need_packages libdpdk-dev
if [ $want = sdk ] && installed_sdk; then
	exit 0
fi

pc_file=$(pkg-config --variable=pcfiledir libdpdk)/libdpdk.pc
dpkg-query -S "$(realpath "$pc_file")" >/dev/null 2>&1 ||
	die "$pc_file is not Debian's: configure that DPDK with -Denable_driver_sdk=true"
# shellcheck disable=SC2016	# dpkg's syntax, not the shell's
version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev)
cache=$(cache_dir)
source=$cache/dpdk-$version
sdk=$cache/sdk-$version

[ -d "$source" ] || {
	source_package dpdk "$version" "$source"
	say "the DPDK sources are in $source"
}
[ -d "$sdk" ] || with_lock "sdk-$version" assemble_sdk "$source" "$sdk"
[ $want = sdk ] && echo "$sdk" || echo "$source"
