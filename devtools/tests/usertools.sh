#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# usertools.sh BUILD: checks of usertools/dpdk-mdev.py on trees that are made up and with
# a mediator that runs. Needs no mediated device, and no permission but for what another
# user would do. One line for each.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

BUILD=$(realpath "$1")
export BUILD

clean()
{
	cd "$REPO"
	/usr/bin/python3 -m pyflakes usertools/dpdk-mdev.py devtools/tests/test_dpdk_mdev.py
}

# unit_tests CLASS: those of test_dpdk_mdev.py
unit_tests()
{
	cd "$REPO/devtools/tests"
	/usr/bin/python3 -B -m unittest -q "test_dpdk_mdev.$1"
}

check "dpdk-mdev.py: clean for pyflakes" clean
check "dpdk-mdev.py: trees that are made up" unit_tests MadeUp
check "dpdk-mdev.py: a mediator that runs" unit_tests Mediator
check "dpdk-mdev.py: what the driver that was built serves" unit_tests Drivers
