#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# vfio-user-peers.sh samples|qemu: print the folder with programs that speak vfio-user
# and are not ours; build them first, from Debian's source package of QEMU
#
#   samples  libvfio-user.so and its samples server, gpio-pci-idio-16; libvfio_user.py,
#            by which its own tests speak as a client
#   qemu     qemu-system-x86_64 with x-vfio-user-server, which Debian's own has not:
#            few devices and no processor, some ten minutes on two processors. Its
#            libvfio-user.so.0 is beside it.
#   -h       print this help
#
# Built once; MDEV_CACHE names the cache directory (default ~/.cache/dpdk-mdev).

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

# no private build of python3 or meson
PATH=/usr/bin:/bin:/usr/sbin:/sbin

# build_samples SOURCE DIR: the library and what is linked with it
build_samples()
{
	local lib=$1/subprojects/libvfio-user out=$2 name flags
	local -a files=()

	need_packages gcc libc6-dev libjson-c-dev pkg-config
	flags="-O1 -g -w -fPIC -D_GNU_SOURCE -I$lib/include -I$lib/lib $(pkg-config \
		--cflags json-c)"
	for name in dma irq libvfio-user migration pci pci_caps tran tran_sock; do
		files+=("$lib/lib/$name.c")
	done
	# shellcheck disable=SC2086	# flags are words
	{
		gcc $flags -fvisibility=hidden -shared -o "$out/libvfio-user.so" "${files[@]}" \
			-ljson-c
		for name in server gpio-pci-idio-16; do
			# shellcheck disable=SC2016	# the loader's
			gcc $flags -o "$out/$name" "$lib/samples/$name.c" -L "$out" \
				-lvfio-user -Wl,-rpath,'$ORIGIN'
		done
	}
	cp "$lib/test/py/libvfio_user.py" "$out"
}

# build_qemu SOURCE DIR: no processor is needed, but the server depends on KVM, and what
# is left on a machine type. Of that one, a stub and the real function are linked.
build_qemu()
{
	local source=$1 out=$2 build

	need_packages gcc g++ libc6-dev libglib2.0-dev libpixman-1-dev libjson-c-dev \
		libcmocka-dev meson ninja-build pkg-config python3
	temp_dir build "$out.build.XXXXXX"
	printf 'CONFIG_%s=y\n' MICROVM PCI_EXPRESS MULTIPROCESS VFIO_USER_SERVER VIRTIO_PCI \
		VIRTIO_NET >"$source/configs/devices/x86_64-softmmu/vfio-user.mak"
	cd "$build"
	quietly "$build/log" "$source/configure" --target-list=x86_64-softmmu \
		--without-default-features --without-default-devices \
		--with-devices-x86_64=vfio-user --enable-system --enable-kvm --disable-tcg \
		--enable-multiprocess --enable-vfio-user-server --disable-tools --disable-docs \
		--disable-werror --disable-install-blobs --meson=/usr/bin/meson \
		--extra-ldflags=-Wl,-z,muldefs &&
		quietly "$build/log" nice -n 19 ninja qemu-system-x86_64 ||
		die "QEMU cannot be built: $(tail -n 5 "$build/log" | paste -sd '|' -)"
	cp -L qemu-system-x86_64 subprojects/libvfio-user/lib/libvfio-user.so.0 "$out"
}

# The folder gets its name last, so it is complete or absent.
build_peers()
{
	local what=$1 dest=$2 source=${2%/*}/qemu-source work

	[ ! -d "$dest" ] || return 0
	source_package qemu "" "$source"
	temp_dir work "$dest.XXXXXX"
	mkdir "$work/peers"
	say "building $what of $source"
	"build_$what" "$source" "$work/peers"
	mv -T "$work/peers" "$dest"
}

case ${1:-} in
samples | qemu) ;;
-h | --help) usage_of "$0"; exit 0 ;;
*) die "samples or qemu; see $0 -h" ;;
esac
dest=$(cache_dir)/vfio-user-$1
[ -d "$dest" ] || with_lock "vfio-user-$1" build_peers "$1" "$dest"
echo "$dest"
