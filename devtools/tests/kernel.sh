#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# kernel.sh [build | use] [KERNEL...]: checks of the kernel mediator, on this machine and in
# virtual machines with each KERNEL: 6.12, and with --full of test.sh 6.1. One line for each.
#
#   build  of its sources, on this machine, only
#   use    of what was built before, in virtual machines, only

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

what=
case ${1:-} in
build | use) what=$1; shift ;;
esac
kernels=("$@")
for kernel in "${kernels[@]}"; do
	[[ $kernel =~ ^[0-9]+\.[0-9]+$ ]] || [ -d "$kernel" ] ||
		die "neither build, use nor a kernel: $kernel; see the head of $0"
done
[ $# -gt 0 ] || kernels=(6.1 6.12)
need_packages gcc make libc6-dev mdevctl iputils-ping perl
temp_dir work
tests=$REPO/build/kernel-tests

# style FILE... [-- OPTION...]: the kernel's own rules, strictly
style()
{
	local checkpatch

	checkpatch=$("$REPO/devtools/mdev-samples.sh" -s)/scripts/checkpatch.pl
	"$checkpatch" --no-tree --terse --strict --show-types "$@"
}

# What is ignored is what compat.h is for.
style_modules()
{
	style --ignore LINUX_VERSION_CODE,CONSTANT_COMPARISON -f "$REPO"/kernel/linux/*.[ch]
}

# A program is no part of the kernel: it has C's own types, and shares memory with a
# device.
style_clients()
{
	style --ignore "PREFER_KERNEL_TYPES,VOLATILE,PREFER_DEFINED_ATTRIBUTE_MACRO,\
EMBEDDED_FUNCTION_NAME,ARRAY_SIZE" -f "$REPO"/kernel/linux/tests/*.[ch]
}

build_clients()
{
	make -s -C "$REPO/kernel/linux/tests" BUILD_DIR="$tests"
}

# The makefile hands on the jobs of the make that calls it; it would say so if not.
build_parallel()
{
	local kernel headers

	kernel=$("$REPO/devtools/vm-kernel.sh" 6.1)
	headers=$kernel/headers
	make -j2 -C "$REPO/kernel/linux" KDIR="$headers" BUILD_DIR="$work/parallel" \
		>"$work/make" 2>&1 || { cat "$work/make"; return 1; }
	cat "$work/make"
	expect "no warning" test "$(grep -c 'warning' "$work/make")" = 0
	expect "a module" test -e "$work/parallel/mdev_virtio_net.ko"
}

# The guest's checks print lines like our own; a guest that dies is a failure.
guest()
{
	local kernel=$1 modules status=0

	modules=$("$REPO/devtools/kernel-modules.sh" "$kernel")
	"$REPO/devtools/vm.sh" -k "$kernel" -t 900 -d "$work/dmesg" -- \
		"$REPO/devtools/tests/guest-kernel.sh" "$tests" "$modules" || status=$?
	[ $status -eq 0 ] || echo "FAIL  virtual machine with Linux $kernel: exit status $status"
}

# Whatever it was that clients and administrators did, the kernel has no complaint.
kernel_log()
{
	[ -s "$work/dmesg" ] || { echo "the guest left no kernel log"; return 1; }
	! grep -n -A 20 -E 'WARNING|BUG|Oops|Call Trace|UBSAN|general protection|hung|blocked for' \
		"$work/dmesg"
}

# vm_refuses PATTERN OPTION...: vm.sh says so in one line, beside the steps, and starts nothing
vm_refuses()
{
	local pattern=$1 said status=0

	shift
	said=$("$REPO/devtools/vm.sh" "$@" -- true 2>&1) || status=$?
	expect "status 125, not $status" [ $status = 125 ]
	said=$(grep -v -e '^==> ' -e '^    ' <<<"$said")
	[[ $said != *": cannot look for a kernel "* ]] || skip "${said#*error: }"
	expect "a line: $said" grep -qx -e "$pattern" <<<"$said"
	expect "one line" [ "$(wc -l <<<"$said")" = 1 ]
}

# A guest without memory would die, twice, with an empty log.
small_machine()
{
	vm_refuses "vm.sh: error: -M 100: too little memory for a guest: give 128 or more" -M 100
}

no_such_kernel()
{
	vm_refuses "vm-kernel.sh: error: no kernel 5.10 for this Debian release: give one of 6\.1 .*" \
		-k 5.10
}

if [ "$what" != use ]; then
	check "vm.sh: a machine without memory is refused" small_machine
	check "vm.sh: a kernel that Debian does not have is refused" no_such_kernel
	check "kernel mediator is clean for checkpatch" style_modules
	check "kernel mediator's test clients are clean for checkpatch" style_clients
	check "kernel mediator builds by make -j" build_parallel
	check "kernel mediator's test clients build" build_clients
fi
[ "$what" != build ] || exit 0
for kernel in "${kernels[@]}"; do
	[ $# -gt 0 ] || [ "$kernel" = 6.12 ] || [ -n "${MDEV_TEST_FULL:-}" ] || {
		check_full "tests of the kernel mediator with Linux $kernel"
		continue
	}
	say "tests of the kernel mediator with Linux $kernel"
	guest "$kernel"
	check "the log of Linux $kernel has no warning" kernel_log
done
