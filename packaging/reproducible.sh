#!/usr/bin/env bash
# Builds the release twice, in two folders, and compares the programs byte for byte.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Paths of this machine must not be in the program. The flags are the same for both builds: they
# are part of what the names in it are made of.
flags="--remap-path-prefix=$folder/one=/target --remap-path-prefix=$folder/other=/target"
flags+=" --remap-path-prefix=$PWD=/ringfence"
flags+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
export RUSTFLAGS=$flags

for build in one other; do
    cargo build --release --locked --bin ringfence --target-dir "$folder/$build"
done
sha256sum "$folder"/{one,other}/release/ringfence
cmp "$folder"/{one,other}/release/ringfence
echo "both builds are the same"
