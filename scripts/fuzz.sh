#!/bin/sh
# Fuzzes the wire decoders with libFuzzer for a number of seconds (default 60), keeping its corpus in Tests/Fuzz/.build.
set -eu
cd "$(dirname "$0")/../Tests/Fuzz"
swift build -c release --sanitize=fuzzer --sanitize=address
mkdir -p .build/corpus
exec .build/release/WireFormatFuzzer -max_total_time="${1:-60}" -max_len=4096 -artifact_prefix=.build/ .build/corpus
