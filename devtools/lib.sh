# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Helpers that the scripts of this project share. Source it, do not run it:
#
#   . "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"
#
# Messages go to stderr: stdout belongs to what a script prints for its caller.

set -euo pipefail
shopt -s inherit_errexit	# a failure inside $(...) ends the script as well

# The root of the repository, wherever the caller stands.
# shellcheck disable=SC2034	# for the scripts that source this file
REPO=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")

# The system administrator's tools are not on every user's PATH.
case :$PATH: in
*:/usr/sbin:*) ;;
*) PATH=$PATH:/usr/sbin:/sbin ;;
esac

# The DPDK to build and test with: the distribution's, or that which is installed in
# MDEV_DPDK. Each has a build folder of its own.
# shellcheck disable=SC2034	# for the scripts that source this file
DPDK_PACKAGES=(libdpdk-dev dpdk dpdk-dev)
BUILD=$REPO/build

# use_dpdk PREFIX: have this shell, and what it starts, find DPDK there and not elsewhere
# shellcheck disable=SC2034
use_dpdk()
{
	local prefix file pc='' lib

	prefix=$(realpath -e "$1" 2>/dev/null) || die "there is no folder '$1'"
	for file in "$prefix"/lib/pkgconfig "$prefix"/lib/*/pkgconfig "$prefix"/lib64/pkgconfig; do
		[ ! -e "$file/libdpdk.pc" ] || pc=$file
	done
	[ -n "$pc" ] || die "no DPDK is installed in $prefix: there is no libdpdk.pc"
	lib=$(realpath "${pc%/pkgconfig}")
	[ -e "$lib/librte_eal.so" ] ||
		die "the DPDK in $prefix takes no plugins: build it with -Ddefault_library=shared"
	MDEV_DPDK=$prefix
	DPDK_PACKAGES=()
	BUILD=$REPO/build-dpdk-$(sed -n 's/^Version: *//p' "$pc/libdpdk.pc")
	[[ :$PATH: == *:$MDEV_DPDK/bin:* ]] || PATH=$MDEV_DPDK/bin:$PATH
	[[ :${PKG_CONFIG_PATH:-}: == *:$lib/pkgconfig:* ]] ||
		PKG_CONFIG_PATH=$lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
	[[ :${LD_LIBRARY_PATH:-}: == *:$lib:* ]] ||
		LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	export MDEV_DPDK PATH PKG_CONFIG_PATH LD_LIBRARY_PATH
}

# say TEXT...: announce a step
say()
{
	printf '==> %s\n' "$*" >&2
}

# die TEXT...: say what is wrong in one line, and end, with DIE_STATUS or 1
die()
{
	printf '%s: error: %s\n' "${0##*/}" "$*" >&2
	exit "${DIE_STATUS:-1}"
}

[ -z "${MDEV_DPDK:-}" ] || use_dpdk "$MDEV_DPDK"

# need_loadable_tree: end here if EAL would load no plugins from this tree. It, too, looks at
# all folders above them.
need_loadable_tree()
{
	local folder=$REPO

	while [ "$folder" != / ]; do
		[[ $(stat -L -c %A "$folder") != ????????w? ]] ||
			die "DPDK loads no drivers from below $folder, to which every user may write: move this tree, to your home for one"
		folder=$(dirname "$folder")
	done
}

# plugin_dir: print the folder from which EAL loads plugins by itself
plugin_dir()
{
	# shellcheck disable=SC2046	# flags are words
	echo '#include <rte_build_config.h>' |
		gcc -E -dM -x c - $(pkg-config --cflags libdpdk) |
		awk '$2 == "RTE_EAL_PMD_PATH" { gsub("\"", "", $3); print $3 }'
}

# need_no_drivers_in DIR: end here if EAL would load these drivers from there, too
need_no_drivers_in()
{
	[ ! -e "$1/librte_bus_mdev.so" ] ||
		die "these drivers are installed in $1, so others cannot be tested: take them away by 'ninja -C BUILD uninstall', or remove their packages"
}

# usage_of SCRIPT: print the comment that a script begins with, without the SPDX
# line; the help cannot drift from the comment if it is the comment
usage_of()
{
	awk 'NR > 2 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"
}

# at_exit COMMAND ARG...: run COMMAND when this shell ends, last registered first.
# A subshell starts with an empty list of its own, so that it does not remove
# what its parent still uses.
EXIT_SHELL=
EXIT_COMMANDS=()
at_exit()
{
	if [ "$EXIT_SHELL" != "$BASHPID" ]; then
		EXIT_SHELL=$BASHPID
		EXIT_COMMANDS=()
		trap run_exit_commands EXIT
	fi
	EXIT_COMMANDS=("$(printf '%q ' "$@")" "${EXIT_COMMANDS[@]}")
}

