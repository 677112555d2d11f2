#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# peer.sh BUILD: checks against programs that speak vfio-user and are not ours, of
# Debian's source package of QEMU: libvfio-user's samples and test client, and QEMU's
# own virtio-net device. The first run builds them, which takes some ten minutes: all are
# skipped unless MDEV_TEST_FULL is set.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

build=$1
temp_dir work
. "$REPO/devtools/native-lib.sh"

LEFT=192.0.2.1
RIGHT=192.0.2.2

samples_built()
{
	"$REPO/devtools/vfio-user-peers.sh" samples
}

qemu_built()
{
	"$REPO/devtools/vfio-user-peers.sh" qemu
}

# serve PROGRAM ARGUMENT...: a sample that serves $work/peer.sock
serve()
{
	rm -f "$work/peer.sock"
	"$(samples_built)/$1" "${@:2}" "$work/peer.sock" >"$work/server" 2>&1 &
	SERVER_PID=$!
	wait_until 10 test -S "$work/peer.sock" || { cat "$work/server"; exit 1; }
}

# use ACTION...: our driver library on that socket; what it prints is in $work/used
use()
{
	"$build/app/test-mdev/dpdk-test-mdev" socket "$work/peer.sock" "$@" \
		>"$work/used" 2>&1 || { cat "$work/used" "$work/server"; exit 1; }
	cat "$work/used"
}

# said LINE...: these lines are in there
said()
{
	local line

	for line; do
		expect "it says '$line'" grep -qxE " *$line" "$work/used"
	done
}

# A region that cannot be mapped and counts its reads, an interrupt, memory; and again
# by a second client.
gpio()
{
	local i

	serve gpio-pci-idio-16
	for i in 1 2; do
		use dump irq 0 0 external 3 irq-off 0 reset read 2 0x100 1
		said 'flags +reset pci' 'pci +494f:0dc8 .*' \
			'region 2 +BAR2 size 0x100 offset 0 read write' \
			'region 7 +config size 0x100 .*' \
			'region 9 +size 0x2000 offset 0 type 0x3/0x1 read write' \
			'irq 0 +INTx count 1 eventfd' 'read: Invalid argument'
	done
	use read 2 0 1 read 2 0 1 read 2 0 1 read 2 0 1
	# it counts to three for each value
	expect "three zeroes" test "$(grep -cx 'read 2 0: 0' "$work/used")" = 3
	said 'read 2 0: 0x1'
	expect "the server to be there" kill -0 "$SERVER_PID"
}

# A region of which two parts of three can be mapped; the server reads the third from
# its start, whatever the offset.
mappable()
{
	serve server
	use dump map 1 mapped 1 0 4096 mapped 1 4096 4096 mapped 1 8192 4096 \
		write 1 0 4 0x12345678 write 1 4096 4 7 write 1 0x2ffc 4 9 \
		read 1 0x2ffc 4 unmap 1 read 1 0 4 reset
	said 'pci +dead:beef subsystem cafe:babe .*' 'region 0 +BAR0 size 0x8 .*' \
		'region 1 +BAR1 size 0x3000 offset 0 read write mmap' \
		'sparse area \[0, 0x1000\)' 'sparse area \[0x2000, 0x3000\)' \
		'mapped 1 0: yes' 'mapped 1 0x1000: no' 'mapped 1 0x2000: yes' \
		'read 1 0x2ffc: 0x9' 'read 1 0: 0x12345678'
}

# After some seconds the server interrupts us, writes a page of our memory by messages,
# and reads it, while we ask it nothing. It ends if it does not find what it has written.
server_asks()
{
	serve server -v
	use keep irq 0 0 write 0 0 8 $(($(date +%s) + 5)) wait-irq filled 0x41 served 2 \
		restore read 1 0 4
	said 'interrupts: 1' 'read 1 0: 0'
	expect "its messages" grep -q 'do_dma_io: READ' "$work/server"
}

