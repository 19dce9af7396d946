#!/usr/bin/env bash
# sanitize.sh address|thread: runs tests under a sanitizer, in a build folder of its own.
#
# address: every decoder and reader of foreign bytes, their fuzz tests among them.
# thread: everything that several threads or actors share. A report of the sanitizer fails the run.
set -euo pipefail
cd "$(dirname "$0")/.."

swift=${SWIFT:-swift}
case "${1:-}" in
    address)
        filter='^(WireFormatTests|RegularExpressionsTests|RulesTests|MetricsTests|AggregationTests|AggregatorTests|(Node)?ConfigurationTests|QueryTests|ClusterTests)\.|Fuzz'
        # Swift's runtime keeps metadata for good, and RocksDB and the C runtime keep what they made once.
        export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1
        ;;
    thread)
        filter='^(MessageQueueTests|ServicesTests|TransportTests|CoordinatorTests|TelemetryTests|KeyValueTests|EtcdTests)\.'
        export TSAN_OPTIONS=halt_on_error=1
        ;;
    *)
        echo "usage: scripts/sanitize.sh address|thread" >&2
        exit 2
        ;;
esac
$swift build --build-tests --sanitize="$1" --scratch-path ".build/$1"
$swift test --skip-build --disable-xctest --no-parallel --sanitize="$1" --scratch-path ".build/$1" --filter "$filter"
echo "sanitize: no report of the $1 sanitizer"
