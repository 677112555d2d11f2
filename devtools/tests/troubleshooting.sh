#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# troubleshooting.sh: has doc/guides/troubleshooting.rst the messages that are printed? One
# line for each check.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

compare()
{
	/usr/bin/python3 -B "$REPO/devtools/tests/troubleshooting.py" "$@"
}

# A page that is wrong in three ways.
wrong_page()
{
	local page said

	temp_dir page
	sed -e 's/no such device: create it/no such device: make it/' \
		-e '/its mediator is gone, and it does nothing/d' \
		-e 's/Could not find bus/Cannot find bus/' \
		"$REPO/doc/guides/troubleshooting.rst" >"$page/page"
	! said=$(compare "$page/page") || return 1
	echo "$said"
	grep -q 'not in the sources: .*no such device: make it' <<<"$said"
	grep -q 'not in .*its mediator is gone' <<<"$said"
	[ ! -e /usr/bin/dpdk-testpmd ] || grep -q 'not in DPDK: .*Cannot find bus' <<<"$said"
}

check "troubleshooting: the page has the messages of the sources, and no other" compare
check "troubleshooting: what is wrong on a page is found" wrong_page
