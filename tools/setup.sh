#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what a bare Debian 12 lacks to build and run catena: apt packages, DuckDB, Arrow,
# DataSketches, the venv.
#
#   usage    setup.sh [servers|bench]; with `servers` also what tests start: redis-server, a JDK and
#            a Kafka broker; with `bench` also what bench/batch.py compares with
#   effect   apt packages (needs root or sudo, only when one is missing); build/third_party;
#            .venv; downloads are kept in $CATENA_CACHE (default ~/.cache/catena)
#   again    a step whose inputs did not change is skipped by its stamp under build/setup
#   errors   the first failing step ends the script with one line that says what to do

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly ROOT=$PWD
readonly STAMPS=build/setup
readonly CACHE="${CATENA_CACHE:-$HOME/.cache/catena}"

readonly APT_PACKAGES=(
  ca-certificates curl pkg-config
  cmake ninja-build g++ ccache mold clang-format
  python3 python3-venv
  librocksdb-dev libhiredis-dev librdkafka-dev libsimdjson-dev libprotobuf-dev libprotoc-dev
  nlohmann-json3-dev libyaml-cpp-dev libfmt-dev libspdlog-dev libcli11-dev
  prometheus-cpp-dev libcurl4-openssl-dev libssl-dev zlib1g-dev
  libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev
)
readonly SERVER_PACKAGES=(redis-server openjdk-17-jre-headless maven)

# The library from npm and the header from the Python source package are of one DuckDB version.
readonly DUCKDB_VERSION=1.5.6
readonly DUCKDB_NPM_PACKAGE="@duckdb/node-bindings-linux-x64@${DUCKDB_VERSION}-r.1"
readonly DUCKDB_NPM_FILE="duckdb-node-bindings-linux-x64-${DUCKDB_VERSION}-r.1.tgz"
readonly DUCKDB_PYPI_FILE="duckdb-${DUCKDB_VERSION}.tar.gz"

# The Python package carries libraries and headers of C++; that of Debian 12's Python, whatever runs
# here, so that everybody has the same file. Nothing of Python is taken out of it.
readonly ARROW_VERSION=26.0.1
readonly ARROW_FILE="pyarrow-${ARROW_VERSION}-cp311-cp311-manylinux_2_28_x86_64.whl"

# A Rust binding that carries the C++ headers of Apache DataSketches; nothing of Rust is built.
readonly DSRS_VERSION=0.6.1
readonly DSRS_FILE="dsrs-${DSRS_VERSION}.crate"

# The broker of the tests: tools/kafka.pom.xml and what it depends on, as one archive.
readonly KAFKA_VERSION=4.3.1
readonly KAFKA_FILE="kafka_2.13-$KAFKA_VERSION.tar"

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

# Runs a command quietly; its output matters only when it fails. Says every 10 s that it is at work.
quietly() {
  local log="$STAMPS/last.log" began=$SECONDS next=$((SECONDS + 10)) command
  "$@" >"$log" 2>&1 &
  command=$!
  while sleep 0.2; kill -0 "$command" 2>/dev/null; do
    if [ "$SECONDS" -ge "$next" ]; then
      next=$((next + 10))
      say "  at work for $((SECONDS - began)) s: $(tail -n 1 "$log" | tr -d '\r' | cut -c 1-80)"
    fi
  done
  wait "$command" || { tail -n 40 "$log" >&2; fail "failed: $*; whole output in $log"; }
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    quietly env DEBIAN_FRONTEND=noninteractive "$@"
  elif command -v sudo >/dev/null; then
    quietly sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else
    fail "needs root for: $*; run it as root once, then \`make setup\` again"
  fi
}

readonly INSTALLED=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' |
                       sed -n 's/^installed //p')
installed() { grep -qxF "$1" <<<"$INSTALLED"; }

# Fresh package lists, at most once a run.
apt_lists() {
  if [ -z "${apt_lists_done:-}" ]; then as_root apt-get update -q; apt_lists_done=1; fi
}

available() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

boost_package() {
  if available libboost1.81-dev; then echo libboost1.81-dev; else echo libboost-dev; fi
}

