# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Helpers for scripts that use the user-space mediator on this machine: network
# namespaces, a vhost backend, the mediator. All of it runs as an ordinary user, too.
# Source it after lib.sh; what it starts ends with the shell.
#
# Nothing of this machine's own network is touched: all interfaces are made in, and end
# with, namespaces of this script.

declare -A NAMESPACES	# process that keeps a namespace
USER_NAMESPACE=		# process that keeps the user namespace; empty for root

# end [-SIGNAL] PID...: end processes that this shell started, and wait for them. One that
# does not heed the signal (testpmd's handler takes locks) is killed after some seconds.
end()
{
	local pid

	kill "$@" 2>/dev/null || true
	[[ $1 != -* ]] || shift
	for pid; do
		wait_until 5 ended "$pid" || kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}

ended()
{
	! kill -0 "$1" 2>/dev/null
}

# holder PROGRAM...: have a process that does nothing; its id in HOLDER
holder()
{
	"$@" sleep infinity &
	HOLDER=$!
	at_exit end $HOLDER
	# it is what it is to be once it has become sleep
	wait_until 5 grep -qs '^sleep' "/proc/$HOLDER/comm" ||
		die "cannot make a namespace ($*): user namespaces are switched off on this machine, or this is a chroot; run this as root"
}

# namespace NAME: make a network namespace
namespace()
{
	if [ "$(id -u)" != 0 ] && [ -z "$USER_NAMESPACE" ]; then
		holder unshare --user --map-root-user
		USER_NAMESPACE=$HOLDER
	fi
	# shellcheck disable=SC2046	# words
	holder $(enter_user) unshare --net
	NAMESPACES[$1]=$HOLDER
}

# namespaces_or_skip CHECK: those that backend_start and tap need: hub, left and right. Where there
# is no TAP interface to be had, the check is skipped, and this shell ends. Needs checks.sh.
namespaces_or_skip()
{
	local name

	[ -w /dev/net/tun ] || {
		check "$1" skip "/dev/net/tun is missing or not writable"
		exit 0
	}
	for name in hub left right; do
		namespace $name
	done
}

enter_user()
{
	[ -z "$USER_NAMESPACE" ] ||
		echo "nsenter --target $USER_NAMESPACE --user --preserve-credentials"
}

# enter NAME: print the command that runs another one in a namespace
enter()
{
	echo "nsenter --target ${NAMESPACES[$1]} --net" \
		"${USER_NAMESPACE:+--user --preserve-credentials}"
}

# in_namespace NAME COMMAND...
in_namespace()
{
	# shellcheck disable=SC2046	# words
	set -- $(enter "$1") "${@:2}"
	"$@"
}

. "$REPO/devtools/traffic-lib.sh"

