#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# skeleton.sh BUILD: checks of examples/mdev-skeleton, built in BUILD and by its own Makefile
# with what meson installs, and of what a driver needs of that. Needs no mediated device
# and no permission. One line for each.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

need_packages gcc clang libc6-dev binutils make pkg-config meson "${DPDK_PACKAGES[@]}" \
	python3-pyelftools
build=$(realpath "$1")
temp_dir root "$build/skeleton.XXXXXX"	# EAL refuses plugins below /tmp
chmod 755 "$root"
keep_install_log "$build"
EAL=(--no-huge -m 256 --no-pci --no-shconf --no-telemetry -l "0,1")

# A root folder with DPDK as the machine has it, and with this project installed by meson.
install_root()
{
	local flag dir

	meson install -C "$build" --no-rebuild --destdir "$root"
	for flag in $(pkg-config --cflags-only-I --libs-only-L --keep-system-cflags \
		--keep-system-libs libdpdk); do
		dir=$(realpath -m "${flag#-[IL]}")
		mkdir -p "$root$dir"
		# what is not there, as in a cross compiler's, is nothing for this example
		find "$dir" -maxdepth 1 \( -name '*.h' -o -name 'librte_*.so*' -o -name generic \) \
			-exec ln -sf -t "$root$dir" {} +
	done
	expect "libdpdk-mdev.pc" test -s "$(pc_file)"
}

pc_file()
{
	find "$root" -name libdpdk-mdev.pc
}

# installed COMMAND...: with pkg-config for that root
installed()
{
	PKG_CONFIG_PATH=$(dirname "$(pc_file)")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH} \
		PKG_CONFIG_SYSROOT_DIR=$root "$@"
}

# Where DPDK has its drivers, as programs see it.
driverdir()
{
	PKG_CONFIG_PATH=$(dirname "$(pc_file)")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH} \
		pkg-config --variable=driverdir libdpdk-mdev
}

# The bus would refuse another release; the compiler may not even notice.
requires_release()
{
	local version

	installed pkg-config --exists --print-errors libdpdk-mdev
	mkdir "$root/other"
	for version in 22.10.99 99.03.0; do
		printf '%s\n' 'Name: DPDK' 'Description: another' "Version: $version" \
			>"$root/other/libdpdk.pc"
		! PKG_CONFIG_PATH=$root/other installed pkg-config --exists libdpdk-mdev ||
			expect "libdpdk $version to be refused" false
	done
}

# built_by COMPILER: the driver, by its Makefile, without a warning and without this tree
built_by()
{
	cp -r "$REPO/examples/mdev-skeleton" "$root/$1"
	rm -rf "$root/$1/build"
	CC=$1 CFLAGS="-Wall -Wextra -Werror" installed make -C "$root/$1" >"$root/$1.log" 2>&1 || {
		cat "$root/$1.log"
		exit 1
	}
	cat "$root/$1.log"
	if grep -F -e "$REPO/drivers" -e "$(cache_dir)" "$root/$1.log"; then
		expect "nothing that is not installed" false
	fi
	test -s "$root/$1/build/mdev_skeleton.so"
	readelf -d "$root/$1/build/mdev_skeleton.so" >"$root/dynamic"
	cat "$root/dynamic"
	expect "to be linked with the bus" grep -q 'NEEDED.*librte_bus_mdev' "$root/dynamic"
	expect "to look for it at its place" grep -qF "[$(driverdir)]" "$root/dynamic"
}

# claims DRIVER: its PMD information names what it serves
claims()
{
	/usr/bin/python3 "$(command -v dpdk-pmdinfo.py)" "$1" >"$root/pmdinfo"
	cat "$root/pmdinfo"
	grep -q '"name": "mdev_skeleton"' "$root/pmdinfo"
	grep -qF '"type": "mtty-*"' "$root/pmdinfo"
}

# loads FOLDER DRIVER: with the bus of the folder; of a machine without a device it takes
# none, and there is one line for who asks
loads()
{
	mkdir -p "$root/none"
	echo quit | SYSFS_MDEV_DEVICES=$root/none RUN_MDEV_DEVICES=$root/none timeout 60 \
		dpdk-testpmd "${EAL[@]}" -d "$1/librte_bus_mdev.so" -d "$2" \
		--log-level=bus.mdev:debug --log-level=examples.mdev_skeleton:debug -- -i \
		--total-num-mbufs=2048 >"$root/out" 2>&1 || { cat "$root/out"; exit 1; }
	cat "$root/out"
	grep -E '^(EAL: )?(mdev|vfio)' "$root/out" >"$root/ours" || true
	echo "mdev bus: driver mdev_skeleton has 0 of 0 devices" | diff - "$root/ours"
}

check "skeleton: meson install has libdpdk-mdev.pc" install_root
check "skeleton: libdpdk-mdev.pc is for one release of DPDK" requires_release
check "skeleton: built with what is installed by gcc -Wall -Wextra -Werror" built_by gcc
check "skeleton: built with what is installed by clang -Wall -Wextra -Werror" built_by clang
check "skeleton: PMD information" claims "$root/gcc/build/mdev_skeleton.so"
check "skeleton: loads, and says that it has no device" loads "$build/drivers" \
	"$build/examples/mdev-skeleton/mdev_skeleton.so"
check "skeleton: loads, built with what is installed" loads "$root$(driverdir)" \
	"$root/gcc/build/mdev_skeleton.so"
