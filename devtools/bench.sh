#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# bench.sh [OPTION]... [PART]...: build the project, run its benchmarks (all parts, or
# those that are named), print tables and write build/bench.json
#
#   scan   how the bus scales: scan, match and find on made-up sysfs trees of 10 to
#          10,000 devices; no mediated device, no hugepages and no permission needed
#   footprint   start to first packet beside net_virtio_user, system calls and the
#          mediator's processor time while packets pass, the mediator's memory; with the
#          user-space mediator and a DPDK vhost backend on this machine
#
#   driver_only   cycles a packet of the burst functions, beside net_virtio in the same
#          process, in each ring layout, on a device that only recycles descriptors;
#          with hugepages as far as they can be had
#
#   vhost   the same against a DPDK vhost backend on this machine
#
# The points of driver_only and vhost are also drawn, to build/bench.svg.
#
#   -n COUNT   launches of each measurement (default 5); the median counts
#   -l LAYOUT  of driver_only and vhost: this ring layout only; may be repeated
#   --full     of driver_only: also other sizes of rings, bursts and frames
#   --checks   of driver_only: also the cost of the driver's checks of what the device
#              says, by a build without them
#   --check    exit with 1 if a target is missed. Without it a missed target is only
#              printed: on a busy machine it may be the machine's fault.
#   -h         print this help
#
# bench.json holds one object: "machine", and one key for each part that was run.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"
. "$REPO/devtools/bench/scan.sh"
. "$REPO/devtools/bench/footprint.sh"
. "$REPO/devtools/bench/burst.sh"

PARTS=(scan footprint driver_only vhost)

# text VALUE: as a JSON string
text()
{
	local value=${1//\\/\\\\}

	printf '"%s"' "${value//\"/\\\"}"
}

# machine: what was measured on, as a JSON object
machine()
{
	local cpu

	cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
	printf '{"cpu": %s, "cpus": %d, "memory_mib": %d, "kernel": %s, ' \
		"$(text "${cpu:-$(uname -m)}")" "$(nproc)" \
		"$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)" \
		"$(text "$(uname -sr)")"
	printf '"dpdk": %s, "compiler": %s, "date": %s}\n' \
		"$(text "$(pkg-config --modversion libdpdk)")" \
		"$(text "$(${CC:-cc} --version | head -n 1)")" \
		"$(text "$(date -u +%Y-%m-%dT%H:%M:%SZ)")"
}

# write_json FILE: what the parts have left as $work/KEY.json
write_json()
{
	local result key

	{
		printf '{\n"machine": %s' "$(machine)"
		for result in "$work"/*.json; do
			key=${result##*/}
			printf ',\n"%s": %s' "${key%.json}" "$(cat "$result")"
		done
		printf '\n}\n'
	} >"$1"
}

launches=5 check=no checks=no full=no parts=() layouts=()
while [ $# -gt 0 ]; do
	case $1 in
	-n | -l)
		[ $# -gt 1 ] || die "$1 takes a value; see $0 -h"
		[ "$1" = -n ] && launches=$2 || layouts+=("$2")
		shift
		;;
	--full) full=yes ;;
	--checks) checks=yes ;;
	--check) check=yes ;;
	-h | --help) usage_of "$0"; exit 0 ;;
	-*) die "unknown option $1; see $0 -h" ;;
	*)
		[[ " ${PARTS[*]} " == *" $1 "* ]] ||
			die "unknown part $1; the parts are: ${PARTS[*]}"
		parts+=("$1")
		;;
	esac
	shift
done
need_loadable_tree
[[ $launches =~ ^[1-9][0-9]*$ ]] || die "-n takes the number of launches"
[ ${#parts[@]} -gt 0 ] || parts=("${PARTS[@]}")

build=$BUILD
"$REPO/devtools/build.sh" "$build"
for layout in "${layouts[@]}"; do
	all=$(layouts=(); burst_layouts)
	grep -qxF -e "$layout" <<<"$all" ||
		die "no ring layout '$layout'; there are: $(paste -sd , <<<"$all")"
done
temp_dir work
missed=0
for part in "${parts[@]}"; do
	"bench_$part" "$build" "$launches" "$work" || missed=1
done
write_json "$build/bench.json"
say "results are in $build/bench.json"
if [ -e "$work/driver_only.json" ] || [ -e "$work/vhost.json" ]; then
	/usr/bin/python3 "$REPO/devtools/bench/chart.py" "$build/bench.json" "$build/bench.svg"
	say "and as a chart in $build/bench.svg"
fi
[ $check = no ] || exit $missed