# lcores COUNT [FIRST]: print an EAL option for so many lcores, on different processors
# as far as there are any; the first lcore is on the FIRST (default: 0th) of them
lcores()
{
	local -a cpus
	local i list=

	mapfile -t cpus < <(taskset -cp $$ | sed 's/.*: //' | tr , '\n' |
		awk -F - '{ for (i = $1; i <= (NF > 1 ? $2 : $1); i++) print i }')
	for ((i = 0; i < $1; i++)); do
		list+=,$i@${cpus[(i + ${2:-0}) % ${#cpus[@]}]}
	done
	echo "--lcores=${list#,}"
}

# backend_start LOG NAME...: a DPDK vhost backend (testpmd) that joins the vhost-user
# socket $work/NAME.sock with a TAP interface NAME, for each; in the namespace "hub".
# BACKEND_MODE: has no TAP interfaces and forwards in this mode. BACKEND_QUEUES: queue
# pairs of each (default 1). BACKEND_VHOST: more devargs of each socket.
backend_start()
{
	local log=$1 name fifo i=0 queues=${BACKEND_QUEUES:-1}
	local -a vdevs=()

	shift
	for name; do
		rm -f "$work/$name.sock"	# of one that was killed; DPDK leaves that to us
		vdevs+=(--vdev "net_vhost$i,iface=$work/$name.sock,queues=$queues${BACKEND_VHOST:-}")
		[ -n "${BACKEND_MODE:-}" ] || vdevs+=(--vdev "net_tap$i,iface=$name")
		i=$((i + 1))
	done
	fifo=$(mktemp -u "$work/fifo.XXXXXX")
	mkfifo "$fifo"
	: >"$log"	# what is waited for below is not to be that of an earlier one
	# not by in_namespace: what $! names would be a shell that waits for it
	# shellcheck disable=SC2046	# words
	$(enter hub) stdbuf -oL -eL dpdk-testpmd --no-huge -m 192 --no-pci --no-shconf \
		--no-telemetry --file-prefix="backend$$" $(lcores 2 1) "${vdevs[@]}" -- -i \
		--total-num-mbufs=8192 --nb-cores=1 --rxq="$queues" --txq="$queues" \
		--port-topology="$([ -z "${BACKEND_MODE:-}" ] && echo paired || echo loop)" \
		--forward-mode="${BACKEND_MODE:-io}" <"$fifo" >"$log" 2>&1 &
	BACKEND_PID=$!
	exec 8>"$fifo"
	rm "$fifo"
	at_exit end $BACKEND_PID
	wait_until 30 grep -q 'testpmd>' "$log" || {
		cat "$log" >&2
		die "the vhost backend did not start"
	}
	echo start >&8
}

# tap NAME NAMESPACE ADDRESS: give a TAP interface of the backend a namespace. IPv6 is
# off there: its own packets would count among what was forwarded.
tap()
{
	in_namespace "$2" sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 \
		net.ipv6.conf.default.disable_ipv6=1
	in_namespace hub ip link set "$1" netns "${NAMESPACES[$2]}"
	in_namespace "$2" ip address add "$3" dev "$1"
	in_namespace "$2" ip link set lo up
	in_namespace "$2" ip link set "$1" up
}

# mediator_start LOG ARGUMENT...: start the mediator, and wait until it serves
mediator_start()
{
	local log=$1

	shift
	"$build/app/mediator/dpdk-mdev-mediator" --name "$MEDIATOR_NAME" "$@" >"$log" 2>&1 &
	MEDIATOR_PID=$!
	at_exit end $MEDIATOR_PID
	wait_until 10 mediator_serves || {
		cat "$log" >&2
		die "the mediator did not start"
	}
}

mediator_serves()
{
	"$build/app/mediator/dpdk-mdev-mediator" ctl --name "$MEDIATOR_NAME" list \
		>/dev/null 2>&1
}

# backend_is_up: is the backend of a device there? One that has just begun to listen takes
# up to a second to accept (DPDK's loop looks at a new socket when its poll times out).
backend_is_up()
{
	"$build/app/mediator/dpdk-mdev-mediator" ctl --name "$MEDIATOR_NAME" list |
		grep 'backend up' >/dev/null
}

# hugepages COUNT: have so many free pages of 2 MiB, in $work/huge, until the shell ends.
# Skips the check where that is not possible.
hugepages()
{
	local pool=/sys/kernel/mm/hugepages/hugepages-2048kB had missing

	[ "$(id -u)" = 0 ] || skip "hugepages need root"
	[ -w $pool/nr_hugepages ] || skip "this kernel has no hugepages of 2 MiB"
	had=$(cat $pool/nr_hugepages)
	missing=$(($1 - $(cat $pool/free_hugepages)))
	if [ $missing -gt 0 ]; then
		at_exit eval "echo $had >$pool/nr_hugepages"
		echo $((had + missing)) >$pool/nr_hugepages
		[ "$(cat $pool/free_hugepages)" -ge "$1" ] ||
			skip "the machine has no memory for $1 hugepages"
	fi
	mkdir -p "$work/huge"
	mount -t hugetlbfs -o pagesize=2M none "$work/huge" || skip "hugetlbfs cannot be mounted"
	at_exit umount "$work/huge"
	at_exit end_jobs	# what a check that fails has left uses them still
}

end_jobs()
{
	# shellcheck disable=SC2046	# words
	kill -KILL $(jobs -p) 2>/dev/null || true
	wait 2>/dev/null || true
}

# user_root: have a folder for devices: /run/mdev, or an ordinary user's own
user_root()
{
	if [ "$(id -u)" = 0 ]; then
		echo /run/mdev
		return
	fi
	echo "$XDG_RUNTIME_DIR/mdev"
}

# An ordinary user without a session has no folder for sockets.
if [ "$(id -u)" != 0 ] && [ -z "${XDG_RUNTIME_DIR:-}" ]; then
	temp_dir XDG_RUNTIME_DIR
	export XDG_RUNTIME_DIR
fi
MEDIATOR_NAME=${MEDIATOR_NAME:-script$$}
