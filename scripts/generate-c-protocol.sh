#!/bin/sh
# Regenerates the C of Sources/CM3Protocol from its .proto files. Needs protoc-c (package protobuf-c-compiler).
set -eu
cd "$(dirname "$0")/../Sources/CM3Protocol"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
protoc-c --proto_path=proto --c_out="$out" proto/*.proto
rm -f ./*.pb-c.c include/*.pb-c.h
mv "$out"/*.c .
mv "$out"/*.h include/
{
    echo '/* Every message of the data plane. Written by scripts/generate-c-protocol.sh. */'
    echo '#ifndef CM3PROTOCOL_H'
    echo '#define CM3PROTOCOL_H'
    for header in include/*.pb-c.h; do echo "#include \"$(basename "$header")\""; done
    echo '#endif'
} > include/CM3Protocol.h
