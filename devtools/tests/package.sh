#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# package.sh BUILD: checks of what is installed: by meson install, and by the Debian packages
# in a fresh root, which is made by debootstrap and booted there. One line for each.
#
# MDEV_PACKAGES names a folder with packages that devtools/package.sh has built; without it
# they are built.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

build=$(realpath "$1")
need_packages meson systemd debhelper pkg-config libdpdk-dev gcc
temp_dir work
keep_install_log "$build"
tree=$work/tree		# what meson install makes
packages=${MDEV_PACKAGES:-$work/packages}
unit=dpdk-mdev-mediator.service
DRIVERS="common_vfio common_vfio_user bus_mdev net_mdev_virtio"

prefix=$(meson introspect --buildoptions "$build" |
	python3 -c 'import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
pmds=$(plugin_dir)

# installed NAME...: they are there
installed()
{
	local name

	for name; do
		expect "$name" test -e "$tree$name"
	done
}

meson_install()
{
	local driver header

	DESTDIR=$tree meson install -C "$build" --no-rebuild
	(cd "$tree" && find . -not -type d | sort)
	installed "$prefix/lib/systemd/system/$unit"
	for name in dpdk-mdev-mediator dpdk-mdev.py dpdk-test-mdev; do
		expect "the program $name" test -x "$tree$prefix/bin/$name"
	done
	for driver in $DRIVERS; do
		installed "$pmds/librte_$driver.so" "$pmds/librte_$driver.so.${pmds##*-}"
		# they find each other there, and nowhere else
		objdump -p "$tree$pmds/librte_$driver.so" | awk '$1 == "RUNPATH" { print $2 }' |
			diff <(echo "\$ORIGIN") -
	done
	for header in bus_mdev_driver.h vfio_dev.h; do
		installed "$prefix/include/dpdk/$header"
	done
}

# What meson installed goes again, but for the user's configuration.
uninstall()
{
	DESTDIR=$work/uninstall meson install -C "$build" --no-rebuild --quiet
	ninja -C "$build" uninstall
	(cd "$work/uninstall" && find . -not -type d) | tee "$work/list"
	diff <(echo ".$prefix/etc/dpdk-mdev-mediator.conf") "$work/list"
	find "$work/uninstall" -type d -empty | tee "$work/list"
	expect "no empty folder" test ! -s "$work/list"
}

# A file that the user has changed is not overwritten.
configuration_stays()
{
	local file

	file=$(find "$tree" -name dpdk-mdev-mediator.conf)
	grep '^[^#]' "$file" && { echo "$file: there are devices in it"; return 1; }
	echo "# changed" >>"$file"
	DESTDIR=$tree meson install -C "$build" --no-rebuild --quiet
	expect "the user's file" grep -x '# changed' "$file"
}

# The devices that the file shows are right but for the sign of a comment.
example_is_right()
{
	local file status=0

	mkdir -m 755 "$work/run"
	file=$work/example.conf
	sed -n 's/^#\(uuid=[0-9]\)/\1/p' "$REPO/app/mediator/dpdk-mdev-mediator.conf" >"$file"
	expect "two devices" test "$(wc -l <"$file")" = 2
	sed -i "s,/run/vhost,$work/run,g" "$file"
	: >"$work/out"	# the loop may look before the mediator has begun
	timeout --preserve-status -s TERM 60 "$build/app/mediator/dpdk-mdev-mediator" \
		--root "$work/run/mdev" --config "$file" >"$work/out" 2>&1 &
	for ((i = 0; i < 600; i++)); do
		[ "$(grep -c ': ready' "$work/out" || true)" -lt 2 ] || break
		sleep 0.1
	done
	kill %1
	wait %1 || status=$?
	cat "$work/out"
	expect "two devices that are ready" test "$(grep -c ': ready' "$work/out")" = 2
	[ $status = 0 ]
}

# The unit's own program is in $tree, which is no root of a system.
unit_is_right()
{
	local file=$work/$unit

	sed "s,^ExecStart=,&$tree," "$tree$prefix/lib/systemd/system/$unit" >"$file"
	systemd-analyze verify --man=no "$file" 2>&1 | tee "$work/verify"
	expect "nothing to say" test ! -s "$work/verify"
	# 1.5 of 10; a service that is not confined has 9.6
	systemd-analyze security --offline=true --no-pager --threshold=15 "$file"
}

# number FILE PATTERN: what the first group matches
number()
{
	sed -nE "s/$2/\1/p" "$REPO/$1" | head -n 1
}

# One version, one set of modules, wherever it is written down.
control_files()
{
	local version module package

	version=$(number meson.build ".*version: '([0-9.]+)',")
	expect "dkms.conf: $version" test \
		"$(number kernel/linux/dkms.conf 'PACKAGE_VERSION="(.*)"')" = "$version"
	[[ $(dpkg-parsechangelog -l "$REPO/debian/changelog" -S Version) == "$version"-* ]] ||
		{ echo "debian/changelog: not $version"; return 1; }
	for module in $(number kernel/linux/Kbuild 'obj-m := (.*)'); do
		grep "BUILT_MODULE_NAME.*=\"${module%.o}\"" "$REPO/kernel/linux/dkms.conf"
	done
	cd "$REPO"
	dh_listpackages | tee "$work/list"
	for package in debian/*.install debian/*.examples debian/*.docs debian/*.dkms debian/*.postrm; do
		package=${package##*/}
		grep -x "${package%.*}" "$work/list"
	done
	dpkg-source --before-build . >/dev/null
}

