#!/usr/bin/env bash
# Makes the Debian package: needs `cargo install cargo-deb`.
set -euo pipefail
cd "$(dirname "$0")/.."
# The list of files in Cargo.toml names this folder.
export CARGO_TARGET_DIR=target

cargo build --release --locked --bin ringfence
program=target/release/ringfence
made=target/package
rm -rf "$made"
mkdir -p "$made/man"
"$program" man --out "$made/man"
"$program" completions bash > "$made/ringfence.bash"
"$program" completions zsh > "$made/_ringfence"
"$program" completions fish > "$made/ringfence.fish"
cargo deb --no-build --locked
