#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# fuzz.sh [SECONDS [TARGET...]]: build the fuzz targets with clang and run each of them,
# or those that are named (fuzz_ctrl_queue), for SECONDS (default: 60); install what
# that needs
#
# Prints one line for each target, "ok" or "FAIL" with the input that reproduces it, and
# exits with 1 if one failed. To reproduce: build-fuzz/app/test-mediator/fuzz/TARGET INPUT.
#
# Targets and their first inputs are in app/test-mediator/fuzz. Inputs that reach more
# are kept in build-fuzz/corpus, and the next run begins with them, too.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

case ${1:-} in
-h | --help) usage_of "$0"; exit 0 ;;
esac

seconds=${1:-60}
[ $# -eq 0 ] || shift
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "not a number of seconds: $seconds; see $0 -h"

source=$REPO/app/test-mediator/fuzz
build=$REPO/build-fuzz
programs=$build/app/test-mediator/fuzz

# Only the targets: the drivers and tests that are configured as well are not needed.
build_targets()
{
	local log=$build.log reconfigure=() sdk

	need_packages clang libclang-rt-14-dev libc6-dev meson ninja-build pkg-config \
		libdpdk-dev dpdk-dev python3-pyelftools binutils
	sdk=$("$REPO/devtools/sdk-headers.sh")
	[ ! -d "$build/meson-private" ] || reconfigure=(--reconfigure)
	say "building fuzz targets in $build"
	rm -f "$log"
	CC=clang quietly "$log" meson setup "${reconfigure[@]}" -Dfuzz=true -Dwerror=true \
		-Dbuildtype=debugoptimized -Dsdk_includedir="$sdk" "$build" "$REPO" &&
		quietly "$log" ninja -C "$build" fuzz ||
		{ tail -n 40 "$log" >&2; die "the build failed: $log"; }
	rm -f "$log"
}

# stat_of LOG NAME: one of the numbers that libFuzzer prints at the end
stat_of()
{
	awk -v name="stat::$2:" '$1 == name { print $2 }' "$1"
}

# Whatever ends a target early is a finding: a crash, a leak, a hang, too much memory.
run_target()
{
	local target=$1 name=${1#fuzz_} log found=$build/found/$1 status=0 input runs
	local first=$source/corpus/$name corpus=$build/corpus/$name

	log=$build/$target.log
	mkdir -p "$found" "$corpus"
	[ -d "$first" ] || { echo "FAIL  $target: no inputs in $first"; return 1; }
	touch "$build/started"
	"$programs/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$found/" "$corpus" "$first" \
		>"$log" 2>&1 </dev/null || status=$?
	runs=$(stat_of "$log" number_of_executed_units)
	if [ $status -eq 0 ] && [ "${runs:-0}" -gt 0 ]; then
		echo "ok    $target: $runs inputs in $seconds s, $(find "$corpus" \
			-type f | wc -l) kept in $corpus"
		return 0
	fi
	input=$(find "$found" -type f -newer "$build/started" | head -n 1)
	echo "FAIL  $target: exit status $status, reproduced by" \
		"${input:-nothing (it did not run)}, see $log"
	grep -m 1 -A 12 -E 'ERROR: |runtime error: |: not so$' "$log" >&2 || tail "$log" >&2
	return 1
}

all=("$source"/fuzz_*.c)
all=("${all[@]##*/}")
all=("${all[@]%.c}")
for target; do
	[[ " ${all[*]} " == *" $target "* ]] || die "no such target: $target; there are ${all[*]}"
done
[ $# -gt 0 ] || set -- "${all[@]}"

build_targets
failed=0
for target; do
	say "running $target for $seconds s"
	run_target "$target" || failed=1
done
exit $failed
