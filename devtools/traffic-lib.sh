# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Helpers for scripts that send traffic through testpmd, in the virtual machine or on
# this one. Source it after lib.sh. The caller says how a command runs in a network
# namespace: in_namespace NAME COMMAND...

# wait_until SECONDS COMMAND...: until COMMAND succeeds; fails after SECONDS
wait_until()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# uuid: print a new one
uuid()
{
	cat /proc/sys/kernel/random/uuid
}

# testpmd_start LOG EAL_ARGUMENT... [-- TESTPMD_ARGUMENT...]: start an interactive
# testpmd. It reads commands from a FIFO that stays open, and writes by lines.
testpmd_start()
{
	local fifo

	TESTPMD_LOG=$1
	shift
	fifo=$(mktemp -u)
	mkfifo "$fifo"
	: >"$TESTPMD_LOG"	# nobody is to wait for what an earlier one said
	stdbuf -oL -eL dpdk-testpmd "$@" <"$fifo" >"$TESTPMD_LOG" 2>&1 &
	TESTPMD_PID=$!
	exec 7>"$fifo"
	rm "$fifo"
}

testpmd_alive()
{
	kill -0 "$TESTPMD_PID" 2>/dev/null
}

# testpmd_wait COUNT PATTERN [SECONDS]: until its output has COUNT lines with PATTERN
testpmd_wait()
{
	local end=$((SECONDS + ${3:-40})) count

	while :; do
		count=$(grep -c -e "$2" "$TESTPMD_LOG" || true)
		[ "$count" -lt "$1" ] || return 0
		testpmd_alive || return 1
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# testpmd_do COMMAND...: have a command done, and wait until it is. The prompt that
# follows is the sign: an unknown word makes testpmd say so after what came before.
testpmd_do()
{
	local said end=$((SECONDS + 40))

	# only what it says from here on: the log of a long test grows
	said=$(stat -c %s "$TESTPMD_LOG")
	printf '%s\nend_of_command\n' "$*" >&7
	while testpmd_alive && [ $SECONDS -lt $end ]; do
		sleep 0.1
		if tail -c +$((said + 1)) "$TESTPMD_LOG" |
				grep 'Bad arguments\|Command not found\|Ambiguous command' >/dev/null
		then
			return 0
		fi
	done
	cat "$TESTPMD_LOG"
	echo "testpmd did not finish '$*'"
	return 1
}

# testpmd_do_all COMMAND...: as testpmd_do, of several commands one after the other, each
# one word; it takes less time
testpmd_do_all()
{
	local IFS=$'\n'

	testpmd_do "$*"
}

# testpmd_stat PORT NAME: print a counter of the port, RX-bytes for one
testpmd_stat()
{
	testpmd_do "show port stats $1"
	grep -A 8 "NIC statistics for port $1 " "$TESTPMD_LOG" | tail -n 8 |
		grep -o "$2: *[0-9]*" | tail -n 1 | grep -o '[0-9]*$'
}

# testpmd_statistics: print what went through each port, one line a direction
testpmd_statistics()
{
	testpmd_do show port stats all
	awk '/NIC statistics for port/ { port = $6 }
		/[RT]X-packets:/ {
			way = substr($1, 1, 2) == "RX" ? "received" : "sent    "
			line[port, way] = sprintf("    port %s %s %9d packets, %10d bytes",
				port, way, $2, $NF)
			if (!(port in seen)) { seen[port] = 1; order[++ports] = port }
		}
		END { for (i = 1; i <= ports; i++) {
			print line[order[i], "received"]
			print line[order[i], "sent    "]
		} }' "$TESTPMD_LOG"
}

# testpmd_quit: end it in order; its exit status
testpmd_quit()
{
	echo quit >&7
	exec 7>&-
	wait "$TESTPMD_PID"
}

# ping_loss NAMESPACE ADDRESS COUNT: print how many of COUNT echo requests were lost.
# More are sent after them: ping waits for the last one no longer than for the others,
# which is too short on a busy machine.
ping_loss()
{
	local received

	received=$(in_namespace "$1" ping -n -c $(($3 + 20)) -i 0.05 -W 2 "$2" |
		grep -o 'bytes from .*icmp_seq=[0-9]*' | cut -d = -f 2 | sort -nu |
		awk -v count="$3" '$1 <= count { n++ } END { print n + 0 }') || true
	echo $(($3 - received))
}

# sha256_of FILE
sha256_of()
{
	sha256sum "$1" | cut -d ' ' -f 1
}

# transfer FROM TO ADDRESS FILE COPY: send FILE by TCP from one namespace to ADDRESS
# in another; [ADDRESS] if it is one of IPv6. It is up to the caller to compare.
transfer()
{
	local receiver listen=TCP4-LISTEN port

	[[ $3 != \[* ]] || listen=TCP6-LISTEN
	# a check that fails may leave its receiver: the next one is another shell
	port=$((10000 + BASHPID % 20000))
	rm -f "$5"	# whoever else had it open writes elsewhere
	# a connection of before may wait for its last acknowledgement, which went with a backend
	# it ends by itself where the sender did not get that far
	in_namespace "$2" timeout 150 socat -u "$listen:$port,reuseaddr" "CREATE:$5" &
	receiver=$!
	wait_until 20 listening "$2" $port || {
		echo "nobody listens in $2"
		return 1
	}
	in_namespace "$1" timeout 120 socat -u "FILE:$4" "TCP:$3:$port" || {
		echo "the transfer from $1 to $3 did not end"
		return 1
	}
	wait "$receiver"
}

# listening NAMESPACE PORT: does somebody listen there?
listening()
{
	[ -n "$(in_namespace "$1" ss -Hltn "sport = :$2")" ]
}
