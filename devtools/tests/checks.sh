# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The frame for checks in scripts: each prints one line that begins with ok, FAIL or
# skip, and all are counted. Source it after lib.sh.

CHECKS_LOG=$(mktemp)
at_exit rm -f "$CHECKS_LOG"

# check NAME COMMAND...: ok if COMMAND succeeds; its output is shown if it does not.
# COMMAND that returns 77 was skipped; the last line of its output is the reason.
check()
{
	local name=$1 status started=$SECONDS

	shift
	# not as "(...) || status=$?", which would switch set -e off within
	set +e
	(
		# what a check that fails leaves running would disturb the next one
		trap 'kill -KILL $(jobs -p) 2>/dev/null || true' EXIT
		set -e
		"$@"
	) >"$CHECKS_LOG" 2>&1 </dev/null
	status=$?
	set -e
	case $status in
	0) echo "ok    $name ($((SECONDS - started)) s)" ;;
	77) echo "skip  $name: $(tail -n 1 "$CHECKS_LOG")" ;;
	*)
		echo "FAIL  $name (exit status $status)"
		sed 's/^/      | /' "$CHECKS_LOG" | tail -n 150
		;;
	esac
}

# keep_install_log BUILD: what is installed from there until this script ends goes elsewhere:
# "ninja uninstall" is to take away what the user installed before, as its log has it
keep_install_log()
{
	local log

	log=$(realpath "$1")/meson-logs/install-log.txt

	if [ -e "$log" ]; then
		cp -p "$log" "$log.kept"
		at_exit mv -f "$log.kept" "$log"
	else
		at_exit rm -f "$log"
	fi
}

# what_failed LOG: of the output of unit tests, what each one that failed printed, and the
# end of it where no test says that it failed
what_failed()
{
	if grep -q '^  FAIL ' "$1"; then
		awk '/^  (ok|skip) / { said = ""; next }
			{ said = said $0 "\n" }
			/^  FAIL / { printf "%s", said; said = "" }' "$1" | tail -n 300
	else
		tail -n 80 "$1"
	fi
}

# check_full NAME COMMAND...: a check that takes long, for devtools/test.sh --full
check_full()
{
	if [ -n "${MDEV_TEST_FULL:-}" ]; then
		check "$@"
	else
		echo "skip  $1: takes long: run devtools/test.sh --full"
	fi
}

# skip REASON: end a check that cannot run here
skip()
{
	echo "$*"
	exit 77
}

# expect TEXT COMMAND...: fail with TEXT if COMMAND does
expect()
{
	local text=$1

	shift
	"$@" || { echo "expected: $text ($*)"; exit 1; }
}

# count_results FILE: print "PASSED FAILED SKIPPED" of its lines: of checks, and of
# unit tests, which look alike but for their indentation
count_results()
{
	awk '$1 == "ok" { passed++ } $1 == "FAIL" { failed++ } $1 == "skip" { skipped++ }
		END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}
