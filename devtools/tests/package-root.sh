# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# package.sh, continued: the packages in $packages are installed, used and removed in a
# fresh Debian, which is made by debootstrap and booted (root-lib.sh). With --full only.

. "$REPO/devtools/root-lib.sh"

root=$work/root
A=0000000a-abcd-4ef0-9abc-def012345678
B=0000000b-abcd-4ef0-9abc-def012345678

# files_of_root: all that is there, but for what apt, dpkg and systemd note for themselves
files_of_root()
{
	in_root find / -xdev \( -path /packages -o -path /proc -o -path /sys -o -path /dev \
		-o -path /var/log -o -path /var/cache -o -path /var/lib/apt \
		-o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /tmp -o -path /var/tmp \
		-o -path /root \) -prune -o -print | sort
	in_root find /run/mdev 2>/dev/null || true
}

apt_in_root()
{
	in_root apt-get -y -q -o Dpkg::Use-Pty=0 --no-install-recommends "$@"
}

# package_files NAME...: their names in the root; no NAME begins another's
package_files()
{
	local name

	for name; do
		(cd "$packages" && printf '/packages/%s\n' "$name"_*.deb)
	done
}

fresh_root()
{
	root_make "$root" systemd systemd-sysv dbus >"$work/debootstrap" 2>&1 ||
		{ tail -n 20 "$work/debootstrap"; return 1; }
	mkdir "$root/packages"
	cp "$packages"/*.deb "$root/packages/"
}

# release_of SERIES FLAVOUR: print the newest kernel of that series, as uname -r does
release_of()
{
	in_root apt-cache show "linux-headers-$2" |
		awk -v want="linux-headers-$1." '$1 == "Depends:" && !found &&
			index($2, want) == 1 { print substr($2, 15); found = 1 }'
}

# What the packages need, and kernels to build for, so that all that comes afterwards is
# theirs. The newer headers want their kernel as well.
prepare_root()
{
	local kernel release

	apt_in_root update
	for kernel in "6.1 $arch" "6.12 $arch" "6.1 cloud-$arch"; do
		# shellcheck disable=SC2086	# words
		release=$(release_of $kernel)
		expect "a kernel: $kernel" test -n "$release"
		echo "linux-headers-$release"
	done >"$work/headers"
	# shellcheck disable=SC2046	# words
	apt_in_root install dpdk dpdk-dev libdpdk-dev pkg-config python3-pyelftools dkms kmod \
		$(cat "$work/headers")
	# DKMS has depmod make lists, also where there are headers alone; they are not ours
	sed 's/^linux-headers-//' "$work/headers" | while read -r release; do
		in_root depmod "$release" </dev/null
	done
	files_of_root >"$work/before"
}

install_packages()
{
	local abi=${pmds##*-} ours

	abi=${abi%.*}
	ours=("librte-common-vfio$abi" "librte-common-vfio-user$abi" "librte-bus-mdev$abi"
		"librte-net-mdev-virtio$abi" dpdk-mdev dpdk-mdev-mediator)
	# shellcheck disable=SC2046	# words
	apt_in_root install $(package_files "${ours[@]}")
	in_root dpkg --verify "${ours[@]}" | tee "$work/verify"
	expect "files as packaged" test ! -s "$work/verify"
}

# The service is there at once, without devices.
service_runs()
{
	in_root systemctl --no-pager status "$unit"
	expect "it is active" in_root systemctl is-active "$unit"
	expect "it is enabled" in_root systemctl is-enabled "$unit"
	in_root systemctl show -P StatusText "$unit" | grep '0 devices'
	in_root dpdk-mdev-mediator ctl list
}

# in_root_unit NAME COMMAND...: run it there in the background
in_root_unit()
{
	local name=$1

	shift
	rm -f "$root/root/$name.log"
	in_root systemd-run --quiet --collect --unit="$name" \
		--property=StandardOutput="append:/root/$name.log" \
		--property=StandardError="append:/root/$name.log" "$@"
}

# wait_for SECONDS COMMAND...
wait_for()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.5
	done
}

# received LOG: the statistics say that its port received frames
received()
{
	grep -E 'RX-packets: [1-9]' "$root/root/$1.log" >/dev/null
}

# The service's two devices have a client and a link each.
both_used()
{
	in_root dpdk-mdev-mediator ctl list >"$work/list"
	[ "$(grep -c 'client [0-9]* .*link up' "$work/list")" = 2 ]
}

# testpmd finds the drivers without being told where; frames go there and back again.
# The backend of A belongs to another user, that of B connects.
forwards()
{
	local eal=(dpdk-testpmd --no-huge -m 128 --no-pci -l "0-$(($(nproc) - 1))")
	local stats=(--stats-period 1 --no-mlockall --port-topology=loop --total-num-mbufs=2048)

	# as the guide says
	echo 'd /run/vhost 0755 root root' >"$root/etc/tmpfiles.d/vhost.conf"
	in_root systemd-tmpfiles --create vhost.conf
	printf 'uuid=%s,backend=/run/vhost/a.sock\nuuid=%s,backend=/run/vhost/b.sock,listen\n' \
		$A $B >>"$root/etc/dpdk-mdev-mediator.conf"
	in_root_unit backend "${eal[@]}" --file-prefix=backend \
		--vdev net_vhost0,iface=/run/vhost/a.sock \
		--vdev net_vhost1,iface=/run/vhost/b.sock,client=1 -- "${stats[@]}"
	wait_for 60 in_root test -S /run/vhost/a.sock
	in_root chown nobody /run/vhost/a.sock
	in_root chmod 600 /run/vhost/a.sock
	in_root systemctl restart "$unit"
	in_root systemctl show -P StatusText "$unit" | grep '2 devices'
	in_root_unit application "${eal[@]}" --file-prefix=application -a mdev:$A -a mdev:$B \
		-- "${stats[@]}" --forward-mode=flowgen
	wait_for 120 received application || {
		cat "$root/root/"*.log
		in_root journalctl --no-pager -u "$unit"
		return 1
	}
	wait_for 60 received backend
	wait_for 60 both_used || { cat "$work/list"; return 1; }
	in_root dpdk-mdev.py | tee "$work/list"
	expect "which the tool shows with their driver" \
		test "$(grep -c 'net_mdev_virtio' "$work/list")" -ge 2
	in_root systemctl stop application
}

# The tool and the service work together.
tool_adds()
{
	local uuid

	in_root dpdk-mdev.py --create virtio_net --backend /run/vhost/c.sock | tee "$work/out"
	uuid=$(grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' "$work/out" | head -n 1)
	in_root dpdk-mdev-mediator ctl list | grep "$uuid"
	in_root dpdk-mdev.py --remove "$uuid"
	in_root dpdk-mdev-mediator ctl list | grep "$uuid" && return 1
	in_root journalctl --no-pager -u "$unit" | tee "$work/out"
	expect "nothing forbidden" test "$(grep -ciE 'not permitted|denied|read-only' "$work/out")" = 0
}

# What the service leaves behind and finds again is what it shares with other mediators.
others_stay()
{
	in_root_unit other dpdk-mdev-mediator --name other \
		--device uuid=auto,backend=/run/vhost/d.sock
	wait_for 60 in_root dpdk-mdev-mediator ctl --name other list
	in_root systemctl stop "$unit"
	expect "its device alone" test "$(in_root ls /run/mdev/devices | wc -l)" = 1
	in_root systemctl start "$unit"
	expect "all three" test "$(in_root ls /run/mdev/devices | wc -l)" = 3
	in_root systemctl stop other
}

# Devices stay with their applications.
upgrade()
{
	local before after

	before=$(in_root systemctl show -P MainPID "$unit")
	# shellcheck disable=SC2046	# words
	apt_in_root install --reinstall $(package_files dpdk-mdev-mediator)
	after=$(in_root systemctl show -P MainPID "$unit")
	echo "process $before, $after"
	expect "a service that runs" test "$before" != 0
	expect "the same process" test "$before" = "$after"
	in_root systemctl stop backend
	rm "$root/etc/tmpfiles.d/vhost.conf"
}

# A driver of somebody else needs the packages alone, and DPDK finds all that it does.
builds_driver()
{
	local dir=/usr/local/src/driver

	# shellcheck disable=SC2046	# words
	apt_in_root install $(package_files libdpdk-mdev-dev)
	at_exit rm -rf "$root$dir"
	in_root cp -r /usr/share/doc/libdpdk-mdev-dev/examples $dir
	in_root env CFLAGS="-Wall -Wextra -Werror" make -C $dir
	in_root dpdk-pmdinfo.py $dir/build/mdev_skeleton.so | grep '"name": "mdev_skeleton"'
	in_root sh -c "echo quit | dpdk-testpmd --no-huge -m 128 --no-pci --no-shconf \
		-l 0-$(($(nproc) - 1)) -d $dir/build/mdev_skeleton.so --log-level=bus.mdev:debug \
		-- -i --total-num-mbufs=2048" 2>&1 | tee "$work/out"
	grep -E 'driver mdev_skeleton has 0 of [0-9]+ devices' "$work/out"
}

dkms_installs()
{
	# shellcheck disable=SC2046	# words
	apt_in_root install $(package_files dpdk-mdev-dkms)
	in_root dkms status | tee "$work/status"
	grep "dpdk-mdev/$version" "$work/status"
}

# dkms_builds SERIES: both modules, where that kernel's modprobe finds them, by what is run
# when a kernel's headers are installed
dkms_builds()
{
	local release module

	release=$(release_of "$1" "$arch")
	in_root dkms autoinstall -k "$release"
	in_root dkms status -k "$release" | grep 'dpdk-mdev.*installed'
	for module in mdev_virtio mdev_virtio_net; do
		in_root modinfo -k "$release" $module | grep "^vermagic: *$release "
	done
}

# The modules that DKMS has made load, and make a device.
dkms_loads()
{
	local release options=() module parent=/sys/class/mdev_bus/mdev_virtio_net

	release=$(release_of 6.1 "$arch")
	[ "$(cat "$("$REPO/devtools/vm-kernel.sh" 6.1)/version")" = "$release" ] ||
		skip "the virtual machine has another kernel than $release"
	for module in mdev_virtio mdev_virtio_net; do
		options+=(-m "$root/lib/modules/$release/updates/dkms/$module.ko")
	done
	"$REPO/devtools/vm.sh" -k 6.1 -t 600 -n "${options[@]}" -- sh -c "
		echo $A >$parent/mdev_supported_types/mdev_virtio-net-mmap/create &&
		test -e /sys/bus/mdev/devices/$A/net"
}

# For a kernel without mediated devices DKMS makes none, and says why.
dkms_refuses()
{
	local release

	release=$(release_of 6.1 "cloud-$arch")
	in_root dkms build "dpdk-mdev/$version" -k "$release" >"$work/out" 2>&1 && return 1
	cat "$work/out"
	grep BUILD_EXCLUSIVE "$work/out"
	in_root dkms status -k "$release" | grep 'dpdk-mdev.*installed' && return 1
	return 0
}

# All that came goes, the service's state and devices with it.
purge()
{
	local abi=${pmds##*-}

	apt_in_root purge "librte-common-vfio${abi%.*}"
	apt_in_root purge dpdk-mdev-mediator dpdk-mdev-dkms
	# shellcheck disable=SC2016	# dpkg's syntax, not the shell's
	in_root dpkg-query -W -f '${source:Package} ${Package}\n' |
		grep '^dpdk-mdev ' && return 1
	in_root systemctl is-active "$unit" && return 1
	files_of_root >"$work/after"
	diff "$work/before" "$work/after"
	expect "no service that failed" test -z "$(in_root systemctl list-units --failed -q)"
}

# Each of these builds on those before it.
if [ -n "${MDEV_TEST_FULL:-}" ]; then
	arch=$(dpkg --print-architecture)
	version=$(dpkg-parsechangelog -l "$REPO/debian/changelog" -S Version)
	version=${version%-*}
	check "fresh root: made by debootstrap" fresh_root
	[ ! -d "$root/packages" ] || root_boot "$root"
fi
check_full "fresh root: DPDK, and what the packages depend on" prepare_root
check_full "fresh root: the packages install" install_packages
check_full "fresh root: the service runs" service_runs
check_full "fresh root: testpmd forwards on devices of the service, without -d" forwards
check_full "fresh root: dpdk-mdev.py has the service add and remove a device" tool_adds
check_full "fresh root: the service goes and comes beside another mediator" others_stay
check_full "fresh root: an upgrade leaves the service alone" upgrade
check_full "fresh root: a driver is built with the packages alone" builds_driver
check_full "fresh root: the package for DKMS installs" dkms_installs
check_full "fresh root: DKMS builds the modules for Linux 6.1" dkms_builds 6.1
check_full "fresh root: DKMS builds the modules for Linux 6.12" dkms_builds 6.12
check_full "fresh root: what DKMS has built loads into Linux 6.1" dkms_loads
check_full "fresh root: DKMS says what a kernel without mdev lacks" dkms_refuses
check_full "fresh root: purged, nothing is left" purge
