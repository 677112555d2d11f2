#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# intree.sh [-p DIR] DPDK_TREE [DEST]: put the drivers of this project into a copy of a
# DPDK tree, and have its PCI bus use common/vfio; print where the copy is
#
# The drivers' folders are copied as they are. What else changes is in
# devtools/intree/RELEASE, a patch for each step of the series: for v26.07, and for 22.11
# as Debian has it (devtools/sdk-headers.sh -s prints where that is). DEST is
# build-intree-RELEASE in this repository by default. One that is there is brought up to
# date, and a file that is as it should be is not touched: ninja builds what changed.
#
#   -p DIR  write the series into DIR as well, which is new or empty, as git-send-email
#           takes it, signed off by the identity that git is configured with
#   -h      print this help

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

# patched_files PATCH...: what they change, relative to the tree
patched_files()
{
	sed -n 's,^+++ b/,,p' "$@" | sort -u
}

# driver_files PATCH: what of this repository the step adds: driver and guide
driver_files()
{
	local name=${1##*/[0-9][0-9][0-9][0-9]-} class driver unwanted=

	name=${name%.patch}
	class=${name%%-*}
	driver=${name#*-}
	[ -d "$REPO/drivers/$class/$driver" ] || return 0
	cd "$REPO"
	# newer trees have these from marks in the sources (gen-version-map.py)
	[ ! -f "$tree/buildtools/gen-version-map.py" ] || unwanted=version.map
	find "drivers/$class/$driver" -type f ! -name "$unwanted"
	[ "$class" != net ] || find doc/guides/nics -type f -name "$driver.*"
}

# own_links GUIDE: take out of it what leads to guides that stay here
own_links()
{
	# shellcheck disable=SC2016	# no command, but Sphinx's quotes
	sed -i -E 's/,? \(?(see )?:doc:`\.\.\/[^`]*`\)?//g' "$1"
	! grep -q ':doc:`\.\./' "$1" || die "$1 has a link that leads nowhere in a DPDK tree"
}

# known_features INI: take out of it what the tree does not list as a feature
known_features()
{
	awk -F ' *= *' 'NR == FNR { known[$1]; next } !/=/ || $1 in known' \
		"$tree/doc/guides/nics/features/default.ini" "$1" >"$work/features"
	cp "$work/features" "$1"
}

# apply_step PATCH: in the current folder
apply_step()
{
	local output

	(driver_files "$1") >"$work/files"
	tar -C "$REPO" -c -T "$work/files" | tar -x
	sed -n '/\.rst$/p' "$work/files" | while read -r guide; do
		own_links "$guide"
	done
	sed -n '/\.ini$/p' "$work/files" | while read -r features; do
		known_features "$features"
	done
	output=$(patch -p1 -F0 -s --no-backup-if-mismatch <"$1") ||
		die "${1#"$REPO"/} does not apply to $tree: ${output//$'\n'/ | }"
}

# commit_step PATCH: with the message that the patch begins with
commit_step()
{
	git add -A
	sed -e '/^---$/,$d' -e 's/^Subject: //' "$1" | git commit -q -s -F -
}

# make_changed FILES: in the current folder, the files that differ from the tree
make_changed()
{
	local step

	(cd "$tree" && tar -c -T -) <"$1" | tar -x
	if [ -n "$series" ]; then
		git init -q
		git add -A
		git commit -q -m "DPDK $release"
	fi
	for step in "${steps[@]}"; do
		apply_step "$step"
		[ -z "$series" ] || commit_step "$step"
	done
	[ -n "$series" ] || return 0
	git format-patch -q --no-signature -o "$series" --root HEAD >/dev/null
	rm "$series"/0001-*	# the tree as it was
	renumber
	rm -rf .git
}

# From 0002-... [PATCH 2/6] to 0001-... [PATCH 1/5]
renumber()
{
	local file number=0

	for file in "$series"/000[2-9]-*.patch; do
		number=$((number + 1))
		sed -i "s,^Subject: \[PATCH [0-9/]*\],Subject: [PATCH $number/${#steps[@]}]," "$file"
		mv "$file" "$series/000$number-${file##*/000[2-9]-}"
	done
}

# bring SOURCE FILE: have DEST's file as SOURCE's, and leave it alone if it is
bring()
{
	cmp -s "$1/$2" "$dest/$2" && return 0
	mkdir -p "$(dirname "$dest/$2")"
	cp "$1/$2" "$dest/$2"
}

# update_dest CHANGED: have DEST be the tree with the files that CHANGED has
update_dest()
{
	local list=$dest/.intree file

	if [ ! -d "$dest" ]; then
		temp_dir copy "$dest.XXXXXX"
		tar -C "$tree" --exclude=./.git -c . | tar -C "$copy" -x
		echo "$tree" >"$copy/.intree"
		chmod 755 "$copy"
		mv -T "$copy" "$dest"
	fi
	[ -f "$list" ] && [ "$(head -n 1 "$list")" = "$tree" ] ||
		die "$dest is not a copy of $tree by this script: name another folder, or remove it"
	(cd "$1" && find . -type f | sed 's,^\./,,' | sort) >"$work/list"
	while read -r file; do
		bring "$1" "$file"
	done <"$work/list"
	# what an older version of this project changed, and this one does not
	tail -n +2 "$list" | comm -23 - "$work/list" | while read -r file; do
		if [ -e "$tree/$file" ]; then
			bring "$tree" "$file"
		else
			rm -f "$dest/$file"
		fi
	done
	{ echo "$tree"; cat "$work/list"; } >"$work/new"
	cmp -s "$work/new" "$list" || cp "$work/new" "$list"
}

series=
while getopts p:h option; do
	case $option in
	p) series=$OPTARG ;;
	h) usage_of "$0"; exit 0 ;;
	*) die "see $0 -h" ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] && [ $# -le 2 ] || die "see $0 -h"

export LC_ALL=C	# for sort and comm
tree=$(realpath "$1")
[ -f "$tree/VERSION" ] && [ -d "$tree/drivers/bus/pci" ] || die "$1 is not a DPDK tree"
release=$(cut -d . -f 1,2 "$tree/VERSION")
[ -d "$REPO/devtools/intree/$release" ] ||
	die "no patches for DPDK $release; there are some for:" "$(ls "$REPO/devtools/intree")"
steps=("$REPO/devtools/intree/$release"/*.patch)
dest=$(realpath -m "${2:-$REPO/build-intree-$release}")
command -v patch >/dev/null || need_packages patch
if [ -n "$series" ]; then
	command -v git >/dev/null || need_packages git
	mkdir -p "$series"
	series=$(realpath "$series")
	# what is there would be taken for patches of this series, numbered and sent
	[ -z "$(ls -A "$series")" ] || die "$series is not empty: name another folder for -p"
	# within a git hook these name the repository that the hook is of
	unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY \
		GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_PREFIX
fi

temp_dir work
mkdir "$work/changed"
patched_files "${steps[@]}" >"$work/patched"
(cd "$work/changed" && make_changed "$work/patched")
update_dest "$work/changed"
echo "$dest"
