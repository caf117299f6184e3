#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Looks for what the tests of every day do not find: fuzz.sh <fuzzers> <seconds> <tests> <times>
#
#   fuzzers   folder of *_fuzz programs; each runs its corpus, then random inputs for <seconds>
#   tests     a test program; its property tests run <times> as many cases as in `make test`
#   output    what is run, from which seed, progress; the first failure ends it, its last lines are
#             what failed and how to repeat it
#   exit      0 nothing found, 1 something found, 2 nothing to run

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fuzzers="$1" seconds="$2" tests="$3" times="$4"
seed="${CATENA_SEED:-$(date +%s)}"

[ -x "$tests" ] || { echo "no $tests: run \`make fuzz\`" >&2; exit 2; }
for fuzzer in "$fuzzers"/*_fuzz; do
  [ -x "$fuzzer" ] || { echo "no fuzzer in $fuzzers: run \`make fuzz\`" >&2; exit 2; }
  corpus="tests/fuzz_corpus/$(basename "$fuzzer" _fuzz)"
  [ -d "$corpus" ] || corpus=""
  echo "== $fuzzer for $seconds s"
  "$fuzzer" -max_total_time="$seconds" -runs=1000000000 -seed="$seed" ${corpus:+"$corpus"} ||
    { echo "FOUND by $fuzzer; above is the command that repeats it"; exit 1; }
done

# One process a core, each with seeds of its own.
processes="$(nproc)"
each=$(((times + processes - 1) / processes))
echo "== the property tests of $tests, $each times in each of $processes processes"
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
pids=()
for ((process = 0; process < processes; ++process)); do
  CATENA_SEED=$((seed + process * 10 ** 10)) CATENA_TIMES="$each" \
    "$tests" --gtest_brief=1 > >(tee "$logs/$process") 2>&1 &
  pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
awk '/^[0-9]+ property cases$/ { cases += $1 } END { print cases + 0, "property cases in all" }' \
  "$logs"/*
if [ "$failed" -ne 0 ]; then
  grep -h -A1 'repeat with' "$logs"/* | tail -n 2
  echo "FOUND by the property tests; above is the command that repeats it"
  exit 1
fi
