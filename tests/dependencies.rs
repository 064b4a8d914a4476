//! What the crates stand on: permissive licences, one version of each, and each other in order.
//!
//! ```text
//!   cargo metadata (what this machine builds) ──▶ licences, who depends on whom
//!   Cargo.lock (everything) ──────────────────▶ versions
//! ```
//!
//! Nothing is downloaded: what is built on other platforms alone has its licence in a list here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// Licences that a dependency may have, by their SPDX identifiers.
const LICENCES: [&str; 10] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// Crates that are there in more than one version, and why.
const IN_TWO_VERSIONS: [(&str, &str); 18] = [
    ("base64", "version 0.22 for others than p12-keystore of lapin"),
    ("block-buffer", "as digest"),
    ("core-foundation", "version 0.10 for security-framework, on Apple's systems alone"),
    ("cpufeatures", "as digest"),
    ("crypto-common", "as digest"),
    ("digest", "version 0.10 for crc-fast, version 0.11 for sha2"),
    ("flume", "version 0.11 for rumqttc, version 0.12 for lapin"),
    ("getrandom", "version 0.2 for ring"),
    (
        "itertools",
        "version 0.13 for criterion, which only the benches use, version 0.14 for ratatui",
    ),
    ("nom", "version 7 for x509-parser, version 8 for amq-protocol"),
    ("sha2", "version 0.10 for p12-keystore of lapin"),
    ("signal-hook", "version 0.3 for crossterm of ratatui"),
    ("spin", "version 0.9 for flume of lapin, version 0.10 for crc-fast"),
    ("syn", "version 2 for zerocopy-derive and thiserror 1, version 3 for serde_derive and others"),
    ("synstructure", "version 0.13 for asn1-rs, version 0.14 for yoke of lapin"),
    ("thiserror", "version 1 for disruptor, which only the benches use"),
    ("thiserror-impl", "as thiserror"),
    ("windows-sys", "version 0.52 for ring, on Windows alone"),
];

/// Crates that are built on other platforms, for models or with a feature alone, and their
/// licences.
const ELSEWHERE: [(&str, &str); 55] = [
    ("anstyle-wincon", "MIT OR Apache-2.0"),
    ("bumpalo", "MIT OR Apache-2.0"),
    ("combine", "MIT"),
    ("core-foundation", "MIT OR Apache-2.0"),
    ("core-foundation-sys", "MIT OR Apache-2.0"),
    ("crossterm_winapi", "MIT"),
    ("crunchy", "MIT"),
    ("generator", "MIT/Apache-2.0"),
    ("hermit-abi", "MIT OR Apache-2.0"),
    ("ipconfig", "MIT/Apache-2.0"),
    ("jni", "MIT OR Apache-2.0"),
    ("jni-macros", "MIT OR Apache-2.0"),
    ("jni-sys", "MIT OR Apache-2.0"),
    ("jni-sys-macros", "MIT OR Apache-2.0"),
    ("js-sys", "MIT OR Apache-2.0"),
    ("loom", "MIT"),
    ("ndk-context", "MIT OR Apache-2.0"),
    ("once_cell_polyfill", "MIT OR Apache-2.0"),
    ("openssl-sys", "MIT"),
    ("r-efi", "MIT OR Apache-2.0 OR LGPL-2.1-or-later"),
    ("redox_syscall", "MIT"),
    ("rustversion", "MIT OR Apache-2.0"),
    ("schannel", "MIT"),
    ("scoped-tls", "MIT/Apache-2.0"),
    ("security-framework", "MIT OR Apache-2.0"),
    ("security-framework-sys", "MIT OR Apache-2.0"),
    ("simd_cesu8", "Apache-2.0 OR MIT"),
    ("simdutf8", "MIT OR Apache-2.0"),
    ("system-configuration", "MIT OR Apache-2.0"),
    ("system-configuration-sys", "MIT OR Apache-2.0"),
    ("valuable", "MIT"),
    ("wasi", "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT"),
    ("wasm-bindgen", "MIT OR Apache-2.0"),
    ("wasm-bindgen-macro", "MIT OR Apache-2.0"),
    ("wasm-bindgen-macro-support", "MIT OR Apache-2.0"),
    ("wasm-bindgen-shared", "MIT OR Apache-2.0"),
    ("widestring", "MIT OR Apache-2.0"),
    ("winapi", "MIT/Apache-2.0"),
    ("winapi-i686-pc-windows-gnu", "MIT/Apache-2.0"),
    ("winapi-util", "Unlicense OR MIT"),
    ("winapi-x86_64-pc-windows-gnu", "MIT/Apache-2.0"),
    ("windows-link", "MIT OR Apache-2.0"),
    ("windows-registry", "MIT OR Apache-2.0"),
    ("windows-result", "MIT OR Apache-2.0"),
    ("windows-strings", "MIT OR Apache-2.0"),
    ("windows-sys", "MIT OR Apache-2.0"),
    ("windows-targets", "MIT OR Apache-2.0"),
    ("windows_aarch64_gnullvm", "MIT OR Apache-2.0"),
    ("windows_aarch64_msvc", "MIT OR Apache-2.0"),
    ("windows_i686_gnu", "MIT OR Apache-2.0"),
    ("windows_i686_gnullvm", "MIT OR Apache-2.0"),
    ("windows_i686_msvc", "MIT OR Apache-2.0"),
    ("windows_x86_64_gnu", "MIT OR Apache-2.0"),
    ("windows_x86_64_gnullvm", "MIT OR Apache-2.0"),
    ("windows_x86_64_msvc", "MIT OR Apache-2.0"),
];