run_exit_commands()
{
	local status=$? command

	for command in "${EXIT_COMMANDS[@]}"; do
		eval "$command" || true
	done
	return "$status"
}

# temp_dir VARIABLE [TEMPLATE]: make a directory that goes when this shell ends.
# By variable and not by stdout: $(temp_dir) would end, and remove it, at once.
temp_dir()
{
	local -n result=$1

	result=$(mktemp -d "${2:-${TMPDIR:-/tmp}/mdev.XXXXXX}") ||
		die "cannot make a temporary directory in ${TMPDIR:-/tmp}"
	at_exit rm -rf "$result"
}

# memory_dir: print the directory for many small files, which are to cost no disk
memory_dir()
{
	if [ -w /dev/shm ]; then
		echo /dev/shm
	else
		echo "${TMPDIR:-/tmp}"
	fi
}

# cache_dir: print the directory where downloads and what is built from them are
# kept from one run to the next; it may be deleted at any time
cache_dir()
{
	local dir=${MDEV_CACHE:-} home=${HOME:-}

	[ -n "$home" ] || home=$(unset HOME; echo ~)	# then bash asks passwd
	[ -n "$dir" ] || dir=${XDG_CACHE_HOME:-$home/.cache}/dpdk-mdev
	[ -d "$dir" ] || (umask 022; mkdir -p "$dir") ||
		die "cannot create the cache directory $dir (MDEV_CACHE names another one)"
	realpath "$dir"
}

# with_lock NAME COMMAND ARG...: run COMMAND in a subshell while no other script
# does something under the same NAME. Whoever had to wait must look again whether
# the work is done already.
with_lock()
{
	local name=$1 dir

	shift
	dir=$(cache_dir)
	(
		exec 9>"$dir/.$name.lock"
		if ! flock -n 9; then
			say "waiting for another script that prepares $name"
			flock 9
		fi
		"$@"
	)
}

# What a long step shows: on a terminal a line that changes each second, else a line each
# PROGRESS_S seconds. A step that took PROGRESS_TELL_S or longer says how long.
PROGRESS_S=${PROGRESS_S:-30}
PROGRESS_TELL_S=${PROGRESS_TELL_S:-5}

# progress LOG PID [FILE]: until FILE is there, or PID is not, show how long it takes, and the
# last line of LOG, if there is one. Nothing of it ends up in a pipe that somebody reads.
progress()
{
	local log=$1 pid=$2 file=${3:-} started=$SECONDS seconds next=1 last never

	[ -t 2 ] || next=$PROGRESS_S
	# to wait without a process that would be left behind
	exec {never}<> <(:)
	while kill -0 "$pid" 2>/dev/null && { [ -z "$file" ] || [ ! -e "$file" ]; }; do
		read -rt 0.2 -u "$never" || true
		seconds=$((SECONDS - started))
		[ $seconds -ge "$next" ] || continue
		last=$(tail -n 1 "$log" 2>/dev/null | tr -cd '[:print:]' | cut -c 1-60) || true
		if [ -t 2 ]; then
			next=$((seconds + 1))
			printf '\r\033[K    %d s%s' $seconds "${last:+: $last}" >&2
		else
			next=$((seconds + PROGRESS_S))
			printf '    %d s%s\n' $seconds "${last:+: $last}" >&2
		fi
	done
	[ ! -t 2 ] || [ "$next" -eq 1 ] || printf '\r\033[K' >&2
}

# watched LOG COMMAND ARG...: run COMMAND, which is silent, and show its progress; LOG is
# what it writes to, or ""
watched()
{
	local log=$1 started=$SECONDS status=0 watcher

	shift
	# fd 9 is the lock that with_lock holds
	progress "$log" "$BASHPID" >&2 </dev/null 9>&- &
	watcher=$!
	"$@" || status=$?
	kill "$watcher" 2>/dev/null || true
	wait "$watcher" 2>/dev/null || true
	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ $((SECONDS - started)) -ge "$PROGRESS_TELL_S" ]; then
		printf '    took %d s\n' $((SECONDS - started)) >&2
	fi
	return $status
}

# quietly LOG COMMAND ARG...: append the output to LOG instead of showing it
quietly()
{
	watched "$1" logged "$@"
}

logged()
{
	local log=$1

	shift
	"$@" >>"$log" 2>&1 </dev/null
}

# last_lines LOG: what apt said last, on one line, for an error message
last_lines()
{
	{ grep -E '^(E|W|Err|dpkg|gpg)[: ]' "$1" || cat "$1"; } 2>/dev/null |
		tail -n 4 | paste -sd '|' -
}

package_installed()
{
	[[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ?i* ]]
}

