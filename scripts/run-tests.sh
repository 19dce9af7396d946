#!/usr/bin/env bash
# run-tests.sh test|e2e: runs all tests, or the end-to-end tests alone, and closes with "LABEL: N of M passed".
#
# The tests must have been built. One test runs at a time: many start threads, sockets and processes of their own. M3AGG_BINARY
# names the m3agg that the end-to-end tests drive. TEST_TIMEOUT limits each of the two passes, in seconds.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

label=${1:-}
swift=${SWIFT:-swift}
limit=${TEST_TIMEOUT:-1500}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
failed=false

# pass NAME ARGUMENTS…: one run of swift test.
pass() {
    local name=$1
    shift
    # shellcheck disable=SC2086 # SWIFT may hold arguments
    timeout --foreground --kill-after=20 "$limit" \
        $swift test --skip-build --disable-xctest --xunit-output "$results/$name.xml" "$@"
    local status=$?
    if [ $status -eq 124 ]; then echo "$label: $name tests did not end within $limit s" >&2; fi
    if [ $status -ne 0 ]; then failed=true; fi
    if ! ls "$results/$name"*.xml >/dev/null 2>&1; then
        echo "$label: $name tests ended with status $status and left no results" >&2
        failed=true
    fi
}

case "$label" in
    test)
        pass unit --no-parallel --skip '^EndToEndTests\.'
        pass e2e --no-parallel --filter '^EndToEndTests\.'
        ;;
    e2e) pass e2e --no-parallel --filter '^EndToEndTests\.' ;;
    *)
        echo "usage: scripts/run-tests.sh test|e2e" >&2
        exit 2
        ;;
esac

# A test case passed when no failure, error or skip stands inside its element.
counts=$(cat "$results"/*.xml 2>/dev/null | tr '\n' ' ' | sed 's/<testcase/\n<testcase/g' | awk '
    /^<testcase/ { total++; if ($0 !~ /<(failure|error|skipped)/) passed++ }
    END { print passed + 0, total + 0 }')
passed=${counts% *}
total=${counts#* }
echo "$label: $passed of $total passed"
if $failed || [ "$total" -eq 0 ] || [ "$passed" -ne "$total" ]; then exit 1; fi
