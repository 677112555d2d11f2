#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# docs.sh [DIR]: build the guides and the API documentation in DIR (default: build-docs),
# and install what that needs
#
# Prints nothing but what it is about to do, and what is wrong: a warning of Sphinx or
# Doxygen is an error. The pages are DIR/doc/guides/html and DIR/doc/api/html.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

case ${1:-} in
-h | --help) usage_of "$0"; exit 0 ;;
-*) die "unknown option $1; see $0 -h" ;;
esac

need_packages python3-sphinx python3-sphinx-rtd-theme python3-myst-parser \
	doxygen
BUILD_TARGETS=doc exec "$REPO/devtools/build.sh" "${1:-$REPO/build-docs}" -Denable_docs=true \
	-Dtests=false -Dwerror=true
