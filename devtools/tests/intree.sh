#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# intree.sh [build | use [BUILD]]: checks of the drivers within a DPDK tree, and of its PCI
# bus on common/vfio: on Debian's source package. One line for each.
#
#   build        of what is built, only
#   use [BUILD]  of what was built before, only; BUILD is the build folder of another tree
#                that devtools/intree.sh made
#
# Libraries and drivers are built, and kept in the cache for the next time; the programs are
# Debian's own, which take them for theirs.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

# What the checks need, and nothing else, in little time; code for any processor of the
# architecture, for the emulated one has fewer instructions than this one may have.
OPTIONS=(-Ddefault_library=shared -Dplatform=generic -Denable_kmods=false
	-Dtests=false "-Ddisable_apps=*" -Doptimization=1
	"-Denable_drivers=bus/auxiliary,bus/mdev,common/vfio_user,net/e1000,net/mdev_virtio,net/null,net/ring,net/virtio")
# With what they depend on that is half of the libraries.
TARGETS=(bus_auxiliary bus_mdev bus_pci bus_vdev common_vfio common_vfio_user mempool_ring
	net_e1000 net_mdev_virtio net_null net_ring net_virtio)

source=$("$REPO/devtools/sdk-headers.sh" -s)
tree=$(cache_dir)/intree-${source##*/}
build=$tree/build
what=${1:-}
case $what in
"" | build) ;;
use) build=${2:-$build} ;;
*) die "unknown argument $what; see the head of $0" ;;
esac
LOCK=${tree##*/}	# the tree and its build folder are all checkouts'
BUILT=$build/.built	# there from the end of a build to the begin of the next one
[ $# -lt 2 ] || BUILT=$build/build.ninja
NOT_BUILT="DPDK was not built, and what is there may be older"
temp_dir work

applies()
{
	"$REPO/devtools/intree.sh" "$source" "$tree"
	expect "the PCI bus changed" grep -q vfio_dev_open \
		"$tree/drivers/bus/pci/linux/pci_vfio.c"
	expect "features that this release has" grep -q '^Tx descriptor status = Y$' \
		"$tree/doc/guides/nics/features/mdev_virtio.ini"
	expect "no feature of a later one" test -z "$(grep '^Tx queue count' \
		"$tree/doc/guides/nics/features/mdev_virtio.ini")"
	touch "$tree/.before"
	"$REPO/devtools/intree.sh" "$source" "$tree"
	expect "nothing touched the second time" test -z "$(find "$tree" -newer "$tree/.before")"
}

# Also from a git hook, whose environment names a repository of its own.
series()
{
	local who=test

	need_packages git
	export GIT_AUTHOR_NAME=$who GIT_AUTHOR_EMAIL=$who@$who GIT_COMMITTER_NAME=$who \
		GIT_COMMITTER_EMAIL=$who@$who
	GIT_DIR=$work/hook GIT_WORK_TREE=$work GIT_INDEX_FILE=$work/hook/index \
		"$REPO/devtools/intree.sh" -p "$work/series" "$source" "$tree"
	expect "the hook's repository untouched" test ! -e "$work/hook"
	expect "five patches" test "$(find "$work/series" -name '*.patch' | wc -l)" = 5
	! "$REPO/devtools/intree.sh" -p "$work/series" "$source" "$tree" 2>"$work/refused" ||
		{ echo "expected: a folder that is not empty to be refused"; exit 1; }
	cat "$work/refused"
	expect "one line that says so" grep -q 'is not empty: name another' "$work/refused"
	expect "one line only" test "$(wc -l <"$work/refused")" = 1
}

# DPDK's style, of what changes DPDK. codespell and GNU awk are what its script wants.
checkpatches()
{
	local linux

	need_packages gawk codespell
	linux=$("$REPO/devtools/mdev-samples.sh" -s)
	cd "$source"
	DPDK_CHECKPATCH_PATH=$linux/scripts/checkpatch.pl devtools/checkpatches.sh \
		"$work"/series/0005-bus-pci-*.patch
}

# Anew if the last time failed, or was with other options: --reconfigure would keep those
# that are not named any more.
configure()
{
	printf '%s\n' "${OPTIONS[@]}" >"$work/options"
	[ ! -e "$build/build.ninja" ] || ! cmp -s "$work/options" "$build/.options" || return 0
	rm -rf "$build"
	meson setup "${OPTIONS[@]}" "$build" "$tree"
	cp "$work/options" "$build/.options"
}

# /usr/bin first: Debian's Python has the module that DPDK's build needs
dpdk_build()
{
	local PATH=/usr/bin:$PATH targets

	# another checkout may have had the tree since it was looked at
	"$REPO/devtools/intree.sh" "$source" "$tree"
	targets=("${TARGETS[@]/#/drivers/librte_}")
	targets=("${targets[@]/%/.so.$(cat "$tree/ABI_VERSION")}")
	configure
	ninja -C "$build" "${targets[@]}"
	expect "the PCI bus to use common/vfio" grep -q vfio_region_map_at \
		"$build"/drivers/librte_bus_pci.so.*.0
	touch "$BUILT"
}

# Who leaves the bus out has no driver of its devices, and all else.
without_bus()
{
	local PATH=/usr/bin:$PATH

	meson setup -Dtests=false "-Ddisable_apps=*" -Denable_kmods=false \
		"-Denable_drivers=common/vf*,net/mdev*" -Ddisable_drivers=bus/mdev \
		"$work/without" "$tree" | tee "$work/configured"
	expect "the driver to be left out" \
		grep -q 'net/mdev_virtio:.*missing internal dependency' "$work/configured"
}

# dpdk_test NAME...: tests of DPDK's own
dpdk_test()
{
	local name

	[ -e "$BUILT" ] || skip "$NOT_BUILT"
	export LD_LIBRARY_PATH=$build/lib:$build/drivers
	expect "Debian's dpdk-test to have the bus that was built" \
		grep -q "librte_bus_pci.* => $build/" <(ldd /usr/bin/dpdk-test)
	for name; do
		echo "$name" | dpdk-test --no-huge -m 512 --no-pci --no-shconf \
			-d "$build/drivers" | tee "$work/test"
		expect "$name to pass" grep -q '^Test OK' "$work/test"
	done
}

# Two pairs of virtio-net devices and one with an e1000e, each pair on a hub: one device
# for DPDK, behind the IOMMU, and one for the kernel.
qemu_devices()
{
	local i device=virtio-net-pci,disable-legacy=on,iommu_platform=on,packed=on

	echo -device intel-iommu,intremap=on
	for i in 0 1 2; do
		[ $i -lt 2 ] || device=e1000e
		echo -netdev "hubport,id=dpdk$i,hubid=$i" -netdev "hubport,id=linux$i,hubid=$i"
		echo -device "$device,netdev=dpdk$i,addr=1$i.0"
		echo -device "virtio-net-pci,netdev=linux$i,addr=1$((i + 4)).0"
	done
}

guest()
{
	local status=0

	if [ ! -e "$BUILT" ]; then
		echo "skip  virtual machine with an IOMMU: $NOT_BUILT"
		return 0
	fi
	"$REPO/devtools/vm.sh" -t 1200 -m "virtio_net vfio_pci" -a intel_iommu=on \
		-q "$(qemu_devices | paste -sd ' ')" -- \
		"$REPO/devtools/tests/guest-intree.sh" "$build" || status=$?
	[ $status -eq 0 ] || echo "FAIL  virtual machine with an IOMMU: exit status $status"
}

if [ "$what" != use ]; then
	rm -f "$BUILT"
	check "in-tree: goes into the DPDK source package" with_lock "$LOCK" applies
	check "in-tree: the series goes into an empty folder" with_lock "$LOCK" series
	check "in-tree: the PCI bus's patch is clean for checkpatches.sh" checkpatches
	check "in-tree: DPDK is configured without the bus" with_lock "$LOCK" without_bus
	check "in-tree: DPDK builds with its PCI bus on common/vfio" with_lock "$LOCK" dpdk_build
fi
if [ "$what" != build ]; then
	check "in-tree: DPDK's own tests of buses and devargs" dpdk_test \
		devargs_autotest vdev_autotest
	guest
fi
