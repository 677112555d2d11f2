#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# vm.sh [OPTION]... -- COMMAND [ARGUMENT]...: run COMMAND in a throw-away virtual
# machine with a real /sys/bus/mdev and the kernel mediator loaded
#
# The machine runs one of Debian's generic kernels. Its root is this machine's root:
# the same programs and files, but what is written there is gone afterwards. The
# repository is shared for real, at its own path. Environment and working directory are
# the caller's; COMMAND is run as root, and sees the variable MDEV_VM.
#
#   -k KERNEL   6.1 (default), 6.12, or a directory as vm-kernel.sh makes it
#   -t SECONDS  time limit for all of it (default 120)
#   -M MIB      memory (default 2048)
#   -c CPUS     processors (default 2)
#   -m MODULES  modules to load besides, by name or as .ko files, each followed by its
#               parameters if it has any: -m "tun mtty.ko". May be repeated; a file
#               name with spaces needs a -m of its own.
#   -n          do not load the kernel mediator; with -m it can still be loaded, then with
#               parameters
#   -s DIR      share DIR for reading and writing, too; may be repeated
#   -d FILE     write the guest's kernel log to FILE
#   -e          keep stderr apart; without -e it comes out on stdout, in order
#   -a ARGS     more arguments for the kernel
#   -q ARGS     more arguments for QEMU
#   -h          print this help
#
# Exit status: COMMAND's own, or 124 at the time limit, 125 if the guest died or could
# not be started, 126 if a module could not be loaded; the last three with a message.
#
# MDEV_CACHE names the cache directory (default ~/.cache/dpdk-mdev). MDEV_VM_ACCEL=tcg
# forces emulation where KVM would be used.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

DIE_STATUS=125	# so that our errors are not taken for the command's

# How the guest mounts what the host shares.
NINE=trans=virtio,version=9p2000.L,msize=512000
# What the root file system and the output of the guest take, and what all are here for.
BOOT_MODULES=(virtio_pci virtio_console 9p 9pnet_virtio overlay
	vfio vfio_iommu_type1 mdev)
# A processor that is taken away for seconds looks like a lockup, or like a timer that
# does not work, to the guest. The last line saves two seconds of eleven under emulation.
KERNEL_ARGS="console=ttyS0 panic=-1 quiet loglevel=5 \
nowatchdog no_timer_check rcupdate.rcu_cpu_stall_suppress=1 \
mitigations=off no5lvl cryptomgr.notests"
TROUBLE='WARNING:|BUG:|kernel BUG|Oops|general protection fault|KASAN|UBSAN|Call Trace|Kernel panic|Out of memory:'
LEAST_MIB=128	# with less the guest dies before its kernel prints a line

# shellcheck disable=SC2317	# it is called by way of with_lock
# build_initramfs KERNEL RELEASE FILE
build_initramfs()
{
	local kernel=$1 release=$2 file=$3 work module number=100

	[ ! -e "$file" ] || return 0
	temp_dir work "$(dirname "$file")/new.XXXXXX"
	mkdir -p "$work/tree/modules"
	cp "$(command -v busybox)" "$work/tree/busybox"
	cp "$REPO/devtools/vm/initramfs-init" "$work/tree/init"
	chmod 755 "$work/tree/init"
	for module in "${BOOT_MODULES[@]}"; do
		modprobe -d "$kernel" -S "$release" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/list"
	while read -r module; do
		number=$((number + 1))
		case $module in
		*.xz) xz -dc "$module" ;;
		*.zst) zstd -qdc "$module" ;;
		*) cat "$module" ;;
		esac >"$work/tree/modules/$number.ko"
	done <"$work/list"
	(cd "$work/tree" && find . | cpio -o -H newc --quiet) >"$work/cpio"
	rm -f "${file%-*}"-*.cpio	# of earlier versions of the script
	mv "$work/cpio" "$file"
}

# add_module NAME|FILE: append to modules[], what it depends on first: other modules of
# the kernel, or files beside it
add_module()
{
	local module=$1 name depends

	if [[ $module == */* ]]; then
		depends=$(modinfo -F depends "$module") || die "$module is not a module"
		for name in ${depends//,/ }; do
			if [ -f "${module%/*}/$name.ko" ]; then
				name=${module%/*}/$name.ko
			fi
			[[ " ${modules[*]} " == *" $name "* ]] || add_module "$name"
		done
	fi
	modules+=("$module")
}

# add_modules TEXT: append to modules[], one entry a module, its words separated by tabs
add_modules()
{
	local word words

	if [ -f "$1" ]; then
		add_module "$(realpath "$1")"
		return
	fi
	read -ra words <<<"$1"
	for word in "${words[@]}"; do
		case $word in
		*=*)
			[ ${#modules[@]} -gt 0 ] || die "parameter $word before a module"
			modules[-1]+=$'\t'$word ;;
		*/* | *.ko)
			[ -f "$word" ] || die "no module file $word"
			add_module "$(realpath "$word")" ;;
		*)
			add_module "$word" ;;
		esac
	done
}

