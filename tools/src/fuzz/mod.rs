//! Fuzz targets: what reads bytes that somebody else wrote, each as a plain function.
//!
//! ```text
//!   corpus ──┬──▶ mutations by seed ──▶ tests/fuzz.rs: a few seconds, on stable
//!            └──▶ libFuzzer, by coverage ──▶ tools/fuzz: cargo fuzz run
//!                         both ──▶ Target::run(bytes): panics where a promise is broken
//! ```
//!
//! # Invariants
//!
//! * A target never blames its input: whatever the bytes, it returns unless the code is wrong.
//! * The first byte of most inputs is a [`Mode`]: with its lowest bit the target first mends
//!   lengths and checksums in the input, so that changed bytes get behind them.

pub mod access;
pub mod corpus;
pub mod journal;
pub mod mode;
pub mod mutate;
pub mod served;
pub mod session;
pub mod subscription;
pub mod text;
pub mod wire;

pub use mode::Mode;

/// One thing that reads bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of the corpus.
    pub name: &'static str,
    /// Reads an input; panics where a promise is broken.
    pub run: fn(&[u8]),
    /// Makes its corpus: names and contents.
    pub corpus: fn() -> Vec<(String, Vec<u8>)>,
    /// How many mutations are tried where the fastest target tries a thousand.
    pub of_thousand: u64,
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target {
        name: "requests",
        run: wire::requests,
        corpus: wire::requests_corpus,
        of_thousand: 1_000,
    },
    Target {
        name: "replies",
        run: wire::replies,
        corpus: wire::replies_corpus,
        of_thousand: 1_000,
    },
    Target { name: "text", run: text::run, corpus: text::corpus, of_thousand: 1_000 },
    Target { name: "journal", run: journal::run, corpus: journal::corpus, of_thousand: 50 },
    Target { name: "access", run: access::run, corpus: access::corpus, of_thousand: 100 },
    Target { name: "session", run: session::run, corpus: session::corpus, of_thousand: 20 },
    Target {
        name: "session_bytes",
        run: session::run_bytes,
        corpus: wire::requests_corpus,
        of_thousand: 50,
    },
    Target {
        name: "subscription",
        run: subscription::run,
        corpus: subscription::corpus,
        of_thousand: 20,
    },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