# package_known PACKAGE: can apt install it, by the lists that the machine has?
package_known()
{
	LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -c 'Candidate: [^(]' >/dev/null
}

# Wait for another apt or dpkg for some minutes rather than fail.
apt_install()
{
	DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 install --no-install-recommends "$@"
}

# need_packages PACKAGE...: install what is missing, and say so first
need_packages()
{
	local package log missing=() update=no

	command -v dpkg-query >/dev/null ||
		die "not a Debian system; please install the equivalents of: $*"
	for package; do
		package_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] ||
		die "packages are missing; as root: apt-get install ${missing[*]}"

	say "installing Debian packages: ${missing[*]}"
	log=$(mktemp)
	for package in "${missing[@]}"; do
		package_known "$package" || update=yes
	done
	if [ $update = yes ]; then
		say "updating the package lists"
		quietly "$log" apt-get -q update || true	# one list of many may fail
	fi
	# Old lists name files that the mirror has since replaced: refresh them once.
	quietly "$log" apt_install "${missing[@]}" ||
		{ [ $update = no ] && quietly "$log" apt-get -q update &&
			quietly "$log" apt_install "${missing[@]}"; } ||
		{ package=$(last_lines "$log"); rm -f "$log"
		  die "apt-get install ${missing[*]} failed: $package"; }
	rm -f "$log"
}

# private_apt STATE TOOL ARG...: run an apt tool on package lists of its own. For
# FOREIGN_ARCH, if that is set: nothing is installed of that.
private_apt()
{
	local state=$1 tool=$2 status=/var/lib/dpkg/status
	local -a arch=()

	shift 2
	if [ -n "${FOREIGN_ARCH:-}" ]; then
		status=$state/status
		: >>"$status"
		arch=(-o APT::Architecture="$FOREIGN_ARCH"
			-o APT::Architectures::="$FOREIGN_ARCH")
	fi
	"$tool" -q -o Dir::State="$state/state" -o Dir::Cache="$state/cache" \
		-o Dir::State::status="$status" "${arch[@]}" \
		-o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=- \
		-o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# machine_suites: print "URI SUITE COMPONENT" of each Debian suite in the machine's
# own apt configuration, whether or not its lists have been fetched
machine_suites()
{
	local codename

	codename=$(. /etc/os-release; echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016	# apt's syntax, not the shell's
	apt-get indextargets --no-release-info --format \
		'$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)' |
		awk -v name="$codename" \
			'$1 == "Packages" && index($3, name) == 1 { print $2, $3, $4 }' |
		sort -u
}

# private_lists STATE (deb|deb-src) [backports]: fetch package lists into STATE,
# from the mirrors that the machine uses; its own configuration stays as it is
private_lists()
{
	local state=$1 type=$2 more=${3:-} uri suite component option=
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	[ ! -e $keyring ] || option="[signed-by=$keyring] "
	mkdir -p "$state/state/lists/partial" "$state/cache/archives/partial"
	machine_suites | while read -r uri suite component; do
		echo "$type $option$uri $suite $component"
		# the suite itself, and not -updates or -security, has backports beside it
		[ -z "$more" ] || [[ $suite == *-* ]] ||
			echo "$type $option$uri $suite-$more $component"
	done >"$state/sources.list"
	[ -s "$state/sources.list" ] ||
		die "apt's configuration names no Debian mirror for this release"
	# A failure of one list of several shows when the wanted package is not found.
	quietly "$state/log" private_apt "$state" apt-get update || true
}

# source_package NAME VERSION DESTDIR: unpack a Debian source package as DESTDIR,
# unless that is there already. An empty VERSION means the newest.
source_package()
{
	[ -d "$3" ] || with_lock "source-$1" fetch_source_package "$@"
}

# The unpacked tree gets its name last, so DESTDIR is complete or absent.
fetch_source_package()
{
	local name=$1 version=$2 dest=$3 state

	[ ! -d "$dest" ] || return 0
	need_packages dpkg-dev patch xz-utils
	mkdir -p "$(dirname "$dest")"
	temp_dir state "$dest.XXXXXX"
	say "fetching the Debian source package $name${version:+ $version}"
	private_lists "$state" deb-src
	mkdir "$state/files"
	cd "$state/files"
	quietly "$state/log" private_apt "$state" apt-get --download-only \
		source "$name${version:+=$version}" ||
		die "cannot fetch the source package $name ${version:-}:" \
			"$(last_lines "$state/log")"
	# apt has checked the files against the signed lists
	quietly "$state/log" dpkg-source --no-check -x ./*.dsc "$state/tree" ||
		die "cannot unpack $name: $(tail -n 3 "$state/log" | paste -sd '|' -)"
	mv -T "$state/tree" "$dest"
}
