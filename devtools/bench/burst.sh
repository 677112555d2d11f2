# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The part "driver_only" of bench.sh, which sources this file: cycles a packet of the
# burst functions of net_mdev_virtio and of net_virtio, in one process, on one device
# model. The device behind our port is one of the user-space mediator.

BURST_HUGEPAGES=40	# of 2 MiB
BURST_EAL=(--no-pci --no-shconf --no-telemetry --force-max-simd-bitwidth=512)

# o: net_mdev_virtio, v: net_virtio; one for each launch in turn. Two of net_virtio are
# the control.
BURST_ORDERS=(ovv vvo vov)

# burst_memory: have hugepages while this shell lives, as far as it may; without them,
# misses of the processor's address cache are a part of all that is measured
burst_memory()
{
	local file=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages had

	had=$(cat $file 2>/dev/null) || had=
	if [ -n "$had" ] && [ "$(cat "${file/nr_/free_}")" -lt $BURST_HUGEPAGES ] &&
			{ echo $((had + BURST_HUGEPAGES)) >$file; } 2>/dev/null; then
		at_exit eval "echo $had >$file"
	fi
	if [ -n "$had" ] && [ "$(cat "${file/nr_/free_}")" -ge $BURST_HUGEPAGES ]; then
		BURST_EAL+=(-m $((BURST_HUGEPAGES * 2)) --in-memory --single-file-segments
			--iova-mode=va)
		return
	fi
	say "no hugepages can be had: pages of 4 KiB make all drivers slower"
	BURST_EAL+=(--no-huge -m 192)
}

# burst_launch ORDER RING OPTION...: one launch; prints a line of JSON
burst_launch()
(
	order=$1 ring=$2
	shift 2
	temp_dir work
	. "$REPO/devtools/native-lib.sh"
	devices=() ports=()
	for ((i = 0; i < ${#order}; i++)); do
		if [ "${order:i:1}" = v ]; then
			ports+=(net_virtio)
			continue
		fi
		uuid=$(uuid)
		devices+=(--device "uuid=$uuid,backend=$work/$i.sock,listen,ring=$ring")
		ports+=("mdev:$uuid,$work/$i.sock")
	done
	[ ${#devices[@]} -eq 0 ] || mediator_start "$work/mediator" "${devices[@]}"
	"$build/app/test-mdev/dpdk-test-mdev" "${BURST_EAL[@]}" \
		--file-prefix="bench$$" "$(lcores 1)" -- \
		bench burst --json --ring "$ring" "$@" "${ports[@]}" 2>"$work/log" || {
		tail -n 20 "$work/log" >&2
		die "dpdk-test-mdev bench burst failed"
	}
)

# burst_points: print what is measured, options of bench burst: RING OPTION...
burst_points()
{
	echo 256 --burst 32 --size 64
	[ "$full" = yes ] || return 0
	echo 1024 --burst 32 --size 64
	echo 256 --burst 4 --size 64
	echo 256 --burst 64 --size 64
	echo 256 --burst 32 --size 1500
	echo 256 --burst 32 --size 1500 --segments 4
}

# burst_layouts: print the names of the ring layouts, or of those that were asked for
burst_layouts()
{
	if [ ${#layouts[@]} -gt 0 ]; then
		printf '%s\n' "${layouts[@]}"
	else
		"$build/app/test-mdev/dpdk-test-mdev" bench burst --layout list 2>/dev/null
	fi
}

# bench_driver_only BUILD LAUNCHES WORK: print the table, write WORK/driver_only.json and
# WORK/control.json. Returns 1 if a goal is missed.
bench_driver_only()
(
	build=$1 results=$3/burst
	burst_memory
	for ((launch = 1; launch <= $2; launch++)); do
		say "driver only: launch $launch of $2"
		while read -r layout <&4; do
			while read -r point <&5; do
				# four segments need buffers that are merged
				[[ $point != *segments* || $layout == *mergeable ]] || continue
				# shellcheck disable=SC2086	# words
				burst_launch "${BURST_ORDERS[launch % ${#BURST_ORDERS[@]}]}" \
					$point --layout "$layout" >>"$results" || exit 1
			done 5< <(burst_points)
		done 4< <(burst_layouts)
	done
	/usr/bin/python3 "$REPO/devtools/bench/burst.py" driver_only "$results" \
		"$3/driver_only.json" "$3/control.json"
)
