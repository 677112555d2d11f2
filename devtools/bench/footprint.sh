# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The part "footprint" of bench.sh, which sources this file: what it costs to have the
# devices, beside the packets. The functions run in subshells, so that what each starts
# ends with it.

FOOTPRINT_PACKETS=10000000	# that pass while system calls are counted
FOOTPRINT_EAL=(--no-huge -m 192 --no-pci --no-shconf --no-telemetry)

# footprint_first_packet LAUNCHES RESULTS: ours and net_virtio_user in turn, each first
# in every other launch, on one backend, which sends all the time
footprint_first_packet()
(
	temp_dir work
	. "$REPO/devtools/native-lib.sh"
	namespace hub
	BACKEND_MODE=txonly backend_start "$work/backend" ours theirs
	uuid=$(uuid)
	mediator_start "$work/mediator" --device "uuid=$uuid,backend=$work/ours.sock"
	# the first launch would be charged for the backend's own start
	wait_until 10 backend_is_up || die "the mediator does not reach the backend"
	devices=("-a mdev:$uuid" "--vdev net_virtio_user0,path=$work/theirs.sock")
	for ((i = 1; i <= $1; i++)); do
		say "footprint: start to first packet, launch $i of $1"
		for device in "${devices[i % 2]}" "${devices[(i + 1) % 2]}"; do
			# shellcheck disable=SC2086	# words
			"$build/app/test-mdev/dpdk-test-mdev" "${FOOTPRINT_EAL[@]}" \
				--file-prefix="bench$$" "$(lcores 1)" $device -- \
				bench first-packet --json >>"$2" 2>"$work/log" || {
				tail -n 20 "$work/log" >&2
				die "dpdk-test-mdev bench first-packet failed"
			}
		done
	done
)

# seconds_used PID: processor time of a process so far
seconds_used()
{
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' \
		"/proc/$1/stat"
}

# threads_of PID NAME: ids of its threads with this name
threads_of()
{
	grep -l "^$2" /proc/"$1"/task/*/comm | cut -d / -f 5
}

# footprint_steady RESULTS: system calls of the threads that move packets, and the
# processor time of the mediator, while the packets pass between testpmd and a backend
footprint_steady()
(
	temp_dir work
	. "$REPO/devtools/native-lib.sh"
	namespace hub
	BACKEND_MODE=io backend_start "$work/backend" one
	uuid=$(uuid)
	mediator_start "$work/mediator" --device "uuid=$uuid,backend=$work/one.sock"
	# before, a device has no features but those that all backends have
	wait_until 10 backend_is_up || die "the mediator does not reach the backend"
	testpmd_start "$work/testpmd" "${FOOTPRINT_EAL[@]}" --file-prefix="bench$$" \
		"$(lcores 2)" -d "$build/drivers" -a "mdev:$uuid" -- -i \
		--total-num-mbufs=8192 --port-topology=loop
	at_exit end "$TESTPMD_PID"
	testpmd_wait 1 'testpmd>' 60 && testpmd_do start tx_first 8 || {
		cat "$work/testpmd" >&2
		die "testpmd did not start"
	}
	say "footprint: system calls and processor time while $FOOTPRINT_PACKETS packets pass"
	mapfile -t threads < <(threads_of "$TESTPMD_PID" rte-worker
		threads_of "$BACKEND_PID" rte-worker)
	[ ${#threads[@]} -eq 2 ] || die "${#threads[@]} threads move packets, not 2"
	strace -q -c -o "$work/calls" "${threads[@]/#/--attach=}" 2>/dev/null &
	strace=$!
	wait_until 10 grep -q "TracerPid:.$strace" "/proc/${threads[1]}/status"
	first=$(testpmd_stat 0 RX-packets)
	used=$(seconds_used "$MEDIATOR_PID")
	started=$(date +%s.%N)
	until [ $(($(testpmd_stat 0 RX-packets) - first)) -ge $FOOTPRINT_PACKETS ]; do
		sleep 1
		[ $((SECONDS)) -lt 600 ] || die "packets do not flow"
	done
	packets=$(($(testpmd_stat 0 RX-packets) - first))
	ended=$(date +%s.%N)
	kill -INT $strace
	wait $strace || true
	awk -v packets=$packets -v s="$started" -v e="$ended" -v used="$used" \
		-v now="$(seconds_used "$MEDIATOR_PID")" '
		$NF != "total" && $4 ~ /^[0-9]+$/ { calls += $4 }
		END { printf "{\"packets\": %d, \"seconds\": %.1f, \"system_calls\": %d, \"mediator_cpu_s\": %.2f}\n",
			packets, e - s, calls, now - used }' "$work/calls" >>"$1"
)

# footprint_memory RESULTS: resident memory of the mediator with idle devices
footprint_memory()
(
	temp_dir work
	. "$REPO/devtools/native-lib.sh"
	say "footprint: memory of the mediator with 1, 64 and 512 devices"
	for count in 1 64 512; do
		for ((i = 0; i < count; i++)); do
			echo "uuid=$(uuid),backend=$work/none.sock"
		done >"$work/conf"
		mediator_start "$work/mediator" --config "$work/conf"
		printf '{"devices": %d, "resident_kib": %d}\n' "$count" \
			"$(awk '/^VmRSS:/ { print $2 }' "/proc/$MEDIATOR_PID/status")" >>"$1"
		end "$MEDIATOR_PID"
	done
)

# bench_footprint BUILD LAUNCHES WORK: print the table, write WORK/footprint.json.
# Returns 1 if a target is missed.
bench_footprint()
{
	local results=$3/footprint step

	need_packages strace procps iproute2 util-linux
	# set -e does not work here, since the caller looks at the result
	for step in "first_packet $2" steady memory; do
		# shellcheck disable=SC2086	# words
		footprint_$step "$results" || exit 1
	done
	/usr/bin/python3 "$REPO/devtools/bench/footprint.py" "$results" \
		"$3/footprint.json"
}
