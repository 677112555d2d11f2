#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# docs.sh BUILD: checks of the documentation: that it is built without a warning, that what
# it refers to is there, and that it says what programs do. Needs no permission. One line
# for each.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

need_packages python3-sphinx python3-sphinx-rtd-theme doxygen python3-pyflakes
docs=$(realpath -m "$1")-docs
temp_dir work

built()
{
	"$REPO/devtools/docs.sh" "$docs"
	expect "guides" test -s "$docs/doc/guides/html/index.html"
	expect "the API" test -s "$docs/doc/api/html/index.html"
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

scripts_clean()
{
	cd "$REPO"
	/usr/bin/python3 -m pyflakes buildtools/call-sphinx-build.py doc/api/*.py doc/guides/*.py \
		devtools/tests/links.py
}

check "documentation: scripts are clean for pyflakes" scripts_clean
check "documentation: built without a warning" built
check "documentation: built once" built_once
check "documentation: no link between pages leads nowhere" \
	links --html "$docs/doc/guides/html" "$docs/doc/api/html"
check "documentation: files of the repository that it names are there" links --text "$REPO"
check "documentation: all installed headers are in the API's list" headers_listed
