# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A fresh Debian of this machine's release in a folder, booted: systemd runs there as in a
# container, with this machine's kernel and network. Source it after lib.sh; needs root.
#
# The kernel's settings (/proc/sys) and /sys are not to be written to there: they are this
# machine's. What runs there, and its mounts, end with the shell that booted it.

# root_make DIR PACKAGE...: a fresh root with packages, from the mirrors that this machine
# uses, the release's backports among them
root_make()
{
	local dir=$1 codename mirror packages IFS=,

	shift
	packages=$*
	unset IFS
	need_packages debootstrap
	codename=$(. /etc/os-release; echo "$VERSION_CODENAME")
	mirror=$(machine_suites | awk -v suite="$codename" '$2 == suite { print $1; exit }')
	[ -n "$mirror" ] || die "apt's configuration names no Debian mirror for this release"
	mkdir -p "$(cache_dir)/root-debs"
	say "making a fresh root"
	debootstrap --variant=minbase --cache-dir="$(cache_dir)/root-debs" \
		--include="$packages" "$codename" "$dir" "$mirror"
	private_sources >"$dir/etc/apt/sources.list"
	apt-config dump Acquire |
		grep -iE '^Acquire::(https?::(.*::)?Proxy|Check-(Valid-Until|Date)) ' \
		>"$dir/etc/apt/apt.conf.d/90machine" || true
	cp /etc/resolv.conf "$dir/etc/"
}

private_sources()
{
	local uri suite component

	machine_suites | while read -r uri suite component; do
		echo "deb $uri $suite $component"
		[[ $suite == *-* ]] || echo "deb $uri $suite-backports $component"
	done
}

# What the process 1 of a root does before it is systemd.
root_enter()
{
	local dir=$1 node

	mount --make-rprivate /
	mount --bind "$dir" "$dir"
	mount -t proc proc "$dir/proc"
	mount --bind -o ro "$dir/proc/sys" "$dir/proc/sys"
	mount -t sysfs -o ro sysfs "$dir/sys"
	mount -t cgroup2 cgroup2 "$dir/sys/fs/cgroup"
	mount -t tmpfs -o mode=755 run "$dir/run"
	mount -t tmpfs -o mode=755 dev "$dir/dev"
	for node in null zero full random urandom tty; do
		: >"$dir/dev/$node"
		mount --bind "/dev/$node" "$dir/dev/$node"
	done
	mkdir "$dir/dev/shm" "$dir/dev/pts"
	mount -t tmpfs shm "$dir/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=666 devpts "$dir/dev/pts"
	ln -s pts/ptmx "$dir/dev/ptmx"
	exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		chroot "$dir" /lib/systemd/systemd --unit=multi-user.target
}

# root_boot DIR: boot it; its process 1 is ROOT_PID, and it is ROOT_DIR from here on
root_boot()
{
	local i waiter

	ROOT_DIR=$1
	unshare --mount --pid --uts --ipc --cgroup --fork --kill-child \
		bash -c "$(declare -f root_enter); set -e; root_enter \"\$1\"" - "$1" \
		</dev/null >"$1.console" 2>&1 &
	waiter=$!
	at_exit root_end $waiter
	for ((i = 0; i < 1200; i++)); do
		ROOT_PID=$(pgrep -P $waiter || true)
		[ -z "$ROOT_PID" ] || ! in_root systemctl is-system-running 2>/dev/null |
			grep -xE 'running|degraded' >/dev/null || return 0
		kill -0 $waiter 2>/dev/null || break
		sleep 0.1
	done
	cat "$1.console"
	die "the fresh root did not boot"
}

# Its process 1 takes all of its processes with it.
root_end()
{
	[ -z "${ROOT_PID:-}" ] || kill -KILL "$ROOT_PID" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# in_root COMMAND...: run it there
in_root()
{
	nsenter --target "$ROOT_PID" --mount --pid --uts --ipc --cgroup \
		chroot "$ROOT_DIR" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
