#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# kernel-modules.sh [KERNEL]: build the kernel mediator (kernel/linux) for a kernel of
# vm-kernel.sh, and print the directory with the modules
#
# KERNEL is 6.1 (default), 6.12, or a directory as vm-kernel.sh makes it. The modules
# come to be in build/kernel-KERNEL/. Nothing is done if no source is newer than they.
#
#   -h  print this help

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

# up_to_date STAMP: was it built for this kernel, and from the sources as they are?
up_to_date()
{
	[ -e "$1" ] && [ "$(cat "$1")" = "$release $kernel" ] &&
		[ -z "$(find "$REPO/kernel/linux" -newer "$1" -print -quit)" ]
}

# The stamp's time is that of the start, so that an edit during the build counts.
build_modules()
{
	local out=$1 stamp=$1/.stamp work depends repo=$REPO headers=$kernel/headers

	! up_to_date "$stamp" || return 0
	mapfile -t depends <"$kernel/build-depends"
	need_packages "${depends[@]}"
	temp_dir work
	echo "$release $kernel" >"$work/stamp"
	mkdir -p "$out"
	rm -f "$stamp"
	if [[ $repo$headers =~ [[:space:]] ]]; then
		# make cannot handle blanks in names, so it gets to see others
		ln -s "$repo" "$work/repository"
		ln -s "$headers" "$work/headers"
		repo=$work/repository headers=$work/headers
	fi
	say "building the kernel mediator for $release"
	watched '' make -s -j "$(nproc)" -C "$repo/kernel/linux" KDIR="$headers" \
		BUILD_DIR="$repo/${out#"$REPO"/}" >&2 ||
		die "the kernel modules cannot be built for $release"
	for module in mdev_virtio mdev_virtio_net; do
		[ -e "$out/$module.ko" ] || die "kernel/linux made no $module.ko"
	done
	cp -p "$work/stamp" "$stamp"
}

while getopts h option; do
	case $option in
	h) usage_of "$0"; exit 0 ;;
	*) die "see $0 -h" ;;
	esac
done
shift $((OPTIND - 1))
kernel=${1:-6.1}
[ -e "$REPO/kernel/linux/Makefile" ] || die "there is no kernel/linux/Makefile"
[ -d "$kernel" ] || kernel=$("$REPO/devtools/vm-kernel.sh" "$kernel")
kernel=$(realpath "$kernel")
release=$(cat "$kernel/version")
name=$(basename "$kernel")
out=$REPO/build/kernel-${name#kernel-}
up_to_date "$out/.stamp" || with_lock "modules-${name#kernel-}" build_modules "$out"
echo "$out"
