#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# quickstart-native.sh: the part of quickstart.sh that runs on this machine: the
# user-space mediator, a vhost backend, testpmd, traffic

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

build=$BUILD
temp_dir work
. "$REPO/devtools/native-lib.sh"
. "$REPO/devtools/demonstration.sh"

diagram()
{
	cat <<END
  Linux stack         DPDK vhost    mediated device   DPDK        mediated device   DPDK vhost    Linux stack
  namespace left  <-> TAP, vhost <-> port 0        <-> testpmd <-> port 1        <-> vhost, TAP <-> namespace right
  $LEFT           backend       virtio, mdev      io mode     virtio, mdev      backend       $RIGHT
END
}

[ -w /dev/net/tun ] ||
	die "/dev/net/tun is missing or not writable: load the tun module, or run 'quickstart.sh --vm'"

say "starting a DPDK vhost backend: a vhost-user socket and a TAP interface, twice"
for name in hub left right; do
	namespace $name
done
backend_start "$work/backend" left right
tap left left $LEFT/24
tap right right $RIGHT/24

say "starting the mediator with two mediated devices"
# ports are numbered in the order of the UUIDs, not of the -a options
mapfile -t uuids < <(printf '%s\n' "$(uuid)" "$(uuid)" | sort)
mediator_start "$work/mediator" \
	--device "uuid=${uuids[0]},backend=$work/left.sock" \
	--device "uuid=${uuids[1]},backend=$work/right.sock"
for i in 0 1; do
	name=(left right)
	say "  $(user_root)/devices/${uuids[i]}: vfio-user in front, vhost-user to namespace ${name[i]} behind"
done

say "starting dpdk-testpmd -d $build/drivers -a mdev:${uuids[0]} -a mdev:${uuids[1]}"
testpmd_start "$work/testpmd" --no-huge -m 192 --no-pci --no-shconf --no-telemetry \
	--file-prefix="quickstart$$" "$(lcores 2)" -d "$build/drivers" \
	-a "mdev:${uuids[0]}" -a "mdev:${uuids[1]}" -- -i --total-num-mbufs=8192
at_exit end "$TESTPMD_PID"
MIB=256 demonstrate "$build/drivers"
