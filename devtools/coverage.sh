#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# coverage.sh [STEP]...: line coverage of drivers/ and of app/mediator, by gcov. Without
# STEP all of them:
#
#   build    build in build-cov, and forget what ran before
#   host     run the unit tests, and the mediator
#   guest    run the drivers on real mediated devices, in the virtual machine
#   report   print one line a folder and the totals; list what never ran in
#            build-cov/coverage.log
#
#   -h  print this help

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"
. "$REPO/devtools/tests/checks.sh"	# for what_failed

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
	[ $status -eq 0 ] || what_failed "$work/out" >&2
	return $status
}

# The program, whose main() no unit test calls: a life of it, and what ctl says.
mediator_life()
{
	local uuid=0000000a-abcd-4ef0-9abc-def012345678 pid i
	local mediator=$build/app/mediator/dpdk-mdev-mediator
	local ctl=("$mediator" ctl --root "$work/mdev")

	echo "uuid=auto,backend=/nowhere/a # one" >"$work/mediator.conf"
	"$mediator" --root "$work/mdev" --config "$work/mediator.conf" --verbose &
	pid=$!
	for ((i = 0; i < 100; i++)); do
		! "${ctl[@]}" list || break
		sleep 0.1
	done
	"${ctl[@]}" add "uuid=$uuid,backend=/nowhere/b,listen" || true
	"${ctl[@]}" add "uuid=$uuid,backend=/nowhere/b,queues=2"
	"${ctl[@]}" show "$uuid"
	"${ctl[@]}" --timeout 1 remove "$uuid"
	if "${ctl[@]}" remove "$uuid"; then exit 1; fi
	if "${ctl[@]}" nonsense; then exit 1; fi
	if "$mediator" --root "$work/mdev"; then exit 1; fi
	"$mediator" --help
	"$mediator" --version
	kill "$pid"
	wait "$pid"
	! "${ctl[@]}" list
}

step_host()
{
	local memory

	memory=$(memory_dir)
	say "coverage: unit tests"
	TMPDIR=$memory run "$build/app/test-mdev/dpdk-test-mdev"
	run "$build/app/test-mediator/dpdk-test-mediator"
	say "coverage: the mediator"
	run mediator_life
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
