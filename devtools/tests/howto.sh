#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# howto.sh BUILD: do the steps of the how-tos work as they are printed? Those of the user-space
# world with a /run, namespaces and processes that end with the check; those of the kernel's
# in a virtual machine. One line for each check.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

build=$(realpath "$1")
need_packages "${DPDK_PACKAGES[@]}" iproute2 iputils-ping python3 python3-pyflakes util-linux
temp_dir work

clean()
{
	cd "$REPO"
	/usr/bin/python3 -m pyflakes devtools/tests/howto.py
}

# user_space [PAGE]: its pages say build/, /run and the processors 0 and 1, and are root's
user_space()
{
	[ "$build" = "$REPO/build" ] || skip "the page is about build/, and this is $build"
	[ "$(id -u)" = 0 ] || skip "the steps are root's"
	[ -w /dev/net/tun ] || skip "/dev/net/tun is missing or not writable"
	taskset -c 0 true && taskset -c 1 true || skip "this may not run on processors 0 and 1"
	unshare --mount --net --pid --fork --kill-child --mount-proc sh -c \
		'mount -t tmpfs -o mode=755 run /run && exec "$@"' sh \
		timeout -k 5 300 /usr/bin/python3 -B "$REPO/devtools/tests/howto.py" user "$@"
}

# A page whose third step is wrong: it is the last one that is typed.
wrong_page()
{
	local page=$REPO/doc/guides/howto/user_space_world.rst said status=0

	# shellcheck disable=SC2016	# the page's variable
	sed 's/ip -n \$side link set/ip link set/' "$page" >"$work/page"
	said=$(user_space "$work/page") || status=$?
	[ $status != 77 ] || skip "$said"
	echo "$said"
	expect "status 1, not $status" [ $status = 1 ]
	grep -q '^<status 0> ip -n left address add' <<<"$said" && return 1
	grep -q '^status 1 where 0 was expected' <<<"$said"
}

kernel()
{
	"$REPO/devtools/vm.sh" -t 600 -- \
		/usr/bin/python3 -B "$REPO/devtools/tests/howto.py" kernel
}

check "how-tos: the script that types is clean for pyflakes" clean
check "user-space how-to: each step works as it is printed" user_space
check "user-space how-to: a step that is wrong is found" wrong_page
check_full "kernel how-to: each step works as it is printed" kernel