# libvfio-user's client against our mediator.
client()
{
	local uuid

	uuid=$(uuid)
	mediator_start "$work/mediator" --device "uuid=$uuid,backend=$work/nobody"
	LIBVFIO_SO_DIR=$(samples_built) PYTHONDONTWRITEBYTECODE=1 timeout 120 \
		/usr/bin/python3 "$REPO/devtools/tests/peer-client.py" \
		"$(user_root)/devices/$uuid/socket"
	! grep -v 'no backend at' "$work/mediator" | grep -i 'error'
}

# qemu NAME OPTION: QEMU with one virtio-net device behind which is a TAP interface, and
# no processor. A process for each: those of one have a PCI bus, with one space of
# addresses, in common.
qemu()
{
	local built

	built=$(qemu_built)
	rm -f "$work/$1.sock"	# of one that was ended
	# shellcheck disable=SC2046	# words
	$(enter hub) env LD_LIBRARY_PATH="$built" "$built/qemu-system-x86_64" -accel qtest -nodefaults \
		-display none -machine x-remote,vfio-user=on,auto-shutdown=off \
		-netdev "tap,id=n,ifname=$1,script=no,downscript=no" \
		-device "virtio-net-pci,id=v,netdev=n,disable-legacy=on,iommu_platform=on,romfile=$2" \
		-object "x-vfio-user-server,id=s,type=unix,path=$work/$1.sock,device=v" \
		>"$work/qemu-$1" 2>&1 &
	at_exit end $!
	wait_until 20 test -S "$work/$1.sock" || { cat "$work/qemu-$1"; exit 1; }
}

ping_passes()
{
	in_namespace left ping -n -q -c 1 -W 1 $RIGHT >/dev/null
}

# qemu_forwards OPTION [TESTPMD_ARGUMENT...]: testpmd forwards between two devices of
# QEMU's, which have this option
qemu_forwards()
{
	local name bytes
	local -a devices=()

	for name in left right; do
		qemu $name "$1"
		devices+=(-a "bus=mdev,uuid=$(uuid),socket=$work/$name.sock")
	done
	tap left left $LEFT/24
	tap right right $RIGHT/24
	testpmd_start "$work/testpmd" --no-huge -m 192 --no-pci --no-shconf --no-telemetry \
		--file-prefix="peer$$" "$(lcores 2)" -d "$build/drivers" "${devices[@]}" \
		-- -i --total-num-mbufs=8192 "${@:2}"
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd" "$work"/qemu-*; exit 1; }
	testpmd_do start
	wait_until 20 ping_passes || { cat "$work/testpmd" "$work"/qemu-*; exit 1; }
	head -c 4M /dev/urandom >"$work/sent"
	transfer left right $RIGHT "$work/sent" "$work/received"
	cmp "$work/sent" "$work/received"
	transfer right left $LEFT "$work/sent" "$work/received"
	cmp "$work/sent" "$work/received"
	for name in 0 1; do
		bytes=$(testpmd_stat $name RX-bytes)
		expect "port $name has received the file" test "$bytes" -ge $((4 << 20))
	done
	testpmd_quit
	! grep -n -i -E 'error|fail|cannot' "$work/testpmd" "$work"/qemu-* |
		grep -v -E 'errors:|error handling'
}


check_full "libvfio-user's samples are built" samples_built
check_full "our client, a sample without mappable regions" gpio
check_full "our client, a sample with mappable parts" mappable
check_full "our client, a sample that uses our memory by messages" server_asks
check_full "libvfio-user's client, our mediator" client
[ -z "${MDEV_TEST_FULL:-}" ] || namespaces_or_skip "QEMU's virtio-net"
check_full "QEMU with a vfio-user server is built" qemu_built
check_full "testpmd forwards between two virtio-net devices of QEMU's" qemu_forwards ""
check_full "... that offer packed rings" qemu_forwards ,packed=on
check_full "... without mergeable buffers and offloads" qemu_forwards \
	,mrg_rxbuf=off,csum=off,gso=off,guest_csum=off
