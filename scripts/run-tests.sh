#!/usr/bin/env bash
# run-tests.sh test|e2e|cluster: runs all tests, the end-to-end tests alone, or those of leader and follower alone,
# and closes with "LABEL: N of M passed".
# run-tests.sh vectors: runs what is held against captures of M3 alone, line by line and example by example, and closes
# with "vectors: N of N passed, examples: N of N passed" (docs/testing.md).
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
        $swift test --skip-build --disable-xctest --xunit-output "$results/$name.xml" "$@" |
        grep --line-buffered -v '^◇ Test case passing'
    local status=${PIPESTATUS[0]}
    if [ "$status" -eq 124 ]; then echo "$label: $name tests did not end within $limit s" >&2; fi
    if [ "$status" -ne 0 ]; then failed=true; fi
    if ! ls "$results/$name"*.xml >/dev/null 2>&1; then
        echo "$label: $name tests ended with status $status and left no results" >&2
        failed=true
    fi
}

# How many lines of captured vectors and worked examples there are: no more and no fewer may be run. The lines of four
# files are for parts that are still to come, and counted apart.
vector_lines=1189
worked_examples=114
later_files='etcd|placement|rules|drop_policies'

# close_vectors: sums up the cases that the tests wrote down. A case is run by one test or several, and passes when it
# passes in all of them.
close_vectors() {
    sort -u "$M3AGG_CASES" 2>/dev/null | awk -v later="^($later_files)[.]jsonl:" \
        -v lines="$vector_lines" -v examples="$worked_examples" '
        { kind = $1; if (kind == "vector" && $2 ~ later) kind = "later"; seen[kind " " $2] }
        $3 != "passed" { failed[kind " " $2] }
        END {
            for (name in seen) {
                split(name, part, " ")
                run[part[1]]++
                if (name in failed) print "failed: " part[2]
                else passed[part[1]]++
            }
            if (run["later"]) printf "vectors of parts to come: %d of %d passed\n", passed["later"], run["later"]
            if (run["vector"] != lines) printf "vectors: %d lines were run, not %d\n", run["vector"], lines
            if (run["example"] != examples) printf "examples: %d were run, not %d\n", run["example"], examples
            printf "vectors: %d of %d passed, examples: %d of %d passed\n",
                passed["vector"], lines, passed["example"], examples
            exit run["vector"] != lines || passed["vector"] != lines || run["example"] != examples ||
                passed["example"] != examples || passed["later"] != run["later"]
        }'
}

case "$label" in
    vectors)
        export M3AGG_CASES=$results/cases
        pass vectors --filter '\.[A-Za-z0-9]*VectorTests/' --filter '\.Worked[A-Za-z0-9]*Tests/'
        close_vectors || failed=true
        if $failed; then exit 1; fi
        exit 0
        ;;
    test)
        pass unit --no-parallel --skip '^EndToEndTests\.'
        pass e2e --no-parallel --filter '^EndToEndTests\.'
        ;;
    cluster)
        pass cluster --no-parallel --filter 'ServicesTests\.(FlushManager|FlushTimes|HandOver)Tests/'
        ;;
    e2e) pass e2e --no-parallel --filter '^EndToEndTests\.' ;;
    *)
        echo "usage: scripts/run-tests.sh test|e2e|vectors|cluster" >&2
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
