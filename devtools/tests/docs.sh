#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# docs.sh BUILD: checks of the documentation: that it is built without a warning, that what
# it refers to is there, and that it says what programs do. Needs no permission. One line
# for each.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

need_packages python3-sphinx python3-sphinx-rtd-theme python3-myst-parser doxygen \
	python3-pyflakes mandoc groff-base
build=$(realpath "$1")
docs=$build-docs
temp_dir work

built()
{
	local pages

	"$REPO/devtools/docs.sh" "$docs"
	expect "guides" test -s "$docs/doc/guides/html/index.html"
	expect "the API" test -s "$docs/doc/api/html/index.html"
	expect "a style for tables and messages" \
		grep -q _static/guides.css "$docs/doc/guides/html/troubleshooting.html"
	expect "that style" test -s "$docs/doc/guides/html/_static/guides.css"
	for pages in guides api; do
		expect "to install the $pages" grep -q "/share/doc/dpdk-mdev/$pages/html\"" \
			"$docs/meson-info/intro-installed.json"
	done
}

built_once()
{
	ninja -C "$docs" -n doc | tee "$work/ninja"
	grep -c 'no work to do' "$work/ninja" >/dev/null
}

links()
{
	/usr/bin/python3 -B "$REPO/devtools/tests/links.py" "$@"
}

# Each header that is installed, and no other one.
headers_listed()
{
	grep -o '/[^"/]*\.h":' "$docs/meson-info/intro-installed.json" | tr -d '/":' |
		sort >"$work/installed"
	expect "headers to install" test -s "$work/installed"
	grep -o '@ref [a-z_]*\.h' "$REPO/doc/api/doxy-api-index.md" | sed 's/.* //' |
		sort >"$work/listed"
	diff "$work/installed" "$work/listed"
}

# Two programs show manual pages, and each finds something else.
pages_clean()
{
	local page

	cd "$REPO/doc/man"
	# not by the style of others' pages that are installed, or are not
	mandoc -T lint -W warning -- *.[1-8]
	for page in *.[1-8]; do
		groff -ww -mandoc -T utf8 -z "$page"
	done 2>&1 | tee "$work/groff"
	expect "no warning" test ! -s "$work/groff"
}

# page_says PAGE GUIDE PROGRAM...: what the program's --help says, and the other way round
page_says()
{
	local page=$REPO/doc/man/$1 guide=$2

	shift 2
	/usr/bin/python3 -B "$REPO/devtools/tests/help_options.py" "$page" \
		${guide:+"$REPO/doc/guides/$guide"} -- "$@"
}

# Without Sphinx, so in every build: each page, and to where man looks for it. And each program
# has one.
pages_installed()
{
	local page program programs

	programs=$(grep -o '/s\?bin/[^/"]*"' "$build/meson-info/intro-installed.json" |
		sed 's|.*/||; s/"//')
	for program in $programs; do
		expect "a manual page of $program" ls "$REPO/doc/man/$program".[1-8]
	done
	for page in "$REPO"/doc/man/*.[1-8]; do
		grep -o "/man/man${page##*.}/${page##*/}\"" "$build/meson-info/intro-installed.json"
	done
}

# Images are kept beside their drawings, because GitHub and a reader of files need them.
diagrams_current()
{
	local image

	cd "$REPO/doc/guides"
	/usr/bin/python3 -B "$REPO/buildtools/draw-diagram.py" --check img/*.txt
	for image in img/*.svg; do
		# the chart is drawn from results, which host.sh compares
		[ "$image" = img/bench.svg ] ||
			expect "a drawing of $image" test -e "${image%.svg}.txt"
		expect "a page that shows $image" grep -rqE "(figure|image):: $image" --include='*.rst' .
		/usr/bin/python3 -c 'import sys, xml.dom.minidom as dom; dom.parse(sys.argv[1])' "$image"
	done
}

scripts_clean()
{
	cd "$REPO"
	/usr/bin/python3 -m pyflakes buildtools/call-sphinx-build.py buildtools/draw-diagram.py doc/api/*.py doc/guides/*.py \
		devtools/tests/links.py devtools/tests/help_options.py
}

check "documentation: scripts are clean for pyflakes" scripts_clean
check "diagrams: images are what their drawings give" diagrams_current
check "documentation: built without a warning" built
check "documentation: built once" built_once
check "documentation: no link between pages leads nowhere" \
	links --html "$docs/doc/guides/html" "$docs/doc/api/html"
check "documentation: files of the repository that it names are there" links --text "$REPO"
check "documentation: all installed headers are in the API's list" headers_listed
check "manual pages: no warning of mandoc and groff" pages_clean
check "manual pages: of all programs, and installed" pages_installed
check "dpdk-mdev-mediator(8): what --help says" page_says dpdk-mdev-mediator.8 \
	tools/mediator.rst "$build/app/mediator/dpdk-mdev-mediator"
check "dpdk-mdev.py(8): what --help says" page_says dpdk-mdev.py.8 tools/dpdk_mdev.rst \
	/usr/bin/python3 -B "$REPO/usertools/dpdk-mdev.py"
check "dpdk-test-mdev(1): what --help says" page_says dpdk-test-mdev.1 '' \
	"$build/app/test-mdev/dpdk-test-mdev"
