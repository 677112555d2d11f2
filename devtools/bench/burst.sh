# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The parts "driver_only" and "vhost" of bench.sh, which sources this file: cycles a packet
# of the burst functions of net_mdev_virtio and of net_virtio in one process; on one device
# model, and on a DPDK vhost backend. The device behind our port is one of the user-space
# mediator.

HUGEPAGES=/sys/kernel/mm/hugepages/hugepages-2048kB
BURST_HUGEPAGES=40	# of 2 MiB
BURST_EAL=(--no-pci --no-shconf --no-telemetry --force-max-simd-bitwidth=512)

# What Debian builds DPDK with, and so its net_virtio. Ours is -O3 otherwise.
BURST_CFLAGS="-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2"

# o: net_mdev_virtio, v: net_virtio; one for each launch in turn. Two of net_virtio are
# the control.
BURST_ORDERS=(ovv vvo vov)

# burst_build DIR [FLAG]: build the program with the flags of the installed DPDK
burst_build()
{
	BUILD_TARGETS=app/test-mdev/dpdk-test-mdev "$REPO/devtools/build.sh" "$1" \
		-Dbuildtype=plain -Dc_args="$BURST_CFLAGS ${2:-}"
}

# free_hugepages: print their number
free_hugepages()
{
	cat $HUGEPAGES/free_hugepages 2>/dev/null || echo 0
}

# more_hugepages COUNT: have so many more; whoever else changes their number keeps that
more_hugepages()
{
	{ echo $(($(cat $HUGEPAGES/nr_hugepages) + $1)) >$HUGEPAGES/nr_hugepages; } 2>/dev/null
}

# burst_memory: have hugepages while this shell lives, as far as it may; without them,
# misses of the processor's address cache are a part of all that is measured
burst_memory()
{
	if [ "$(free_hugepages)" -lt $BURST_HUGEPAGES ] && more_hugepages $BURST_HUGEPAGES
	then
		at_exit more_hugepages -$BURST_HUGEPAGES
	fi
	if [ "$(free_hugepages)" -ge $BURST_HUGEPAGES ]; then
		BURST_EAL+=(-m $((BURST_HUGEPAGES * 2)) --in-memory --single-file-segments
			--iova-mode=va)
		return
	fi
	say "no hugepages can be had: pages of 4 KiB make all drivers slower"
	BURST_EAL+=(--no-huge -m 192)
}

# burst_ports ORDER DEVICE: print the ports of a launch, as arguments of bench, and write
# the mediator's devices that they need, with DEVICE added, to $work/devices
burst_ports()
{
	local order=$1 uuid i

	: >"$work/devices"
	for ((i = 0; i < ${#order}; i++)); do
		if [ "${order:i:1}" = v ]; then
			echo "net_virtio,$work/$i.sock"
			continue
		fi
		uuid=$(uuid)
		echo "uuid=$uuid,backend=$work/$i.sock$2" >>"$work/devices"
		echo "mdev:$uuid,$work/$i.sock"
	done
}

# burst_run ARGUMENT...: dpdk-test-mdev bench, on the second processor; of the build
# $program, or $build
burst_run()
{
	"${program:-$build}/app/test-mdev/dpdk-test-mdev" "${BURST_EAL[@]}" --file-prefix="bench$$" \
		"$(lcores 1 1)" -- bench "$@" 2>"$work/log" || {
		tail -n 20 "$work/log" >&2
		die "dpdk-test-mdev bench $1 failed"
	}
}

# burst_launch ORDER RING OPTION...: one launch; prints a line of JSON
burst_launch()
(
	temp_dir work
	. "$REPO/devtools/native-lib.sh"
	burst_ports "$1" ",listen,ring=$2" >"$work/ports"
	[ ! -s "$work/devices" ] || mediator_start "$work/mediator" --config "$work/devices"
	mapfile -t ports <"$work/ports"
	burst_run burst --json --ring "${@:2}" "${ports[@]}"
)

# burst_without LAYOUT: print what the mediator does not offer, for a device of a layout
burst_without()
{
	local -a features=()

	[[ $1 == *mergeable ]] || features+=(mrg_rxbuf)
	[[ $1 == *in-order* || $1 == "packed vectorised" ]] || features+=(in_order)
	[[ $1 == packed* ]] || features+=(ring_packed)
	(IFS=+; echo "${features[*]:+,without=${features[*]}}")
}

# vhost_launch ORDER LAYOUT: likewise, with a DPDK vhost backend on the first processor
vhost_launch()
(
	temp_dir work
	. "$REPO/devtools/native-lib.sh"
	namespace hub
	BACKEND_MODE=io backend_start "$work/backend" 0 1 2
	burst_ports "$1" "$(burst_without "$2")" >"$work/ports"
	[ ! -s "$work/devices" ] || {
		mediator_start "$work/mediator" --config "$work/devices"
		wait_until 10 grep -q 'connected to backend' "$work/mediator"
	}
	mapfile -t ports <"$work/ports"
	burst_run vhost --json --layout "$2" --backend-log "$work/backend" "${ports[@]}"
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
	build=$1 results=$3/burst programs=("$1-bench")
	burst_build "$1-bench" || exit 1
	if [ "$checks" = yes ]; then
		programs+=("$1-no-checks")
		burst_build "$1-no-checks" -DMDEV_VIRTIO_NO_CHECKS || exit 1
	fi
	burst_memory
	for ((launch = 0; launch < $2; launch++)); do
		say "driver only: launch $((launch + 1)) of $2"
		order=${BURST_ORDERS[launch % ${#BURST_ORDERS[@]}]}
		while read -r layout <&4; do
			while read -r point <&5; do
				# four segments need buffers that are merged
				[[ $point != *segments* || $layout == *mergeable ]] || continue
				for program in "${programs[@]}"; do
					# shellcheck disable=SC2086	# words
					burst_launch "$order" $point --layout "$layout" \
						>>"$results.${program##*/}" || exit 1
				done
			done 5< <(burst_points)
		done 4< <(burst_layouts)
	done
	set -- "$3" "${programs[@]##*/}"
	/usr/bin/python3 "$REPO/devtools/bench/burst.py" driver_only "$results.$2" \
		"$1/driver_only.json" "$1/control.json" ${3:+"$results.$3"}
)

# bench_vhost BUILD LAUNCHES WORK: print the table, write WORK/vhost.json. Returns 1 if a
# goal is missed.
bench_vhost()
(
	build=$1 program=$1-bench results=$3/vhost
	need_packages util-linux
	burst_build "$program" || exit 1
	burst_memory
	for ((launch = 0; launch < $2; launch++)); do
		say "vhost: launch $((launch + 1)) of $2"
		while read -r layout <&4; do
			vhost_launch "${BURST_ORDERS[launch % ${#BURST_ORDERS[@]}]}" "$layout" \
				>>"$results" || exit 1
		done 4< <(burst_layouts)
	done
	/usr/bin/python3 "$REPO/devtools/bench/burst.py" vhost "$results" "$3/vhost.json"
)
