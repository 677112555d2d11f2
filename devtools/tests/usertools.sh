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
	/usr/bin/python3 -m pyflakes usertools/dpdk-mdev.py devtools/tests/*dpdk_mdev*.py
}

# unit_tests NAME: those of test_dpdk_mdev_NAME.py, or of a class in it
unit_tests()
{
	cd "$REPO/devtools/tests"
	/usr/bin/python3 -B -m unittest -q "test_dpdk_mdev_$1"
}

check "dpdk-mdev.py: clean for pyflakes" clean
check "dpdk-mdev.py: shows what there is" unit_tests show
check "dpdk-mdev.py: creates and removes" unit_tests change
check "dpdk-mdev.py: folders of mediators" unit_tests user
check "dpdk-mdev.py: output that ends early" unit_tests output
check "dpdk-mdev.py: a mediator that runs" unit_tests built.Mediator
check "dpdk-mdev.py: what the driver that was built serves" unit_tests built.Drivers
