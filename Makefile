# Needs Swift 6.3; on Debian 12 everything else is installed where it is missing. `make help` lists the targets.

SWIFT ?= swift
# Further arguments of `make run` (options of `m3agg standalone`) and `make bench`.
ARGS ?=

release := .build/release/m3agg
swift_sources := $(wildcard Package.swift Sources Tests Benchmarks)

export SWIFT
export M3AGG_BINARY ?= $(CURDIR)/$(release)

.PHONY: help run build test e2e vectors cluster-test bench soak sanitize format lint clean toolchain build-packages test-packages release debug-tests
.DEFAULT_GOAL := help
.NOTPARALLEL:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## install what is missing, build, start the demo with a live table (ARGS="--http 127.0.0.1:8080 …")
	@exec $(release) standalone --demo $(ARGS)

build: toolchain build-packages release ## release build of m3agg

test: toolchain test-packages lint release debug-tests ## install what the tests need, check the style, run all tests
	@scripts/run-tests.sh test

e2e: toolchain test-packages release debug-tests ## the end-to-end tests alone, against the release build
	@scripts/run-tests.sh e2e

vectors: toolchain test-packages debug-tests ## every line captured from M3 and every worked example, counted
	@scripts/run-tests.sh vectors

cluster-test: toolchain test-packages debug-tests ## leader, follower and hand-over alone, over a real etcd
	@scripts/run-tests.sh cluster

bench: toolchain build-packages ## measure the release build (ARGS selects and sizes)
	$(SWIFT) run -c release m3agg-bench $(ARGS)

soak: toolchain build-packages ## half an hour at a fixed rate: memory flat, totals exact (ARGS="--minutes 5")
	$(SWIFT) run -c release m3agg-bench soak $(ARGS)

sanitize: toolchain test-packages ## tests under the address sanitizer, then under the thread sanitizer
	@scripts/sanitize.sh address
	@scripts/sanitize.sh thread

format: toolchain ## format all Swift in place
	$(SWIFT) format --in-place --parallel --recursive $(swift_sources)

lint: toolchain ## check the formatting, strictly
	$(SWIFT) format lint --strict --parallel --recursive $(swift_sources)

clean: ## remove what was built
	rm -rf .build

toolchain:
	@command -v $(firstword $(SWIFT)) >/dev/null || \
		{ echo "$(firstword $(SWIFT)) not found: install Swift 6.3 from https://www.swift.org/install/linux/ or set SWIFT" >&2; exit 1; }

build-packages:
	@scripts/install-packages.sh build

test-packages:
	@scripts/install-packages.sh test

release:
	$(SWIFT) build -c release --product m3agg

debug-tests:
	$(SWIFT) build --build-tests
