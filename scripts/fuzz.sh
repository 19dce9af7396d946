#!/bin/sh
# Fuzzes with libFuzzer for a number of seconds (default 60): the wire decoders, or with the word "configuration" behind the
# number the reader of configuration files. The corpus stays in Tests/Fuzz/.build.
set -eu
cd "$(dirname "$0")/../Tests/Fuzz"
seconds=${1:-60}
case ${2:-wire} in
wire) fuzzer=WireFormatFuzzer corpus=.build/corpus seeds= ;;
configuration) fuzzer=ConfigurationFuzzer corpus=.build/corpus-configuration seeds=../Fixtures/configuration ;;
*) echo "usage: $0 [SECONDS] [wire|configuration]" >&2 && exit 64 ;;
esac
swift build -c release --sanitize=fuzzer --sanitize=address --product "$fuzzer"
mkdir -p "$corpus"
exec ".build/release/$fuzzer" -max_total_time="$seconds" -max_len=16384 -artifact_prefix=.build/ "$corpus" $seeds
