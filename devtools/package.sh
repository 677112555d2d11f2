#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# package.sh [DIR]: build the Debian packages, for the DPDK that Debian has installed, and
# put them into DIR (default: build/packages) with their source package
#
# Installs what that needs. The source package holds what git does not ignore, or the whole
# tree but for builds where there is no git, and the driver SDK headers of that DPDK (devtools/sdk-headers.sh)
# as an archive of its own, so that it can be built again without a network.
#
#   -c  run the unit tests during the build (compiling them takes longer than the rest)
#   -h  print this help

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

# project_files: print the names of all files that belong to the source package
project_files()
{
	cd "$REPO"
	git -c safe.directory="$REPO" ls-files -z --cached --others --exclude-standard 2>/dev/null ||
		find . \( -path ./build -o -path './build-*' -o -path './examples/*/build' -o -name .git \) \
			-prune -o \( -type f -o -type l \) -printf '%P\0'
}

# archive DEST FOLDER FOLDER_IN_ARCHIVE [TAR_OPTION...]: the same files give the same archive
archive()
{
	local dest=$1 folder=$2 name=$3

	shift 3
	tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+w \
		--mtime="@$SOURCE_DATE_EPOCH" --transform "s,^\.,$name,S" "$@" -cJf "$dest" .
}

# The package names have DPDK's ABI, as Debian's have.
rename_packages()
{
	local tree=$1 abi=$2 old file

	old=$(sed -n 's/^Package: librte-bus-mdev//p' "$tree/debian/control")
	[ "$old" != "$abi" ] || return 0
	say "naming the packages for DPDK's ABI $abi instead of $old"
	sed -i -E "s/(librte-(bus|common|net)-(mdev|vfio)[a-z-]*)$old\>/\1$abi/g" \
		"$tree"/debian/control
	for file in "$tree"/debian/librte-*"$old".*; do
		mv "$file" "${file/$old./$abi.}"
	done
}

# make_source WORK: the unpacked source package, and the archives beside it
make_source()
{
	local work=$1 tree=$1/$name-$version sdk

	sdk=$("$REPO/devtools/sdk-headers.sh")
	mkdir -p "$tree" "$work/sdk/include"
	project_files | tar -C "$REPO" --null --no-recursion -T - -cf - | tar -C "$tree" -xf -
	cp "$sdk"/*.h "$work/sdk/include/"
	pkg-config --modversion libdpdk >"$work/sdk/VERSION"
	rename_packages "$tree" "$abi"
	archive "$work/${name}_$version.orig.tar.xz" "$tree" "$name-$version" --exclude=./debian
	archive "$work/${name}_$version.orig-sdk.tar.xz" "$work/sdk" sdk
	mv "$work/sdk" "$tree/"
}

checks=nocheck
while getopts ch option; do
	case $option in
	c) checks= ;;
	h) usage_of "$0"; exit 0 ;;
	*) die "see $0 -h" ;;
	esac
done
shift $((OPTIND - 1))
dest=$(realpath -m "${1:-$REPO/build/packages}")

need_packages build-essential debhelper dh-dkms dh-python fakeroot libdpdk-dev meson ninja-build \
	pkg-config python3-pyelftools xz-utils
name=$(dpkg-parsechangelog -l "$REPO/debian/changelog" -S Source)
version=$(dpkg-parsechangelog -l "$REPO/debian/changelog" -S Version)
version=${version%-*}
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$REPO/debian/changelog" -S Timestamp)
export SOURCE_DATE_EPOCH
# shellcheck disable=SC2046	# flags are words
abi=$(echo '#include <rte_build_config.h>' | gcc -E -dM -x c - $(pkg-config --cflags libdpdk) |
	sed -n 's,^#define RTE_EAL_PMD_PATH .*/pmds-\([0-9]*\)\..*,\1,p')
[ -n "$abi" ] || die "the installed DPDK does not say where it looks for drivers"

temp_dir work
say "building the packages of $name $version for DPDK $(pkg-config --modversion libdpdk)"
make_source "$work"
cd "$work/$name-$version"
DEB_BUILD_OPTIONS="$checks parallel=$(nproc) ${DEB_BUILD_OPTIONS:-}" \
	quietly "$work/log" dpkg-buildpackage -us -uc -ui ||
	{ tail -n 40 "$work/log" >&2; die "the packages cannot be built"; }
mkdir -p "$dest"
# what an earlier build of ours has left, and nothing else
rm -f "$dest/${name}"_*.{dsc,changes,buildinfo,tar.xz}
sed -n 's/^Package: //p' "$work/$name-$version/debian/control" | while read -r package; do
	rm -f "$dest/$package"_*.deb "$dest/$package"-dbgsym_*.deb
done
mv "$work"/*.deb "$work"/*.dsc "$work"/*.tar.xz "$work"/*.changes "$work"/*.buildinfo "$dest/"
mv "$work/log" "$dest/build.log"
say "the packages are in $dest"
