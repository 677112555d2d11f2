#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# mdev-samples.sh [-s] [KERNEL]: build the Linux kernel's own sample mediated devices
# (mtty, mdpy, mbochs) and print the directory with the modules
#
# They are devices that this project did not write: the bus must cope with them. KERNEL is
# 6.1 (default) or 6.12. The sources come from Debian's package linux-source-KERNEL; the
# little that is needed of it is kept in the cache.
#
#   -s  print the directory of those sources instead; it also holds the kernel's
#       scripts/checkpatch.pl, which DPDK's devtools/checkpatches.sh asks for
#   -h  print this help
#
# MDEV_CACHE names the cache directory (default ~/.cache/dpdk-mdev).

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

# fetch_sources SERIES DEST: DEST gets its name last, so it is complete or absent
fetch_sources()
{
	local series=$1 dest=$2 name=linux-source-$1 work

	[ ! -d "$dest" ] || return 0
	need_packages xz-utils
	temp_dir work "$dest.XXXXXX"
	mkdir "$work/tree"
	say "fetching Debian's $name, about 140 MB"
	private_lists "$work" deb backports
	cd "$work"
	quietly "$work/log" private_apt "$work" apt-get download "$name" ||
		die "cannot fetch $name: $(last_lines "$work/log")"
	say "unpacking what is needed of it"
	watched '' unpack_sources "$name" "$work/tree" || die "cannot unpack $name"
	mv -T "$work/tree" "$dest"
}

# unpack_sources NAME DIR: the little that we need, from the package in this folder
unpack_sources()
{
	dpkg-deb --fsys-tarfile "$1"_*.deb |
		tar -xO "./usr/src/$1.tar.xz" |
		tar -xJ --strip-components=1 -C "$2" "$1/samples/vfio-mdev" \
			"$1/scripts/checkpatch.pl" "$1/scripts/spelling.txt" \
			"$1/scripts/const_structs.checkpatch"
}

# build_samples KERNEL SOURCES DEST
build_samples()
{
	local kernel=$1 sources=$2 dest=$3 work depends module

	! up_to_date "$dest" || return 0
	mapfile -t depends <"$kernel/build-depends"
	need_packages "${depends[@]}"
	temp_dir work "$dest.XXXXXX"
	mkdir "$work/tree"
	cp "$sources"/samples/vfio-mdev/*.[ch] "$work/tree/"
	echo 'obj-m := mtty.o mdpy.o mbochs.o' >"$work/tree/Kbuild"
	say "building the sample mediated devices for $release"
	quietly "$work/log" make -C "$kernel/headers" M="$work/tree" \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules ||
		die "the samples cannot be built: $(tail -n 5 "$work/log" | paste -sd '|' -)"
	mkdir "$work/modules"
	for module in mtty mdpy mbochs; do
		mv "$work/tree/$module.ko" "$work/modules/"
	done
	echo "$release" >"$work/modules/version"
	rm -rf "$dest"
	mv -T "$work/modules" "$dest"
}

# up_to_date DIR: are the modules there, and for the kernel that we have?
up_to_date()
{
	[ -s "$1/version" ] && [ "$(cat "$1/version")" = "$release" ]
}

want=modules
while getopts sh option; do
	case $option in
	s) want=sources ;;
	h) usage_of "$0"; exit 0 ;;
	*) die "see $0 -h" ;;
	esac
done
shift $((OPTIND - 1))
series=${1:-6.1}
[[ $series =~ ^[0-9]+\.[0-9]+$ ]] || die "not a kernel series: $series (6.1 or 6.12)"

cache=$(cache_dir)
sources=$cache/linux-source-$series
samples=$cache/mdev-samples-$series
if [ $want = modules ]; then
	kernel=$("$REPO/devtools/vm-kernel.sh" "$series")
	release=$(cat "$kernel/version")
	if up_to_date "$samples"; then
		echo "$samples"
		exit 0
	fi
fi
[ -d "$sources" ] || with_lock "linux-source-$series" fetch_sources "$series" "$sources"
if [ $want = sources ]; then
	echo "$sources"
	exit 0
fi
with_lock "mdev-samples-$series" build_samples "$kernel" "$sources" "$samples"
echo "$samples"
