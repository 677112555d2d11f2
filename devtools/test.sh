#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# test.sh: build the project with two compilers and run all tests, here and in virtual
# machines; install what that needs
#
# Ends with "N passed, N failed, N skipped"; exits with 1 if anything failed. What
# cannot run on this machine is skipped, and says why.
#
#   -h  print this help

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"
. "$REPO/devtools/tests/checks.sh"

case ${1:-} in
'') ;;
-h | --help) usage_of "$0"; exit 0 ;;
*) die "unknown option $1; see $0 -h" ;;
esac

need_packages gcc g++ clang libclang-rt-14-dev libc6-dev meson ninja-build pkg-config \
	libdpdk-dev dpdk dpdk-dev python3-pyelftools binutils shellcheck strace iproute2 \
	iputils-ping socat
temp_dir work
build=$REPO/build
results=$work/results

# Compilers must find nothing: warnings are errors here, and only here.
build_gcc()
{
	"$REPO/devtools/build.sh" "$build" -Dwerror=true
}

build_sanitized()
{
	CC=clang "$REPO/devtools/build.sh" "$build-asan" -Dwerror=true -Dbuildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false
}

# unit_tests BUILD: run dpdk-test-mdev, as an unprivileged user would
unit_tests()
{
	local status=0

	"$1/app/test-mdev/dpdk-test-mdev" >"$work/unit" 2>&1 </dev/null || status=$?
	grep -E '^  (ok|skip|FAIL) ' "$work/unit" || true
	if [ $status -ne 0 ]; then
		sed 's/^/      | /' "$work/unit" | tail -n 80
		grep -q '^  FAIL ' "$work/unit" ||
			echo "FAIL  dpdk-test-mdev of $1: exit status $status"
	fi
}

scripts()
{
	cd "$REPO"
	# shellcheck disable=SC2046	# no name has a space
	shellcheck $(git ls-files '*.sh' 2>/dev/null || find devtools -name '*.sh') .ci/run
}

# kernel_builds RELEASE: the kernel mediator builds for it, without a warning
kernel_builds()
{
	"$REPO/devtools/kernel-modules.sh" "$1" >"$work/kernel" 2>&1 || {
		cat "$work/kernel"
		return 1
	}
	cat "$work/kernel"
	! grep 'warning:' "$work/kernel"
}

# The guest's checks print lines like our own; a guest that dies is a failure.
guest()
{
	local status=0

	"$REPO/devtools/vm.sh" -t 900 -d "$work/dmesg" -s "$work" -- \
		"$REPO/devtools/tests/guest.sh" "$build" "$samples" || status=$?
	[ $status -eq 0 ] || echo "FAIL  virtual machine: exit status $status"
}

kernel_log()
{
	[ -s "$work/dmesg" ] || { echo "the guest left no kernel log"; return 1; }
	! grep -n -A 20 -E 'WARNING|BUG|Oops|Call Trace|UBSAN|general protection' "$work/dmesg"
}

quickstart()
{
	"$REPO/devtools/quickstart.sh"
}

{
	check "scripts are clean for shellcheck" scripts
	check "build with gcc at warning_level=3, warnings are errors" build_gcc
	check "build with clang, ASan and UBSan, warnings are errors" build_sanitized
	say "unit tests" 
	unit_tests "$build"
	say "unit tests under ASan and UBSan"
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
		unit_tests "$build-asan"
	"$REPO/devtools/tests/host.sh" "$build"
	check "kernel mediator builds for Linux 6.1" kernel_builds 6.1
	check "kernel mediator builds for Linux 6.12" kernel_builds 6.12
	say "tests in the virtual machine"
	samples=$("$REPO/devtools/mdev-samples.sh" 6.1) || samples=
	guest
	check "the kernel's log has no warning" kernel_log
	check "quickstart.sh" quickstart
} | tee "$results"

read -r passed failed skipped <<<"$(count_results "$results")"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
