#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# host.sh BUILD: checks of the built drivers on this machine, which needs no mediated
# device, no hugepages and no permission. One line for each.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

build=$1
temp_dir work
keep_install_log "$build"
EAL=(--no-huge -m 256 --no-pci --no-shconf --no-telemetry -l "0,1")

# run testpmd with the plugins and no port at all; what it printed
testpmd_alone()
{
	echo quit | timeout 60 dpdk-testpmd "${EAL[@]}" "$@" -- -i --total-num-mbufs=2048 2>&1
}

# It is to take less than a minute, of which the tests would be half of one.
quickstart_builds()
{
	local plugin

	ninja -C "$build" -t commands quickstart >"$work/commands"
	for plugin in "$build"/drivers/librte_*.so; do
		plugin=$(basename "$(realpath "$plugin")")
		expect "a command that makes it" grep -q -- "-o drivers/$plugin " "$work/commands"
	done
	expect "a command that makes it" \
		grep -q -- '-o app/mediator/dpdk-mdev-mediator ' "$work/commands"
	# shellcheck disable=SC2016	# for the shell that is started
	expect "no tests among them" bash -c '! grep -m 1 app/test- "$0"' "$work/commands"
}

pmdinfo()
{
	/usr/bin/python3 "$(command -v dpdk-pmdinfo.py)" \
		"$build/drivers/librte_net_mdev_virtio.so" >"$work/pmdinfo"
	cat "$work/pmdinfo"
	grep -q '"name": "net_mdev_virtio"' "$work/pmdinfo"
	grep -q '"parent": "mdev_virtio_net"' "$work/pmdinfo"
}

# A machine without /sys/bus/mdev: the same output with the plugins as without them.
loads_silently()
{
	[ ! -e /sys/bus/mdev/devices ] || skip "this machine has /sys/bus/mdev"
	testpmd_alone >"$work/without"
	testpmd_alone -d "$build/drivers" >"$work/with"
	diff "$work/without" "$work/with"
}

