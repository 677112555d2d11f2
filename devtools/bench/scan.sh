# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The part "scan" of bench.sh, which sources this file.

# bench_scan BUILD LAUNCHES WORK: print the table, write WORK/scan.json. Returns 1 if
# a target is missed.
bench_scan()
{
	local build=$1 launches=$2 work=$3 i memory

	memory=$(memory_dir)
	: >"$work/scan"
	for ((i = 1; i <= launches; i++)); do
		say "scan: launch $i of $launches, 10 to 10,000 devices"
		TMPDIR=$memory "$build/app/test-mdev/dpdk-test-mdev" bench scan --json \
			>>"$work/scan" 2>"$work/log" || {
			tail -n 20 "$work/log" >&2
			die "dpdk-test-mdev bench scan failed"
		}
	done
	/usr/bin/python3 "$REPO/devtools/bench/scan.py" "$work/scan" "$work/scan.json"
}
