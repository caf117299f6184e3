# SPDX-License-Identifier: Apache-2.0
# The front door. Every target sets up what it needs by itself on a bare Debian 12.

FUZZ_SECONDS ?= 60
FUZZ_TIMES ?= 100
N ?= 200
CPP_FILES = $(shell git ls-files -co --exclude-standard '*.cc' '*.h')

.DEFAULT_GOAL := help
.PHONY: help peers servers setup build demo kafka-demo test check crash-batch crash-stream fuzz \
  format clean

help: ## this list
	@sed -n 's/^\([a-z%-]*\):.*## /  make \1|/p' Makefile | column -t -s '|'

setup: ## install apt packages, DuckDB, Arrow, DataSketches and .venv (quick when nothing changed)
	@tools/setup.sh

servers: ## what only tests start: redis-server, a JDK and a Kafka broker
	@tools/setup.sh servers

build: setup ## build/release/bin/catena and .venv
	@cmake --preset release >build/setup/configure.log || { cat build/setup/configure.log; exit 1; }
	@cmake --build --preset release --target catena

demo: build ## the fraud chain, end to end, from files and a live topic
	@.venv/bin/python examples/fraud/demo.py --report build/demo/report.json

kafka-demo: servers build ## the same over a real Kafka and a real Redis
	@.venv/bin/python tests/servers.py around kafka redis -- .venv/bin/python \
	  examples/fraud/demo.py --report build/kafka-demo/report.json --freshness-bound 500

test: servers build ## every test; ends with "N passed, M failed"
	@cmake --build --preset release
	@.venv/bin/python tools/run_tests.py --build build/release

check: servers ## before a commit: format, tidy, dev build, unit tests
	@clang-format --dry-run --Werror $(CPP_FILES)
	@.venv/bin/python tools/tidy.py
	@cmake --preset dev >build/setup/configure.log || { cat build/setup/configure.log; exit 1; }
	@cmake --build --preset dev
	@ctest --preset dev --parallel $$(nproc)

bench-%: setup ## measure: make bench-kv; a table, and build/bench/kv.json (bench/README.md)
	@cmake --preset release >build/setup/configure.log || { cat build/setup/configure.log; exit 1; }
	@.venv/bin/python $(or $(wildcard bench/$*.py),bench/module.py $*) $(ARGS)

bench-batch: peers
bench-stream bench-share: servers

peers: setup
	@tools/setup.sh bench

crash-batch: build ## kill -9 a chain's backfill N=200 times, resume it, compare every byte
	@CATENA_CRASHES=$(N) CATENA_BIN=$(CURDIR)/build/release/bin/catena \
		.venv/bin/python -m pytest -q -s tests/crash_batch_test.py

crash-stream: servers build ## kill -9 a streaming chain N=200 times, Redis and broker with it
	@cmake --build --preset release --target streaming_test
	@build/release/src/catena/streaming/streaming_test --gtest_filter='StreamCrashTest.*'
	@CATENA_CRASHES=$(N) CATENA_BIN=$(CURDIR)/build/release/bin/catena \
		.venv/bin/python -m pytest -q -s tests/crash_stream_test.py

fuzz: setup ## every fuzzer for FUZZ_SECONDS=60, the property tests FUZZ_TIMES=100 times
	@cmake --preset fuzz >build/setup/configure.log || { cat build/setup/configure.log; exit 1; }
	@cmake --build --preset fuzz
	@cmake --preset release >build/setup/configure.log || { cat build/setup/configure.log; exit 1; }
	@cmake --build --preset release --target aggregate_test
	@tools/fuzz.sh build/fuzz/fuzz $(FUZZ_SECONDS) \
	  build/release/src/catena/aggregate/aggregate_test $(FUZZ_TIMES)

format: ## rewrite C++ sources in the house format
	@clang-format -i $(CPP_FILES)

clean: ## remove build/ and .venv (downloads stay cached)
	rm -rf build .venv