# share DIR: append to shares[] unless it is there already
share()
{
	local dir other

	dir=$(realpath -e "$1" 2>/dev/null) && [ -d "$dir" ] || die "no directory $1"
	for other in "${shares[@]}"; do
		[ "$dir" != "$other" ] || return 0
	done
	shares+=("$dir")
}

# add_share DIR TAG [OPTION]: append a shared directory to qemu[]
add_share()
{
	local path=${1//,/,,}	# QEMU's way of writing a comma

	qemu+=(-virtfs "local,path=$path,mount_tag=$2,security_model=none,multidevs=remap${3:-}")
}

# add_output NAME: append a virtio serial port that ends in the file $work/NAME.
# A file, and not a pipe: what waits in a full pipe is lost when the guest goes off.
add_output()
{
	: >"$work/$1"
	qemu+=(-chardev "file,id=$1,path=${work//,/,,}/$1,append=on"
		-device "virtserialport,chardev=$1,name=$1")
}

# Fill qemu[] with the command line that starts the guest.
compose_qemu()
{
	local image=$kernel/boot/vmlinux i words

	[ -e "$image" ] || image=$kernel/boot/vmlinuz-$release
	qemu=(qemu-system-x86_64 -M q35 -cpu max -smp "$cpus" -m "$memory"
		-nodefaults -no-user-config -display none -no-reboot
		-kernel "$image" -initrd "$initramfs" -append "$KERNEL_ARGS $kernel_args"
		-serial "file:$work/console")
	[ "$accel" != kvm ] || qemu+=(-accel kvm)
	qemu+=(-accel "tcg,thread=multi")
	add_share / root ,readonly=on
	add_share "$control" control
	add_share "$kernel/lib/modules" modules ,readonly=on
	for i in "${!shares[@]}"; do
		add_share "${shares[i]}" "share$i"
	done
	qemu+=(-device virtio-serial-pci)
	add_output out
	[ $separate = no ] || add_output err
	read -ra words <<<"$qemu_args"
	qemu+=("${words[@]}")
}

# Write what guest-init reads.
write_control()
{
	rm -rf "$control"
	mkdir "$control"
	cp "$REPO/devtools/vm/guest-init" "$control/"
	local nine=$NINE directory=$PWD mask
	mask=$(umask)
	declare -p nine directory mask separate shares modules >"$control/settings"
	env -0 >"$control/environment"
	printf '%s\0' "${command[@]}" >"$control/command"
}

guest_pid=
# Not if the guest has ended by itself: the number may be another process's by now.
stop_guest()
{
	[ -n "$guest_pid" ] || return 0
	kill "$guest_pid" 2>/dev/null || true
	wait "$guest_pid" || true
	guest_pid=
}

# follow NAME: copy what the guest writes there to stdout, as it comes, to the end
follow()
{
	exec tail -c +1 -f -s 0.05 --pid="$guest_pid" "$work/$1" 2>/dev/null
}

# Run the guest to its end; sets guest_status to QEMU's exit status, 124 for too late.
run_guest()
{
	local followers=() ended

	compose_qemu
	write_control
	# pdeathsig: if this script is killed outright, so is the guest
	setpriv --pdeathsig KILL timeout -k 5 "$limit" setpriv --pdeathsig KILL \
		"${qemu[@]}" </dev/null >"$work/qemu" 2>&1 &
	guest_pid=$!
	progress "$work/console" "$guest_pid" "$control/started" >&2 </dev/null &
	follow out &
	followers+=($!)
	if [ $separate = yes ]; then
		follow err >&2 &
		followers+=($!)
	fi
	guest_status=0
	wait -n -p ended "$guest_pid" "${followers[@]}" || guest_status=$?
	if [ "$ended" != "$guest_pid" ]; then
		stop_guest
		exit 141	# nobody reads our output any more, as after SIGPIPE
	fi
	guest_pid=
	wait "${followers[@]}" || true
}

# The kernel's own log if the guest came to write it, else what the console got.
kernel_log()
{
	if [ -s "$control/dmesg" ]; then
		cat "$control/dmesg"
	else
		cat "$work/console"
	fi 2>/dev/null
}

# Save the log if it is wanted, and tell of anything in it that a test should not cause.
report_kernel_log()
{
	local found

	[ -z "$dmesg_file" ] || kernel_log >"$dmesg_file" ||
		say "cannot write $dmesg_file"
	found=$(kernel_log | grep -cE "$TROUBLE") || true
	[ "$found" = 0 ] || {
		say "the guest's kernel complained ($found lines), first:"
		kernel_log | grep -E -m 3 "$TROUBLE" >&2
	}
}

# died TEXT: tell of something that is not the command's doing, and keep the console
died()
{
	local log

	log=$(mktemp "${TMPDIR:-/tmp}/mdev-vm-console.XXXXXX")
	cat "$work/qemu" "$work/console" >"$log" 2>/dev/null || true
	say "$1; the console's log is $log"
	tail -n 5 "$log" >&2
}

kernel=6.1 limit=120 memory=2048 cpus=2 separate=no mediator=yes
dmesg_file='' kernel_args='' qemu_args=''
shares=() modules=() wanted_modules=()
share "$REPO"
while getopts k:t:M:c:m:ns:d:ea:q:h option; do
	case $option in
	k) kernel=$OPTARG ;;
	t) limit=$OPTARG ;;
	M) memory=$OPTARG ;;
	c) cpus=$OPTARG ;;
	m) wanted_modules+=("$OPTARG") ;;
	n) mediator=no ;;
	s) share "$OPTARG" ;;
	d) dmesg_file=$OPTARG ;;
	e) separate=yes ;;
	a) kernel_args+=" $OPTARG" ;;
	q) qemu_args+=" $OPTARG" ;;
	h) usage_of "$0"; exit 0 ;;
	*) die "see $0 -h" ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || die "no command; see $0 -h"
