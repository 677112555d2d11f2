#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# progress.sh: what lib.sh shows of a long step. One line for each check.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

need_packages bsdutils
temp_dir work

# A step that prints to a log, and ends when its progress was seen in a file.
cat >"$work/step" <<'END'
. "$REPO/devtools/lib.sh"
step()
{
	local i=0

	printf 'first\n\033[1mof \tmany\n'
	until grep -q 's: .*of many' "$1"; do
		i=$((i + 1))
		[ $i -lt 600 ] || return 3
		sleep 0.1
	done
	return "$2"
}
status=0
quietly "$1/log" step "$1/seen" "$2" || status=$?
echo "status $status"
# nobody is left, and the lock of with_lock is not held on
[ -z "$(jobs -rp)" ] || echo "somebody is left"
END
export REPO

in_a_log()
{
	local said

	: >"$work/seen"
	said=$(PROGRESS_S=1 PROGRESS_TELL_S=0 bash "$work/step" "$work" 7 2>"$work/seen")
	cat "$work/seen"
	expect "the step's status" [ "$said" = "status 7" ]
	expect "plain lines with the time and the step's last line" \
		grep -qE '^    [0-9]+ s: \[1mof many$' "$work/seen"
	expect "how long it took" grep -qE '^    took [0-9]+ s$' "$work/seen"
	# shellcheck disable=SC2016	# for the shell that is started
	expect "nothing that moves a cursor" \
		bash -c '! grep -q "[[:cntrl:]]" "$0"' "$work/seen"
}

on_a_terminal()
{
	: >"$work/seen"
	PROGRESS_TELL_S=1000 script -qefc "bash $work/step $work 0" "$work/seen" >/dev/null
	cat -v "$work/seen"
	expect "one line that changes" grep -qE $'\r\033\\[K    [0-9]+ s: ' "$work/seen"
	expect "the step's status" grep -q 'status 0' "$work/seen"
	# shellcheck disable=SC2016	# for the shell that is started
	expect "no line of how long it took" bash -c '! grep -q took "$0"' "$work/seen"
}

# a short step, and stdout of a long one, stay as they are
silent()
{
	local said

	said=$(quietly "$work/short" echo text 2>&1)
	expect "a short step says nothing" [ -z "$said" ]
	expect "its output is in the log" grep -qx text "$work/short"
	said=$(with_lock progress watched '' echo text)
	expect "stdout is the command's" [ "$said" = text ]
}

check "progress: in a log, plain lines with the time" in_a_log
check "progress: on a terminal, a line that changes" on_a_terminal
check "progress: of a short step, nothing" silent
