#!/usr/bin/env bash
# Generates the Swift of the control plane's protocols from their .proto files: Sources/ControlProtocol (M3's values) and
# Sources/EtcdProtocol (etcd's interface). The result is committed, so that a build needs neither tool. Needs protoc (Debian:
# protobuf-compiler) and protoc-gen-swift of the swift-protobuf version in Package.swift.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=$(sed -n 's/.*swift-protobuf\.git", exact: "\([0-9.]*\)".*/\1/p' Package.swift)
found=$(protoc-gen-swift --version | awk '{print $NF}')
if [ "$wanted" != "$found" ]; then
    echo "protoc-gen-swift is version $found, but Package.swift names swift-protobuf $wanted: install protoc-gen-swift $wanted" >&2
    exit 1
fi
for module in ControlProtocol EtcdProtocol; do
    (
        cd "Sources/$module"
        rm -f ./*.pb.swift
        protoc --proto_path=proto --swift_out=. --swift_opt=Visibility=Public proto/*.proto
        echo "generated: $(echo ./*.pb.swift) in Sources/$module"
    )
done