# Each installed header alone, in C and in C++: whoever includes one needs no other first.
headers_alone()
{
	local header headers sdk

	meson introspect --installed "$build" | grep -o '"[^"]*\.h":' | tr -d '":' >"$work/headers"
	mapfile -t headers <"$work/headers"
	expect "headers to install" test ${#headers[@]} -gt 0
	sdk=$("$REPO/devtools/sdk-headers.sh")
	# shellcheck disable=SC2046	# flags are words
	set -- -Wall -Wextra -Werror -fsyntax-only -DALLOW_INTERNAL_API \
		-DALLOW_EXPERIMENTAL_API \
		$(pkg-config --cflags libdpdk | sed 's/-I/-isystem /g') \
		${sdk:+-isystem "$sdk"} -I"$REPO/drivers/common/vfio" \
		-I"$REPO/drivers/bus/mdev"
	for header in "${headers[@]}"; do
		gcc "$@" -x c "$header"
		g++ "$@" -x c++ "$header"
	done
}

# What a shared library exports is what its version map names, what the marks for newer
# DPDK releases name in the sources, and what headers declare to be internal: that has a
# section of its own in the objects.
exports()
{
	local driver name

	for driver in common/vfio common/vfio_user bus/mdev net/mdev_virtio; do
		name=$build/drivers/librte_${driver/\//_}
		awk '/{$/ { node = $1 } /^\t[a-z][a-z0-9_]*;/ { print substr($1, 1, length($1) - 1), node }' \
			"$REPO/drivers/$driver/version.map" | sort >"$work/mapped"
		nm -D --defined-only "$name.so" | awk '$2 != "A" { print $3 }' |
			sed 's/@@*/ /' | sort >"$work/exported"
		sed -nE 's/^RTE_EXPORT_(INTERNAL|EXPERIMENTAL)_SYMBOL\(([^,)]*).*/\2 \1/p' \
			"$REPO/drivers/$driver"/*.c | sort >"$work/named"
		objdump -t "$name.a" | sed -nE 's/^[0-9a-f]* g .*\.text\.(internal|experimental)\t[0-9a-f]* (\.hidden )?([a-z0-9_]*)$/\3 \U\1/p' |
			sort >"$work/marked"
		diff "$work/mapped" "$work/exported"
		diff "$work/mapped" "$work/named"
		diff "$work/mapped" "$work/marked"
	done
}

installs()
{
	local dir said status=0

	dir=$work/root$(plugin_dir)
	need_no_drivers_in "$dir"
	DESTDIR=$work/root meson install -C "$build" --no-rebuild
	ls "$dir"
	expect "drivers where EAL looks for them" test -e "$dir/librte_net_mdev_virtio.so"
	expect "the bus beside them" test -e "$dir/librte_bus_mdev.so"
	expect "the tool for users" test -x "$(find "$work/root" -name dpdk-mdev.py)"
	# beside which test.sh cannot test others: each program would say so
	said=$(need_no_drivers_in "$dir" 2>&1) || status=$?
	echo "$said"
	expect "status 1, not $status" [ $status = 1 ]
	expect "one line" [ "$(wc -l <<<"$said")" = 1 ]
}

# In a tree from which EAL would load nothing they say so before they build.
scripts_in_tmp()
{
	local tree=$work/open/tree script said status

	mkdir -p "$tree/devtools/tests"
	chmod 1777 "$work/open"
	cp -r "$REPO"/devtools/{quickstart,test,bench,lib}.sh "$REPO/devtools/bench" "$tree/devtools/"
	cp "$REPO/devtools/tests/checks.sh" "$tree/devtools/tests/"
	for script in quickstart test bench; do
		status=0
		said=$(TMPDIR=$work "$tree/devtools/$script.sh" 2>&1) || status=$?
		echo "$said"
		expect "status 1, not $status" [ $status = 1 ]
		expect "one line" [ "$(wc -l <<<"$said")" = 1 ]
		expect "its reason" grep -q "^$script.sh: error: DPDK loads no drivers from below $(realpath "$work")/open, " <<<"$said"
	done
}

# expect_line LINE: of what testpmd printed one line is ours, and it is LINE
expect_line()
{
	cat "$work/out"
	grep -E '^(EAL: )?(mdev:|mdev bus: |vfio: |mdev_virtio: )' "$work/out" >"$work/ours" ||
		true
	echo "$1" | diff - "$work/ours"
}

UUID_HINT="a UUID has 32 hexadecimal digits as 8-4-4-4-12; the machine's are in /sys/bus/mdev/devices and /run/mdev/devices"

# malformed ADDRESS LINE: EAL does not start, and LINE says why
malformed()
{
	if testpmd_alone -d "$build/drivers" -a "$1" >"$work/out"; then
		cat "$work/out"
		expect "EAL to refuse $1" false
	fi
	expect_line "$2"
}

# A device that is not there, be it that its UUID is misspelt: the application starts.
unknown()
{
	testpmd_alone -d "$build/drivers" -a "mdev:$1" >"$work/out"
	expect_line "mdev:$1: no such device: create it, or correct the UUID; the machine's are in /sys/bus/mdev/devices and /run/mdev/devices"
}

# struct rte_bus differs from release to release. Another one is a library that says so, whose
# symbols have a version of their own: what the drivers were linked with stays, as it does
# where both releases are installed.
other_release()
{
	local built

	built=$(pkg-config --modversion libdpdk | cut -d . -f 1,2)
	cat >"$work/release.c" <<-END
	const char *rte_version(void);
	unsigned int rte_version_year(void), rte_version_month(void);
	const char *rte_version(void) { return "DPDK 99.03.0"; }
	unsigned int rte_version_year(void) { return 99; }
	unsigned int rte_version_month(void) { return 3; }
	END
	echo 'DPDK_99 { global: rte_version*; local: *; };' >"$work/release.map"
	gcc -shared -fPIC -Wl,--version-script="$work/release.map" -o "$work/release.so" \
		"$work/release.c"
	LD_PRELOAD=$work/release.so testpmd_alone -d "$build/drivers" >"$work/out"
	expect_line "EAL: mdev bus: built for DPDK $built, but this is DPDK 99.03.0: not used; build it against this release"
	expect "testpmd to go on" grep -q '^testpmd: No probed ethernet devices' "$work/out"
}

# EAL refuses plugins below /tmp, so the second place is in the build.
loaded_twice()
{
	local again

	temp_dir again "$build/again.XXXXXX"
	cp -a "$build"/drivers/librte_*.so* "$again"
	testpmd_alone -d "$build/drivers" -d "$again" >"$work/out"
	expect_line "EAL: mdev bus: loaded twice, from two places: this one is not used; load one of them, without -d if it is installed"
	expect "testpmd to go on" grep -q '^testpmd: No probed ethernet devices' "$work/out"
}

# What bench.sh makes of numbers.
bench_verdicts()
{
	cd "$REPO/devtools/bench"
	/usr/bin/python3 -B -m unittest -q test_burst test_chart
}

# burst_passes ORDER LAYOUT [OPTION]: bench burst checks the content of all frames
burst_passes()
{
	burst_launch "$1" 256 --layout "$2" --windows 1 --rounds 1 "${@:3}" >"$work/burst"
	cat "$work/burst"
	expect "$2 to be valid" grep -q '"invalid": "", "checked": [1-9]' "$work/burst"
	[[ $(<"$work/burst") != *'"invalid": "'[^\"]* ]] || expect "each port to be" false
}

# Both drivers in each layout, with buffers in any order, too, where they may be.
bench_bursts()
{
	local layout order layouts=()

	. "$REPO/devtools/bench/burst.sh"
	BURST_EAL+=(--no-huge -m 192)
	while read -r layout; do
		order=ov
		# net_virtio has vectors for packed rings with AVX-512 or NEON only
		[[ $layout != "packed vectorised" ]] ||
			grep -qwE 'avx512vl|asimd' /proc/cpuinfo || order=o
		burst_passes $order "$layout"
		# and those for split rings expect buffers in order
		[[ $layout != "split vectorised" ]] || order=o
		[[ $layout == *in-order* || $layout == "packed vectorised" ]] ||
			burst_passes $order "$layout" --out-of-order
		[[ $layout != *mergeable ]] ||
			burst_passes ov "$layout" --size 1500 --segments 4
	done < <(burst_layouts)
}

check "the quickstart builds mediator and drivers, and no test" quickstart_builds
check "quickstart.sh, test.sh and bench.sh refuse a tree that EAL would" scripts_in_tmp
check "PMD information by dpdk-pmdinfo.py" pmdinfo
check "plugins load silently without /sys/bus/mdev" loads_silently
check "headers compile alone, in C and C++" headers_alone
check "exported symbols: version maps, export marks, internal ones marked as such" exports
check "meson install puts the drivers where EAL loads them" installs
check "malformed UUID: -a bus=mdev,uuid=not-a-uuid" malformed bus=mdev,uuid=not-a-uuid \
	"mdev bus: uuid=not-a-uuid: not a UUID: $UUID_HINT"
check "malformed UUID: -a mdev:not-a-uuid" malformed mdev:not-a-uuid \
	"mdev:not-a-uuid: not a device address: $UUID_HINT"
check "unknown UUID: one line, and testpmd starts" unknown \
	00000009-abcd-4ef0-9abc-def012345678
check "DPDK of another release: one line, and no bus" other_release
check "plugins loaded twice: one line" loaded_twice
check "bench.sh: medians, verdicts and chart" bench_verdicts
check "bench.sh: frames of bursts, by content" bench_bursts
