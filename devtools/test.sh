#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# test.sh: build the project with two compilers and run all tests, here and in virtual
# machines; install what that needs
#
# Ends with "N passed, N failed, N skipped"; exits with 1 if anything failed. What
# cannot run on this machine is skipped, and says why.
#
#   --full         run the tests that take long, too; without it they are skipped
#   --dpdk PREFIX  build and test with the DPDK that is installed there instead of the
#                  distribution's; what only concerns that one is skipped
#   -h             print this help

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"
. "$REPO/devtools/tests/checks.sh"

# for check_full, here and in the virtual machine
export MDEV_TEST_FULL=${MDEV_TEST_FULL:-}
while [ $# -gt 0 ]; do
	case $1 in
	--full) MDEV_TEST_FULL=1 ;;
	--dpdk) use_dpdk "${2:-}"; shift ;;
	-h | --help) usage_of "$0"; exit 0 ;;
	*) die "unknown option $1; see $0 -h" ;;
	esac
	shift
done
need_loadable_tree
if [ -n "${MDEV_DPDK:-}" ]; then
	for program in dpdk-testpmd dpdk-proc-info dpdk-pmdinfo.py; do
		[ -x "$MDEV_DPDK/bin/$program" ] ||
			die "$MDEV_DPDK/bin has no $program: build that DPDK with test-pmd and proc-info among its enable_apps"
	done
fi

need_packages gcc g++ clang libclang-rt-14-dev libc6-dev meson ninja-build pkg-config \
	"${DPDK_PACKAGES[@]}" python3-pyelftools binutils shellcheck strace iproute2 \
	iputils-ping socat gcc-aarch64-linux-gnu qemu-user python3-pyflakes mdevctl
need_no_drivers_in "$(plugin_dir)"
temp_dir work
build=$BUILD
results=$work/results
memory=$(memory_dir)	# where unit tests make their trees of thousands of files

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

build_arm64()
{
	"$REPO/devtools/cross.sh" build "$build-arm64" -Dwerror=true
}

# beside NAME COMMAND...: run COMMAND beside what follows; unit tests mostly wait
beside()
{
	local name=$1 status=0

	shift
	"$@" >"$work/$name" 2>&1 </dev/null || status=$?
	echo $status >"$work/$name-status"
}

# ended NAME: what that printed, and its status
ended()
{
	cat "$work/$1"
	return "$(cat "$work/$1-status")"
}

# The unit tests once more, and the drivers in the virtual machine.
coverage()
{
	local step

	say "coverage"
	for step in build host guest; do
		check_full "coverage: $step" "$REPO/devtools/coverage.sh" $step
	done
	check_full "line coverage of drivers/ and app/mediator is 90 % or more" coverage_report
	[ ! -e "$work/coverage-report" ] || cat "$work/coverage-report"
}

# The goal is for all drivers together, and for the mediator.
coverage_report()
{
	"$REPO/devtools/coverage.sh" report >"$work/coverage-report"
	awk '$2 == "drivers" || $2 == "app/mediator" { good += $3 >= 90 }
		END { exit good != 2 }' "$work/coverage-report" || {
		cat "$work/coverage-report" "$REPO/build-cov/coverage.log"
		return 1
	}
}

