# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What quickstart.sh shows, in the virtual machine and on this one: two namespaces whose
# traffic goes through testpmd. Source it after traffic-lib.sh; $work is a folder.

MIB=${MIB:-32}
PINGS=20
# shellcheck disable=SC2034	# for the scripts that source this file
LEFT=192.0.2.1
RIGHT=192.0.2.2

# what testpmd said, where something went wrong
fail()
{
	cat "$work/testpmd" >&2
	die "$@"
}

# demonstrate PLUGINS: testpmd runs and forwards between the namespaces left and right:
# send traffic, show that it goes through testpmd, end testpmd, print what was seen. The
# caller's function diagram draws the way of a packet.
demonstrate()
{
	local loss started ended sent received least rx tx statistics rate

	testpmd_wait 1 'testpmd>' 60 || fail "testpmd did not start"
	testpmd_do start || fail "testpmd does not answer"

	say "pinging $RIGHT from $LEFT, through testpmd"
	loss=$(ping_loss left $RIGHT $PINGS)
	[ "$loss" = 0 ] || fail "$loss of $PINGS pings were lost"

	say "sending $MIB MiB by TCP"
	head -c "${MIB}M" /dev/urandom >"$work/sent"
	started=$(date +%s.%N)
	transfer left right $RIGHT "$work/sent" "$work/received" ||
		fail "the transfer did not end"
	ended=$(date +%s.%N)
	sent=$(sha256_of "$work/sent")
	received=$(sha256_of "$work/received")
	[ "$sent" = "$received" ] || fail "the file that arrived is another one"

	least=$((MIB << 20))
	rx=$(testpmd_stat 0 RX-bytes)
	tx=$(testpmd_stat 1 TX-bytes)
	[ "$rx" -ge $least ] && [ "$tx" -ge $least ] ||
		fail "ports counted $rx and $tx bytes of at least $least"

	say "stopping the forwarding: now the ping must fail"
	testpmd_do stop || fail "testpmd does not answer"
	loss=$(ping_loss left $RIGHT 3)
	[ "$loss" = 3 ] || fail "pings pass although testpmd forwards nothing"
	testpmd_do start || fail "testpmd does not answer"
	loss=$(ping_loss left $RIGHT 3)
	[ "$loss" = 0 ] || fail "$loss of 3 pings were lost after forwarding was started again"
	statistics=$(testpmd_statistics)
	testpmd_quit || fail "testpmd ended with an error"

	rate=$(awk -v mib="$MIB" -v s="$started" -v e="$ended" \
		'BEGIN { printf "%.1f s, %.0f Mbit/s", e - s, mib * 8.388608 / (e - s) }')
	cat <<END

It works. What you have seen:

$(diagram)

  ping                        $PINGS sent, $PINGS received
  ping, forwarding stopped    3 sent, 0 received: all packets go through testpmd
  TCP transfer                $MIB MiB in $rate
                              SHA-256 ${sent:0:16}... on both sides
  testpmd's statistics
$statistics

The drivers are in $1; an unchanged DPDK application loads them
with -d, and takes a device with -a mdev:<uuid>.
END
}
