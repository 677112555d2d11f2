#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# coverage.sh [STEP]...: line coverage of drivers/, by gcov. Without STEP all of them:
#
#   build    build in build-cov, and forget what ran before
#   host     run the unit tests
#   guest    run the drivers on real mediated devices, in the virtual machine
#   report   print one line a folder and the total; list what never ran in
#            build-cov/coverage.log
#
#   -h  print this help

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

build=$REPO/build-cov
log=$build/coverage.log

# Not optimized, so that a line is a line.
step_build()
{
	CC=gcc "$REPO/devtools/build.sh" "$build" -Dbuildtype=debug -Db_coverage=true
	find "$build" -name '*.gcda' -delete
}

run()
{
	local status=0

	"$@" >"$work/out" 2>&1 </dev/null || status=$?
	[ $status -eq 0 ] || tail -n 40 "$work/out" >&2
	return $status
}

step_host()
{
	local memory

	memory=$(memory_dir)
	say "coverage: unit tests"
	TMPDIR=$memory run "$build/app/test-mdev/dpdk-test-mdev"
}

# The guest writes its counts where the host has them: the repository is shared.
step_guest()
{
	say "coverage: in the virtual machine"
	run "$REPO/devtools/vm.sh" -t 300 -- "$REPO/devtools/tests/coverage-guest.sh" "$build"
}

step_report()
{
	/usr/bin/python3 "$REPO/devtools/coverage.py" "$REPO" "$build" "$log"
	say "what never ran is listed in $log"
}

case ${1:-} in
-h | --help) usage_of "$0"; exit 0 ;;
esac
[ $# -gt 0 ] || set -- build host guest report
temp_dir work
for step; do
	[[ $step =~ ^(build|host|guest|report)$ ]] || die "unknown step $step; see $0 -h"
	"step_$step"
done