# unit_tests BUILD [RUN...]: run those of the drivers, in three processes, and of the
# mediator, all at once, as an unprivileged user would; by RUN, if they are for another
# processor
unit_tests()
{
	local build=$1 log part status runs=() mdev mediator

	shift
	mdev=$build/app/test-mdev/dpdk-test-mdev
	mediator=$build/app/test-mediator/dpdk-test-mediator
	"$@" "$mdev" list >"$work/${build##*/}-list" </dev/null || {
		# what was listed until then would pass for all
		echo "FAIL  unit tests of $build cannot be listed"
		return 0
	}
	for part in 0 1 2 3; do
		log=$work/${build##*/}-unit-$part
		if [ $part = 3 ]; then
			TMPDIR=$memory "$@" "$mediator" test >"$log" 2>&1 </dev/null &
		else
			awk -v part=$part 'NR % 3 == part' "$work/${build##*/}-list" |
				TMPDIR=$memory xargs "$@" "$mdev" test >"$log" 2>&1 &
		fi
		runs+=($!)
	done
	for part in 0 1 2 3; do
		log=$work/${build##*/}-unit-$part status=0
		wait "${runs[part]}" || status=$?
		grep -E '^  (ok|skip|FAIL) ' "$log" || true
		[ $status -ne 0 ] || continue
		what_failed "$log" | sed 's/^/      | /'
		grep -q '^  FAIL ' "$log" || echo "FAIL  unit tests of $build: exit status $status"
	done
}

scripts()
{
	cd "$REPO"
	(git ls-files '*.sh' 2>/dev/null || find devtools -name '*.sh'; echo .ci/run) |
		xargs -n 8 -P "$(nproc)" shellcheck
}

# Not after the minutes that the build takes.
fuzz_targets()
{
	local said status=0

	said=$("$REPO/devtools/fuzz.sh" 1 fuzz_config fuzz_nothing 2>&1) || status=$?
	expect "status 1, not $status" [ $status = 1 ]
	expect "a line: $said" grep -qx "fuzz.sh: error: no such target: fuzz_nothing; .*" \
		<<<"$said"
	expect "nothing else" [ "$(wc -l <<<"$said")" = 1 ]
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

# burst_tests BUILD: run the tests of bursts with the instruction sets that EAL does not
# choose by itself; a processor without AVX-512 has the largest set that it has
burst_tests()
{
	local bits suite status=0

	for bits in 128 512; do
		for suite in virtio_rxtx virtio_rxtx_order virtio_rxtx_lies \
			virtio_rx_external virtio_tx_shared; do
			"$1/app/test-mdev/dpdk-test-mdev" --no-huge -m 512 --no-pci --no-shconf \
				--force-max-simd-bitwidth=$bits -- test ${suite}_autotest ||
				status=1
		done
	done
	return $status
}

# All of them, by the emulator.
arm64_unit_tests()
{
	if [ -z "$MDEV_TEST_FULL" ]; then
		check_full "unit tests for arm64, emulated" unit_tests
		return
	fi
	say "unit tests for arm64, emulated"
	unit_tests "$build-arm64" "$REPO/devtools/cross.sh" run
}

# The tests of bursts compare their names: NEON is the only set there.
arm64_bursts()
{
	"$REPO/devtools/cross.sh" run "$build-arm64/app/test-mdev/dpdk-test-mdev" test \
		virtio_rxtx_autotest virtio_rxtx_order_autotest virtio_rxtx_lies_autotest
}

# arm64_has FUNCTION PATTERN: the function has such an instruction
arm64_has()
{
	aarch64-linux-gnu-objdump --no-show-raw-insn --disassemble="$1" \
		"$build-arm64/app/test-mdev/dpdk-test-mdev" | grep -cE "$2" >/dev/null || {
		echo "$1 has no instruction like $2"
		return 1
	}
}

# The compiler makes instructions of vector types, or something slower that does the same:
# used elements are compared two in a register, and sizes of frames eight.
arm64_vectors()
{
	arm64_has virtio_recv_split_vec128 '\ssub\s+v[0-9]+\.2d,'
	arm64_has virtio_xmit_packed_vec128 '\scmgt\s+v[0-9]+\.8h,'
}

# The guest's checks print lines like our own; a guest that dies is a failure.
guest()
{
	local status=0 limit=2400

	[ -z "$MDEV_TEST_FULL" ] || limit=7200
	"$REPO/devtools/vm.sh" -t $limit -d "$work/dmesg" -s "$work" -- \
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
	"$REPO/devtools/quickstart.sh" "$@"
}

# What depends on DPDK, with the one in MDEV_DPDK.
another_dpdk()
{
	local what

	check "build with gcc at warning_level=3, warnings are errors" build_gcc
	check "build with clang, ASan and UBSan, warnings are errors" build_sanitized
	say "unit tests"
	unit_tests "$build"
	check "bursts with 128 and 512 bits" burst_tests "$build"
	say "unit tests under ASan and UBSan"
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 unit_tests "$build-asan"
	"$REPO/devtools/tests/host.sh" "$build"
	say "user-space world"
	"$REPO/devtools/tests/native.sh" "$build"
	"$REPO/devtools/tests/examples.sh" "$build"
	"$REPO/devtools/tests/skeleton.sh" "$build"
	check "quickstart.sh" quickstart
	say "tests in the virtual machine"
	samples=$("$REPO/devtools/mdev-samples.sh" 6.1) || samples=
	guest
	check "the kernel's log has no warning" kernel_log
	say "tests on the PCI bus, with an emulated IOMMU"
	"$REPO/devtools/tests/pci.sh" "$build"
	check "quickstart.sh --vm" quickstart --vm
	for what in "coverage" "tests for arm64" "tests with programs of others"; do
		echo "skip  $what: with the distribution's DPDK only"
	done
	for what in "scripts" "fuzzing" "the mediator's command line" "kernel mediator"; do
		echo "skip  $what: not with --dpdk: nothing of it depends on DPDK"
	done
}

if [ -n "${MDEV_DPDK:-}" ]; then
	another_dpdk
else
	check "scripts are clean for shellcheck" scripts
	check "fuzz.sh: a target that is not there is refused at once" fuzz_targets
	check "build with gcc at warning_level=3, warnings are errors" build_gcc
	beside unit unit_tests "$build" &
	check "build with clang, ASan and UBSan, warnings are errors" build_sanitized
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 beside asan unit_tests "$build-asan" &
	check "build for arm64, warnings are errors" build_arm64
	beside arm64 arm64_bursts &
	check "bursts for arm64 have NEON instructions" arm64_vectors
	check "kernel mediator builds for Linux 6.1" kernel_builds 6.1
	check "kernel mediator builds for Linux 6.12" kernel_builds 6.12
	"$REPO/devtools/tests/kernel.sh" build
	"$REPO/devtools/tests/intree.sh" build
	"$REPO/devtools/tests/package.sh" "$build"
	"$REPO/devtools/tests/skeleton.sh" "$build"
	"$REPO/devtools/tests/docs.sh" "$build"
	"$REPO/devtools/tests/troubleshooting.sh"
	"$REPO/devtools/tests/progress.sh"
	wait
	say "unit tests"
	ended unit
	check "bursts with 128 and 512 bits" burst_tests "$build"
	check "bursts for arm64, emulated" ended arm64
	arm64_unit_tests
	say "unit tests under ASan and UBSan"
	ended asan
	"$REPO/devtools/tests/host.sh" "$build"
	"$REPO/devtools/tests/usertools.sh" "$build"
	say "user-space world"
	"$REPO/devtools/tests/mediator.sh" "$build"
	"$REPO/devtools/tests/logs.sh" "$build"
	"$REPO/devtools/tests/native.sh" "$build"
	"$REPO/devtools/tests/examples.sh" "$build"
	"$REPO/devtools/tests/peer.sh" "$build"
	check "quickstart.sh" quickstart
	"$REPO/devtools/tests/howto.sh" "$build"
	check_full "fuzz targets find nothing" "$REPO/devtools/fuzz.sh" 60
	say "tests in the virtual machine"
	samples=$("$REPO/devtools/mdev-samples.sh" 6.1) || samples=
	guest
	check "the kernel's log has no warning" kernel_log
	"$REPO/devtools/tests/kernel.sh" use
	say "tests on the PCI bus, with an emulated IOMMU"
	"$REPO/devtools/tests/pci.sh" "$build"
	say "drivers in a DPDK tree"
	"$REPO/devtools/tests/intree.sh" use
	check "quickstart.sh --vm" quickstart --vm
	coverage
fi | tee "$results"

read -r passed failed skipped <<<"$(count_results "$results")"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