# The headers of DPDK that the source package has belong to those that debian/copyright
# names, under the license that it names.
copyright_file()
{
	local sdk holder

	sdk=$("$REPO/devtools/sdk-headers.sh")
	grep -L 'SPDX-License-Identifier: BSD-3-Clause' "$sdk"/*.h | tee "$work/list"
	expect "headers of that license" test ! -s "$work/list"
	grep -hi copyright "$sdk"/*.h | sed -E \
		's/.*copyright *(\(c\))? *([0-9]{4}[-, ]*)+//I; s, *\*/,,; s/\.? *All rights reserved.*//I; s/\.$//' |
		sort -u >"$work/holders"
	expect "holders" test -s "$work/holders"
	while read -r holder; do
		grep -F "$holder" "$REPO/debian/copyright" || expect "$holder" false
	done <"$work/holders"
}

# At least as new as all that is in them.
build_packages()
{
	[ -z "${MDEV_PACKAGES:-}" ] || skip "those in $MDEV_PACKAGES are used"
	"$REPO/devtools/package.sh" "$packages"
}

# Of its warnings one is for uploads to Debian.
lint()
{
	need_packages lintian
	lintian --allow-root --fail-on error,warning \
		--suppress-tags initial-upload-closes-no-bugs "$packages"/*.changes
}

# The drivers want the release of DPDK that they were built for, and no other.
pinned()
{
	local release file

	release=$(pkg-config --modversion libdpdk | cut -d . -f 1,2)
	for file in "$packages"/librte-*[0-9]_[0-9]*.deb; do
		dpkg-deb -f "$file" Depends | tr ',' '\n' | tee "$work/depends"
		grep -E "librte-eal[0-9]+ \(>= $release" "$work/depends"
		grep -E "librte-eal[0-9]+ \(<< ${release%.*}\.0*$((10#${release#*.} + 1))~\)" \
			"$work/depends"
	done
}

check "meson install: programs, drivers, headers, the service" meson_install
check "meson install: the user's configuration stays" configuration_stays
check "ninja uninstall: the configuration is left, and nothing else" uninstall
check "the example configuration: its devices can be made" example_is_right
check "the systemd unit: right, and confined" unit_is_right
check "debian/ and dkms.conf agree with the project" control_files
check "debian/copyright names who DPDK's headers belong to" copyright_file

check_full "devtools/package.sh: the packages build" build_packages
check_full "lintian finds no error and no warning" lint
check_full "drivers depend on the release of DPDK that they were built for" pinned
# each is checked by itself
# shellcheck source=/dev/null
. "$REPO/devtools/tests/package-root.sh"
