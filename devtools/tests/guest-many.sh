# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# 64 devices driven at once: DPDK has 32 ports a process, so by two. Sourced by guest.sh.

# numbered N: a UUID; they ascend with N
numbered()
{
	printf '%08x-0000-4000-8000-000000000064' "$1"
}

# allow FIRST LAST: the EAL arguments for these devices
allow()
{
	local i

	for ((i = $1; i <= $2; i++)); do
		echo "-a mdev:$(numbered "$i")"
	done
}

# Each device gets 3 frames from its host side; testpmd sends them on the other port of
# the pair, and they arrive at that one's host side.
many()
{
	local i first log=()

	for ((i = 1; i <= 64; i++)); do
		mdev_create net-trap "$(numbered $i)" >/dev/null
	done
	for ((i = 1; i <= 64; i++)); do
		ip link set "$(host_interface "$(numbered $i)")" up
	done
	for first in 1 33; do
		# shellcheck disable=SC2046	# arguments are words
		testpmd_start "$work/many$first" -l 0,1 --no-telemetry -d "$build/drivers" \
			--file-prefix "many$first" $(allow "$first" $((first + 31))) -- -i \
			--total-num-mbufs=20000 --rxd=64 --txd=64
		testpmd_wait 1 'testpmd>' 180 || { cat "$work/many$first"; exit 1; }
		testpmd_do start
		log+=("$TESTPMD_PID")
		[ "$first" = 33 ] || exec 8>&7
	done
	for ((i = 1; i <= 64; i++)); do
		host_interface "$(numbered $i)"
	done >"$work/interfaces"
	/usr/bin/python3 - "$work/interfaces" <<-'END'
		import socket, sys, time
		names = open(sys.argv[1]).read().split()
		def packets(name):
		    with open(f'/sys/class/net/{name}/statistics/rx_packets') as f:
		        return int(f.read())
		before = [packets(n) for n in names]
		frame = bytes.fromhex('ffffffffffff02000000000188b5') + bytes(66)
		for n in names:
		    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
		    s.bind((n, 0))
		    for i in range(3):
		        s.send(frame)
		for _ in range(300):
		    got = [packets(n) - b for n, b in zip(names, before)]
		    if min(got) >= 3:
		        sys.exit(0)
		    time.sleep(0.1)
		sys.exit(f'frames through each device: {got}')
	END
	forward_stop
	echo quit >&8
	exec 8>&- 7>&-
	wait "${log[0]}" || { cat "$work/many1"; exit 1; }
	for ((i = 1; i <= 64; i++)); do
		mdev_remove "$(numbered $i)"
	done
}

check_full "64 devices driven at once" many
