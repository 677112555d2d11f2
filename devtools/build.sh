#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# build.sh [DIR [MESON_OPTION]...]: build the project in DIR (default: build, or
# build-dpdk-VERSION with MDEV_DPDK), and install what that needs
#
# Prints nothing but what it is about to do, and the compiler's messages if it fails.
# MDEV_DPDK names a folder where another DPDK is installed than the distribution's. CC
# chooses the compiler. BUILD_TARGETS names files in DIR that are wanted; the others
# are not built.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

case ${1:-} in
-h | --help) usage_of "$0"; exit 0 ;;
-*) die "unknown option $1; see $0 -h" ;;
esac

dir=$(realpath -m "${1:-$BUILD}")
[ $# -eq 0 ] || shift
need_packages gcc libc6-dev meson ninja-build pkg-config "${DPDK_PACKAGES[@]}" \
	python3-pyelftools binutils
sdk=$("$REPO/devtools/sdk-headers.sh")
log=$dir.log

read -ra targets <<<"${BUILD_TARGETS:-}"
# A DPDK that has its own SDK headers on its include path needs no other folder.
reconfigure=()
[ ! -d "$dir/meson-private" ] || reconfigure=(--reconfigure)
say "building in $dir"
quietly "$log" meson setup "${reconfigure[@]}" -Dsdk_includedir="$sdk" "$@" "$dir" "$REPO" &&
	quietly "$log" ninja -C "$dir" "${targets[@]}" ||
	{ tail -n 40 "$log" >&2; die "the build failed: $log"; }
if grep -q 'warning: ' "$log"; then
	grep -A 4 'warning: ' "$log" >&2
fi
rm -f "$log"
