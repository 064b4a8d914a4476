//! The clients in other languages, tested with the program that has just been built.
//!
//! What a machine has not got is skipped, and a line says so. With `RINGFENCE_CLIENTS=required` a
//! missing part is a failure instead.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// First version of Node.js that the client for it supports.
const NODE_VERSION_MIN: u32 = 18;

/// The first number of the version that `node --version` prints, such as `v20.1.0`.
fn node_version() -> Option<u32> {
    let output = Command::new("node").arg("--version").stderr(Stdio::null()).output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Why the client for Node.js cannot be tested here.
fn missing_for_node(folder: &Path) -> Option<String> {
    match node_version() {
        None => Some("there is no node".to_owned()),
        Some(version) if version < NODE_VERSION_MIN => {
            Some(format!("node is of version {version}, not {NODE_VERSION_MIN} or later"))
        }
        Some(_) if !folder.join("node_modules/typescript").exists() => {
            Some("its compiler is missing: run `npm ci --prefix clients/node`".to_owned())
        }
        Some(_) => None,
    }
}

#[test]
fn the_client_for_node_passes_its_tests() {
    let folder = Path::new("clients/node");
    if let Some(reason) = missing_for_node(folder) {
        let is_required = std::env::var("RINGFENCE_CLIENTS").is_ok_and(|value| value == "required");
        assert!(!is_required, "the client for Node.js was not tested: {reason}");
        // Not by `eprintln!`, which the test harness keeps to itself.
        writeln!(std::io::stderr(), "skipped: the client for Node.js: {reason}").unwrap();
        return;
    }
    let output = Command::new("node")
        .arg("scripts/test.mjs")
        .current_dir(folder)
        .env("RINGFENCE_BIN", env!("CARGO_BIN_EXE_ringfence"))
        .output()
        .expect("node was there a moment ago");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("# skipped 0"), "with an engine there is nothing to skip: {said}");
}
