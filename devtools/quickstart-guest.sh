#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# quickstart-guest.sh PLUGINS: the part of quickstart.sh that runs in the virtual
# machine. PLUGINS is the folder with the drivers.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"
. "$REPO/devtools/guest-lib.sh"

MIB=32
PINGS=20
LEFT=192.0.2.1
RIGHT=192.0.2.2

plugins=$1
temp_dir work

say "creating two mediated devices"
# ports are numbered in the order of the UUIDs, not of the -a options
mapfile -t uuids < <(printf '%s\n' "$(uuid)" "$(uuid)" | sort)
mdev_create net-mmap "${uuids[0]}" >/dev/null
mdev_create net-trap "${uuids[1]}" >/dev/null
host_side "${uuids[0]}" left $LEFT/24
host_side "${uuids[1]}" right $RIGHT/24
for i in 0 1; do
	name=(left right)
	say "  $MDEV_DEVICES/${uuids[i]}: $(cat "$MDEV_DEVICES/${uuids[i]}/mdev_type/name"), host side in namespace ${name[i]}"
done

hugepages 192
say "starting dpdk-testpmd -d $plugins -a mdev:${uuids[0]} -a mdev:${uuids[1]}"
testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$plugins" \
	-a "mdev:${uuids[0]}" -a "mdev:${uuids[1]}" -- -i --total-num-mbufs=8192 \
	--txd=1024

# what testpmd said, where something went wrong
fail()
{
	cat "$work/testpmd" >&2
	die "$@"
}

testpmd_wait 1 'testpmd>' 60 || fail "testpmd did not start"
testpmd_do start || fail "testpmd does not answer"

say "pinging $RIGHT from $LEFT, through testpmd"
loss=$(ping_loss left $RIGHT $PINGS)
[ "$loss" = 0 ] || fail "$loss of $PINGS pings were lost"

say "sending $MIB MiB by TCP"
head -c ${MIB}M /dev/urandom >"$work/sent"
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

rate=$(awk -v mib=$MIB -v s="$started" -v e="$ended" 'BEGIN { printf "%.1f s, %.0f Mbit/s", e - s, mib * 8.388608 / (e - s) }')
cat <<END

It works. What you have seen:

  Linux stack         mediated device   DPDK        mediated device   Linux stack
  namespace left  <-> port 0        <-> testpmd <-> port 1        <-> namespace right
  $LEFT                             io mode                         $RIGHT

  ping                        $PINGS sent, $PINGS received
  ping, forwarding stopped    3 sent, 0 received: all packets go through testpmd
  TCP transfer                $MIB MiB in $rate
                              SHA-256 ${sent:0:16}... on both sides
  testpmd's statistics
$statistics

The drivers are in $plugins; an unchanged DPDK application loads them
with -d, and takes a device with -a mdev:<uuid>.
END