# setup_apt <package...>
setup_apt() {
  local missing=() package
  for package in "$@"; do
    installed "$package" || missing+=("$package")
  done
  command -v npm >/dev/null || missing+=(nodejs npm)
  # Debian's package `cargo` is too old for today's index.
  command -v cargo >/dev/null || [ -f "$CACHE/$DSRS_FILE" ] || missing+=(cargo-web)
  if ! installed libboost1.81-dev && ! installed libboost-dev; then
    apt_lists
    missing+=("$(boost_package)")
  fi
  if [ ${#missing[@]} -eq 0 ]; then say "apt: nothing missing"; return; fi
  say "apt: installing ${#missing[@]} packages, which takes minutes: ${missing[*]}"
  apt_lists
  as_root apt-get install -y -q --no-install-recommends "${missing[@]}"
}

verify() { sha256sum --check --strict --status <(grep " $2\$" tools/checksums.sha256 |
                                                   sed "s|  .*|  $1|"); }

in_folder() { cd "$1" && "${@:2}"; }

# cached <file> <command...>: leaves $CACHE/<file>, made by the command in a scratch folder.
cached() {
  local file="$1"; shift
  if [ -f "$CACHE/$file" ] && verify "$CACHE/$file" "$file"; then return; fi
  local scratch
  scratch="$(mktemp -d "$CACHE/fetch.$$.XXXXXX")"
  say "download: $file"
  quietly in_folder "$scratch" "$@"
  verify "$scratch/$file" "$file" || fail "$file is not the file pinned in tools/checksums.sha256"
  mv "$scratch/$file" "$CACHE/$file"
  rm -rf "$scratch"
}
trap 'rm -rf "$CACHE/fetch.$$."*' EXIT

setup_duckdb() {
  local target=build/third_party/duckdb scratch
  mkdir -p "$CACHE"
  cached "$DUCKDB_NPM_FILE" npm pack --loglevel=error "$DUCKDB_NPM_PACKAGE"
  cached "$DUCKDB_PYPI_FILE" "$PWD/.venv/bin/python" -m pip download --no-deps --no-binary duckdb \
    "duckdb==$DUCKDB_VERSION"
  scratch="$(mktemp -d build/third_party.XXXXXX)"
  tar -xzf "$CACHE/$DUCKDB_NPM_FILE" -C "$scratch" --strip-components=1 package/libduckdb.so
  tar -xzf "$CACHE/$DUCKDB_PYPI_FILE" -C "$scratch" --strip-components=5 \
    "duckdb-$DUCKDB_VERSION/external/duckdb/src/include/duckdb.h"
  verify "$scratch/libduckdb.so" libduckdb.so || fail "libduckdb.so is not the pinned one"
  verify "$scratch/duckdb.h" duckdb.h || fail "duckdb.h is not the pinned one"
  mkdir -p "$target/lib" "$target/include"
  mv "$scratch/libduckdb.so" "$target/lib/"
  mv "$scratch/duckdb.h" "$target/include/"
  chmod 755 "$target/lib/libduckdb.so"
  rmdir "$scratch"
  say "duckdb: $DUCKDB_VERSION in $target"
}

setup_arrow() {
  local target=build/third_party/arrow scratch
  mkdir -p "$CACHE"
  cached "$ARROW_FILE" "$PWD/.venv/bin/python" -m pip download --no-deps --only-binary :all: \
    --implementation cp --python-version 3.11 --abi cp311 --platform manylinux_2_28_x86_64 \
    "pyarrow==$ARROW_VERSION"
  scratch="$(mktemp -d build/third_party.XXXXXX)"
  quietly .venv/bin/python -m zipfile -e "$CACHE/$ARROW_FILE" "$scratch"
  rm -rf "$target"
  mkdir -p "$target/lib"
  mv "$scratch/pyarrow/include" "$target/"
  mv "$scratch"/pyarrow/lib{arrow,parquet}.so.* "$target/lib/"
  rm -rf "$scratch"
  say "arrow: $ARROW_VERSION in $target"
}

# Leaves $DSRS_FILE in the working folder. Only cargo knows where crates are, and it fetches for a
# package.
fetch_dsrs() {
  mkdir src
  touch src/lib.rs
  printf '%s\n' '[package]' 'name = "fetch"' 'version = "0.0.0"' '[dependencies]' \
    "dsrs = \"=$DSRS_VERSION\"" >Cargo.toml
  cargo fetch
  local crates=("${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$DSRS_FILE")
  cp "${crates[0]}" .  # One for each registry that it came from; the checksum tells.
}

setup_datasketches() {
  local target=build/third_party/datasketches scratch part
  mkdir -p "$CACHE"
  cached "$DSRS_FILE" fetch_dsrs
  scratch="$(mktemp -d build/third_party.XXXXXX)"
  for part in common cpc kll; do
    tar -xzf "$CACHE/$DSRS_FILE" -C "$scratch" --strip-components=4 \
      "dsrs-$DSRS_VERSION/datasketches-cpp/$part/include"
  done
  rm -rf "$target"
  mkdir -p "$target"
  chmod 755 "$scratch"
  mv "$scratch" "$target/include"
  say "datasketches: headers of dsrs $DSRS_VERSION in $target"
}

# The same bytes whenever and wherever it is packed.
pack_kafka() {
  mvn --batch-mode --quiet --file "$ROOT/tools/kafka.pom.xml" -Dkafka.version="$KAFKA_VERSION" \
    -DoutputDirectory="$PWD/jars" \
    org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies
  tar --create --file="$KAFKA_FILE" --directory=jars --sort=name --format=ustar --mtime=@0 \
    --owner=0 --group=0 --numeric-owner --mode=644 -- $(ls jars)
}

setup_kafka() {
  mkdir -p "$CACHE" build/third_party/kafka
  cached "$KAFKA_FILE" pack_kafka
  rm -f build/third_party/kafka/*.jar
  tar -xf "$CACHE/$KAFKA_FILE" -C build/third_party/kafka
  say "kafka: $KAFKA_VERSION in build/third_party/kafka"
}

setup_python() {
  quietly .venv/bin/python -m pip install -e './python[dev]'
  say "python: .venv has $(.venv/bin/python --version) and ./python[dev]"
}

setup_bench() {
  quietly .venv/bin/python -m pip install -r bench/requirements.txt
  say "bench: .venv has what bench/requirements.txt names"
}

# step <name> <inputs as text>: runs setup_<name> unless its stamp holds the same inputs.
step() {
  local name="$1" inputs="$2"
  if [ "$(cat "$STAMPS/$name" 2>/dev/null)" = "$inputs" ]; then say "$name: up to date"; return; fi
  rm -f "$STAMPS/$name"
  "setup_$name"
  printf '%s\n' "$inputs" >"$STAMPS/$name"
}

mkdir -p "$STAMPS"
exec 9>"$STAMPS/lock"
flock 9  # Two makes at once would both write .venv.

packages=("${APT_PACKAGES[@]}")
if [ "${1:-}" = servers ]; then packages+=("${SERVER_PACKAGES[@]}"); fi
# Asks dpkg every time: build/ may have moved to another machine.
setup_apt "${packages[@]}"

# Debian's own interpreter: the venv package that apt just installed belongs to it.
[ -x .venv/bin/python ] || {
  quietly /usr/bin/python3 -m venv .venv
  rm -f "$STAMPS/python" "$STAMPS/bench"
}

for file in lib/libduckdb.so include/duckdb.h; do
  [ -f "build/third_party/duckdb/$file" ] || rm -f "$STAMPS/duckdb"
done
step duckdb "$DUCKDB_VERSION $(sha256sum <tools/checksums.sha256)"

[ -f build/third_party/arrow/include/parquet/arrow/writer.h ] || rm -f "$STAMPS/arrow"
step arrow "$ARROW_VERSION $(sha256sum <tools/checksums.sha256)"

[ -f build/third_party/datasketches/include/cpc_sketch.hpp ] || rm -f "$STAMPS/datasketches"
step datasketches "$DSRS_VERSION $(sha256sum <tools/checksums.sha256)"

step python "$(sha256sum python/pyproject.toml)"

case "${1:-}" in
  servers)
    [ -f "build/third_party/kafka/kafka_2.13-$KAFKA_VERSION.jar" ] || rm -f "$STAMPS/kafka"
    step kafka "$KAFKA_VERSION $(sha256sum <tools/checksums.sha256)"
    ;;
  bench) step bench "$(sha256sum bench/requirements.txt)" ;;
esac
