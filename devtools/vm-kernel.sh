#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# vm-kernel.sh [VERSION]: print the directory with Debian's generic kernel VERSION
# (6.1, the default, or 6.12), its modules and its headers
#
# The packages are fetched from the mirror that the machine uses, and unpacked into
# the cache, not installed. What the release does not have is taken from its backports.
# In the directory:
#
#   version         the kernel's full version, V below
#   boot/vmlinuz-V  as packaged, and boot/vmlinux, unpacked, which boots faster
#   lib/modules/V   modules, with their index
#   headers         the tree to build modules against (make -C DIR/headers M=...)
#   build-depends   names of the Debian packages that building modules needs
#
#   -h  print this help
#
# MDEV_CACHE names the cache directory (default ~/.cache/dpdk-mdev).

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

# depends_of STATE PACKAGE VERSION: the names that a package depends on, one a line
depends_of()
{
	private_apt "$1" apt-cache show "$2${3:+=$3}" |
		awk -F ': ' '$1 == "Depends" && !seen++ { print $2 }' |
		tr ',' '\n' | awk 'NF { print $1 }'
}

# images STATE: packages that the meta package leads to, the newest first: NAME VERSION
images()
{
	private_apt "$1" apt-cache show linux-image-amd64 2>>"$1/log" |
		awk '$1 == "Depends:" { print $2, $4 }' | tr -d ')'
}

# find_image STATE SERIES: the newest package of that series
find_image()
{
	local found

	found=$(images "$1" | awk -v want="linux-image-$2." \
			'index($1, want) == 1 && !n++ { print } END { exit !n }') || {
		found=$(grep -E '^(E|W|Err)[: ]' "$1/log" | tail -n 4 | paste -sd '|' -) || true
		[ -z "$found" ] || die "cannot look for a kernel $2: $found"
		found=$(images "$1" | sed -n 's/^linux-image-\([0-9]*\.[0-9]*\)\..*/\1/p' |
			sort -uV | paste -sd ' ' -)
		die "no kernel $2 for this Debian release: give one of $found"
	}
	echo "$found"
}

# fetch_packages STATE DIR PACKAGE=VERSION...: download, and unpack below DIR
fetch_packages()
{
	local state=$1 dir=$2

	shift 2
	mkdir -p "$state/debs"
	cd "$state/debs"
	quietly "$state/log" private_apt "$state" apt-get download "$@" ||
		die "cannot fetch $*: $(last_lines "$state/log")"
	say "unpacking it"
	watched '' unpack_packages "$dir"
	cd "$OLDPWD"
}

# unpack_packages DIR: those in this folder
unpack_packages()
{
	local deb

	for deb in *.deb; do
		dpkg-deb -x "$deb" "$1" || die "cannot unpack $deb (disk full?)"
	done
}

# unpack_vmlinux VMLINUZ OUT: get at the ELF image within. QEMU can start it directly
# (PVH), which saves three seconds of decompression under emulation. The offsets are
# those of the kernel's boot protocol (Documentation/x86/boot.rst: setup_sects,
# payload_offset, payload_length); the payload ends with its own size, 4 bytes.
unpack_vmlinux()
{
	local file=$1 out=$2 sectors start size tool

	sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 "$file")
	start=$(od -An -tu4 -j $((0x248)) -N 4 "$file")
	size=$(od -An -tu4 -j $((0x24c)) -N 4 "$file")
	for tool in xz zstd; do
		tail -c +$(((sectors + 1) * 512 + start + 1)) "$file" |
			head -c $((size - 4)) | $tool -dc >"$out" 2>/dev/null || true
		[[ $(head -c 4 "$out" | tail -c 3 | tr -d '\0') != ELF ]] || return 0
	done
	rm -f "$out"	# another compression; vmlinuz itself boots as well
}

# build_kernel SERIES DEST: DEST gets its name last, so it is complete or absent
build_kernel()
{
	local series=$1 dest=$2 work dir image version release package packages depends

	[ ! -d "$dest" ] || return 0
	need_packages kmod xz-utils zstd
	temp_dir work "$dest.XXXXXX"
	dir=$work/kernel
	mkdir "$dir"
	say "looking for Debian's kernel $series"
	private_lists "$work" deb backports
	image=$(find_image "$work" "$series") || exit 1
	read -r image version <<<"$image"
	release=${image#linux-image-}

	# The headers lead to the rest: the common ones, kbuild, the compiler's name.
	packages=("$image=$version" "linux-headers-$release=$version")
	depends=
	for package in $(depends_of "$work" "linux-headers-$release" "$version"); do
		case $package in
		linux-headers-* | linux-kbuild-*)
			packages+=("$package=$version") ;;&
		linux-kbuild-* | linux-compiler-*)
			depends+=$(depends_of "$work" "$package" "")$'\n' ;;
		gcc-*)
			depends+=$package$'\n' ;;
		esac
	done
	# kbuild asks for pahole only to make type information that we do not use
	echo "make${depends:+$'\n'}$depends" | grep -vx -e pahole -e '' | sort -u \
		>"$dir/build-depends"

	say "fetching Debian's kernel $release, about 100 MB"
	fetch_packages "$work" "$dir" "${packages[@]}"
	say "making it ready to boot"
	watched '' depmod -b "$dir" "$release"
	watched '' unpack_vmlinux "$dir/boot/vmlinuz-$release" "$dir/boot/vmlinux"
	# the headers expect their other half in /usr/src
	# shellcheck disable=SC2016	# make's syntax, not the shell's
	sed -i 's,include /usr/src/,include $(dir $(lastword $(MAKEFILE_LIST)))../,' \
		"$dir/usr/src/linux-headers-$release/Makefile"
	ln -s "usr/src/linux-headers-$release" "$dir/headers"
	rm -rf "${dir:?}/usr/share"
	echo "$release" >"$dir/version"
	mv -T "$dir" "$dest"
	say "kernel $release is in $dest"
}

while getopts h option; do
	case $option in
	h) usage_of "$0"; exit 0 ;;
	*) die "see $0 -h" ;;
	esac
done
shift $((OPTIND - 1))
series=${1:-6.1}
[[ $series =~ ^[0-9]+\.[0-9]+$ ]] || die "not a kernel series: $series (6.1 or 6.12)"

kernel=$(cache_dir)/kernel-$series
[ -d "$kernel" ] || with_lock "kernel-$series" build_kernel "$series" "$kernel"
echo "$kernel"
