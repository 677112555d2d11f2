#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# quickstart-guest.sh PLUGINS: the part of quickstart.sh --vm that runs in the virtual
# machine. PLUGINS is the folder with the drivers.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"
. "$REPO/devtools/guest-lib.sh"
. "$REPO/devtools/demonstration.sh"

diagram()
{
	cat <<END
  Linux stack         mediated device   DPDK        mediated device   Linux stack
  namespace left  <-> port 0        <-> testpmd <-> port 1        <-> namespace right
  $LEFT                             io mode                         $RIGHT
END
}

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
demonstrate "$plugins"