/// The crates of this house, and which of them each may use.
const HOUSE: &[(&str, &[&str])] = &[
    ("ringfence-ring", &[]),
    ("ringfence-types", &[]),
    ("ringfence-codec", &["ringfence-types"]),
    ("ringfence-engine", &["ringfence-types"]),
    ("ringfence-journal", &["ringfence-types"]),
    ("ringfence-client", &["ringfence-types", "ringfence-codec"]),
    (
        "ringfence-node",
        &[
            "ringfence-ring",
            "ringfence-types",
            "ringfence-codec",
            "ringfence-engine",
            "ringfence-journal",
        ],
    ),
    (
        "ringfence-server",
        &[
            "ringfence-ring",
            "ringfence-types",
            "ringfence-codec",
            "ringfence-engine",
            "ringfence-journal",
            "ringfence-node",
        ],
    ),
    ("ringfence-bridge-core", &["ringfence-types", "ringfence-codec", "ringfence-client"]),
    ("ringfence-bridge-amqp", &["ringfence-bridge-core"]),
    (
        "ringfence-bridge-http",
        &["ringfence-bridge-core", "ringfence-client", "ringfence-codec", "ringfence-types"],
    ),
    ("ringfence-bridge-kafka", &["ringfence-bridge-core"]),
    ("ringfence-bridge-stomp", &["ringfence-bridge-core"]),
    ("ringfence-bridge-mqtt", &["ringfence-bridge-core"]),
    ("ringfence-bridge-zeromq", &["ringfence-bridge-core"]),
    (
        "ringfence-bridge",
        &[
            "ringfence-bridge-core",
            "ringfence-bridge-amqp",
            "ringfence-bridge-http",
            "ringfence-bridge-kafka",
            "ringfence-bridge-mqtt",
            "ringfence-bridge-stomp",
            "ringfence-bridge-zeromq",
        ],
    ),
];

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The packages that are built on this machine, as cargo describes them.
fn packages() -> &'static [Value] {
    static PACKAGES: OnceLock<Vec<Value>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let compiler = output("rustc", &["-vV"]);
        let host = compiler.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let arguments = [
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--locked",
            "--filter-platform",
            host,
        ];
        let metadata: Value = serde_json::from_str(&output(env!("CARGO"), &arguments)).unwrap();
        metadata["packages"].as_array().unwrap().clone()
    })
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Name and version of every package in the lock file.
fn locked() -> Vec<(String, String)> {
    let lock = fs::read_to_string("Cargo.lock").unwrap();
    let field = |part: &str, name: &str| -> String {
        let start = format!("{name} = \"");
        let value = part.lines().find_map(|line| line.strip_prefix(&start)).unwrap();
        value.trim_end_matches('"').to_owned()
    };
    let parts = lock.split("[[package]]\n").skip(1);
    parts.map(|part| (field(part, "name"), field(part, "version"))).collect()
}

/// Whether an SPDX expression leaves us a licence that is allowed. AND binds tighter than OR.
fn is_allowed(expression: &str) -> bool {
    // `A/B` is how `A OR B` was once written.
    let expression = expression.replace('/', " OR ");
    let expression = expression.trim();
    let choices = split_outside(expression, " OR ");
    if choices.len() > 1 {
        return choices.into_iter().any(is_allowed);
    }
    let parts = split_outside(expression, " AND ");
    if parts.len() > 1 {
        return parts.into_iter().all(is_allowed);
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_allowed(inner),
        None => LICENCES.contains(&expression),
    }
}

/// Splits where `word` stands outside of brackets.
fn split_outside<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for (at, _) in text.match_indices(word) {
        let before = &text[..at];
        if before.matches('(').count() == before.matches(')').count() {
            parts.push(&text[start..at]);
            start = at + word.len();
        }
    }
    parts.push(&text[start..]);
    parts
}

#[test]
fn expressions_of_licences_are_understood() {
    let cases = [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("GPL-3.0-only AND MIT", false),
        ("Unlicense/MIT", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", false),
        ("(GPL-3.0-only AND MIT) OR Zlib", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("", false),
    ];
    for (expression, allowed) in cases {
        assert_eq!(is_allowed(expression), allowed, "{expression}");
    }
}

#[test]
fn every_dependency_has_a_permissive_licence() {
    let mut known: BTreeMap<&str, &str> = ELSEWHERE.into_iter().collect();
    known
        .extend(packages().iter().map(|package| (text(package, "name"), text(package, "license"))));
    let mut wrong = Vec::new();
    for (name, version) in locked() {
        match known.get(name.as_str()) {
            None => wrong.push(format!("{name} {version}: not built here, and not in the list")),
            Some(licence) if !is_allowed(licence) => {
                wrong.push(format!("{name} {version}: {licence}"));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_crate_is_there_in_one_version() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, version) in locked() {
        versions.entry(name).or_default().push(version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let found: BTreeSet<&str> = versions.keys().map(String::as_str).collect();
    let excepted: BTreeSet<&str> = IN_TWO_VERSIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, excepted, "{versions:?}");
}

#[test]
fn crates_of_the_house_use_only_those_below_them() {
    for (name, allowed) in HOUSE.iter().copied() {
        let package = packages().iter().find(|package| text(package, "name") == name);
        let package = package.unwrap_or_else(|| panic!("there is no crate {name}"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = text(dependency, "name");
            let is_ours = used == "ringfence" || used.starts_with("ringfence-");
            // What tests use beside that is their affair.
            if is_ours && text(dependency, "kind") != "dev" {
                assert!(allowed.contains(&used), "{name} may not use {used}");
            }
        }
    }
}
