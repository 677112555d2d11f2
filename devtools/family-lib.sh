# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A primary and a secondary testpmd on the devices mdev:$A and mdev:$B, or on those of
# PRIMARY_DEVICES and SECONDARY_DEVICES. Source it after traffic-lib.sh. FAMILY and
# FAMILY_LCORES are the EAL options of both, PRIMARY_TESTPMD and SECONDARY_TESTPMD
# testpmd's own ones of each, $work is a folder.

PRIMARY_DEVICES=()	# EAL options; none: the two
SECONDARY_DEVICES=()
PRIMARY_TESTPMD=()
SECONDARY_TESTPMD=()

# The primary process, whose testpmd is not told to forward. Its input is fd 8.
primary_start()
{
	[ ${#PRIMARY_DEVICES[@]} -gt 0 ] || PRIMARY_DEVICES=(-a "mdev:$A" -a "mdev:$B")
	testpmd_start "$work/primary" "$FAMILY_LCORES" "${FAMILY[@]}" \
		"${PRIMARY_DEVICES[@]}" -- -i --total-num-mbufs=8192 "${PRIMARY_TESTPMD[@]}"
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/primary"; exit 1; }
	PRIMARY_PID=$TESTPMD_PID
	exec 8>&7
}

# The other testpmd commands are for the secondary process from here on.
secondary_start()
{
	[ ${#SECONDARY_DEVICES[@]} -gt 0 ] || SECONDARY_DEVICES=("${PRIMARY_DEVICES[@]}")
	testpmd_start "$work/secondary" "$FAMILY_LCORES" "${FAMILY[@]}" --proc-type=secondary \
		"${SECONDARY_DEVICES[@]}" -- -i --total-num-mbufs=8192 "${SECONDARY_TESTPMD[@]}"
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/secondary"; exit 1; }
	SECONDARY_PID=$TESTPMD_PID
	exec 9>&7
}

# in_primary COMMAND..., in_secondary COMMAND...: testpmd commands there
in_primary()
{
	exec 7>&8
	TESTPMD_PID=$PRIMARY_PID TESTPMD_LOG=$work/primary testpmd_do "$@"
}

in_secondary()
{
	exec 7>&9
	TESTPMD_PID=$SECONDARY_PID TESTPMD_LOG=$work/secondary testpmd_do "$@"
}

primary_quit()
{
	echo quit >&8
	exec 8>&- 7>&-
	wait "$PRIMARY_PID" || { cat "$work/primary"; exit 1; }
}

secondary_quit()
{
	echo quit >&9
	exec 9>&- 7>&-
	wait "$SECONDARY_PID" || { cat "$work/secondary"; exit 1; }
}
