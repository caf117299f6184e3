#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzzer of a folder on its corpus, then on random inputs: fuzz.sh <folder> <seconds>

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder="$1"
seconds="$2"
for fuzzer in "$folder"/*_fuzz; do
  [ -x "$fuzzer" ] || { echo "no fuzzer in $folder: run \`make fuzz\`" >&2; exit 2; }
  corpus="tests/fuzz_corpus/$(basename "$fuzzer" _fuzz)"
  [ -d "$corpus" ] || corpus=""
  "$fuzzer" -max_total_time="$seconds" -runs=1000000000 ${corpus:+"$corpus"}
done
