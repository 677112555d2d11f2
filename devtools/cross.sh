#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# cross.sh [-a ARCH] STEP [ARGUMENT...]: build and run the project for another processor,
# with Debian's cross compiler and qemu-user. STEP is one of
#
#   build [DIR [MESON_OPTION]...]   build in DIR (default: build-ARCH), as build.sh does
#   run PROGRAM [ARGUMENT...]       run a program of that build on this machine
#   sysroot                         print the folder with the libraries that both use
#
#   -a ARCH  arm64 (the default) or ppc64el
#   -h       print this help
#
# DPDK and the C library come as Debian packages of ARCH, of the release that the machine
# has, from the mirror that it uses. They are unpacked into the cache and not installed; the
# machine does not learn of another architecture. MDEV_CACHE names the cache directory
# (default ~/.cache/dpdk-mdev).

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

# What links with what is in them; those that they depend on come with them.
PACKAGES=(libc6-dev libgcc-12-dev)

# fetch_sysroot DPDK_VERSION DEST: DEST gets its name last, so it is complete or absent
fetch_sysroot()
{
	local version=$1 dest=$2 work deb link target

	[ ! -d "$dest" ] || return 0
	temp_dir work "$dest.XXXXXX"
	say "fetching DPDK $version and what it needs for $FOREIGN_ARCH, about 70 MB"
	private_lists "$work" deb
	quietly "$work/log" private_apt "$work" apt-get -y --no-install-recommends \
		--download-only install "libdpdk-dev=$version" "${PACKAGES[@]}" ||
		die "no DPDK $version for $FOREIGN_ARCH: $(last_lines "$work/log")"
	say "unpacking it"
	for deb in "$work"/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$work/root" || die "cannot unpack $deb (disk full?)"
	done
	# links that begin with / are meant from there
	find "$work/root" -type l -lname '/*' -printf '%p %l\n' | while read -r link target; do
		ln -snfr "$work/root$target" "$link"
	done
	# what neither the compiler nor a program looks at, most of all of it
	find "$work/root/usr/share" -mindepth 1 -maxdepth 1 ! -name pkgconfig \
		-exec rm -rf {} +
	rm -f "$work/root/usr/lib/$TRIPLET"/librte_*.a
	mv -T "$work/root" "$dest"
}

# print the folder, with DPDK exactly as the machine's: its driver SDK headers are used
sysroot()
{
	local version dest

	need_packages libdpdk-dev
	# shellcheck disable=SC2016	# dpkg's syntax, not the shell's
	version=$(dpkg-query -W -f '${Version}' libdpdk-dev)
	dest=$(cache_dir)/sysroot-$FOREIGN_ARCH-$version
	[ -d "$dest" ] || with_lock "sysroot-$FOREIGN_ARCH" fetch_sysroot "$version" "$dest"
	echo "$dest"
}

# meson's description of the other machine
cross_file()
{
	local root=$1

	cat <<-END
	[binaries]
	c = ['$TRIPLET-gcc', '--sysroot=$root']
	ar = '$TRIPLET-gcc-ar'
	strip = '$TRIPLET-strip'
	pkgconfig = 'pkg-config'
	exe_wrapper = ['$QEMU', '-L', '$root']
	[host_machine]
	system = 'linux'
	cpu_family = '$CPU_FAMILY'
	cpu = '$CPU_FAMILY'
	endian = 'little'
	[properties]
	sys_root = '$root'
	pkg_config_libdir = ['$root/usr/lib/$TRIPLET/pkgconfig', '$root/usr/share/pkgconfig']
	END
}

# meson keeps the path of the file, so the file is kept too
step_build()
{
	local root file dir=${1:-$REPO/build-$FOREIGN_ARCH}

	[ $# -eq 0 ] || shift
	need_packages "$COMPILER" qemu-user
	root=$(sysroot)
	file=$root.cross
	cross_file "$root" >"$file.$$"
	mv "$file.$$" "$file"
	"$REPO/devtools/build.sh" "$dir" --cross-file "$file" "$@"
}

# By its loader: with -L, / is the folder of libraries for whoever opens it. So EAL does not
# find its drivers either, and starts the sooner; what it keeps mbufs in is one of them.
step_run()
{
	local root lib
	local -a more=()

	[ $# -gt 0 ] || die "run what? See $0 -h"
	need_packages qemu-user binutils
	root=$(sysroot)
	lib=$root/usr/lib/$TRIPLET
	if readelf -d "$1" | grep -c 'NEEDED.*librte_eal' >/dev/null; then
		more=(--preload "$lib/librte_mempool_ring.so")
	fi
	# qemu-user has a record of each page that a program reserves; tests reserve terabytes
	ulimit -v $((16 << 20))
	MDEV_TEST_EMULATED=1 exec "$QEMU" "$root/$LOADER" --library-path "$root/lib/$TRIPLET:$lib" \
		"${more[@]}" "$@"
}

step_sysroot()
{
	sysroot
}

FOREIGN_ARCH=arm64	# of private_apt as well
while getopts a:h option; do
	case $option in
	a) FOREIGN_ARCH=$OPTARG ;;
	h) usage_of "$0"; exit 0 ;;
	*) die "see $0 -h" ;;
	esac
done
shift $((OPTIND - 1))

case $FOREIGN_ARCH in
arm64)
	TRIPLET=aarch64-linux-gnu CPU_FAMILY=aarch64 QEMU=qemu-aarch64
	COMPILER=gcc-aarch64-linux-gnu LOADER=lib/ld-linux-aarch64.so.1 ;;
ppc64el)
	TRIPLET=powerpc64le-linux-gnu CPU_FAMILY=ppc64 QEMU=qemu-ppc64le
	COMPILER=gcc-powerpc64le-linux-gnu LOADER=lib64/ld64.so.2 ;;
*)
	die "no $FOREIGN_ARCH here: arm64 or ppc64el" ;;
esac
[[ ${1:-} =~ ^(build|run|sysroot)$ ]] || die "no step '${1:-}': see $0 -h"
step=$1
shift
"step_$step" "$@"