command=("$@")
for number in "$limit" "$memory" "$cpus"; do
	[[ $number =~ ^[1-9][0-9]*$ ]] || die "not a number: $number"
done
[ "$memory" -ge $LEAST_MIB ] ||
	die "-M $memory: too little memory for a guest: give $LEAST_MIB or more"

need_packages qemu-system-x86 busybox-static cpio kmod util-linux xz-utils
[ -d "$kernel" ] || kernel=$("$REPO/devtools/vm-kernel.sh" "$kernel") ||
	exit $DIE_STATUS
kernel=$(realpath "$kernel")
[ -s "$kernel/version" ] || die "$kernel is not a kernel of vm-kernel.sh"
release=$(cat "$kernel/version")
if [ $mediator = yes ]; then
	if [ -e "$REPO/kernel/linux/Makefile" ]; then
		mediator_dir=$("$REPO/devtools/kernel-modules.sh" "$kernel") ||
			exit $DIE_STATUS
		add_module "$mediator_dir/mdev_virtio_net.ko"
	else
		say "there is no kernel mediator in this tree"
	fi
fi
for words in "${wanted_modules[@]}"; do
	add_modules "$words"
done

hash=$(cat "$REPO/devtools/vm/initramfs-init" "$REPO/devtools/vm.sh" <(echo "$kernel") |
	sha256sum | cut -c 1-12)
initramfs=$(cache_dir)/initramfs-$release-$hash.cpio
[ -e "$initramfs" ] ||
	with_lock "initramfs-$release" build_initramfs "$kernel" "$release" "$initramfs"

# A /dev/kvm on a processor without virtualization has been seen to take a guest and
# never run it.
accel=tcg
if [ -w /dev/kvm ] && [ "${MDEV_VM_ACCEL:-kvm}" = kvm ] &&
		grep -qwE 'vmx|svm' /proc/cpuinfo; then
	accel=kvm
fi
temp_dir work
control=$work/control
at_exit stop_guest
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# A guest that dies while it boots has not run anything: that alone may be repeated.
run_guest
if [ "$guest_status" != 124 ] && [ ! -e "$control/status" ] &&
		[ ! -e "$control/started" ]; then
	died "the guest died before the command began; once more"
	accel=tcg	# in case KVM is there but does not work
	run_guest
fi

if [ -e "$control/status" ]; then
	report_kernel_log
	if [ -e "$control/problem" ]; then
		say "$(cat "$control/problem")"
	fi
	exit "$(cat "$control/status")"
fi
report_kernel_log
if [ "$guest_status" = 124 ] || [ "$guest_status" = 137 ]; then
	[ -e "$control/started" ] && began='' || began=' before the command began'
	died "the time limit of $limit s is over$began"
	exit 124
fi
died "the guest died"
exit 125
