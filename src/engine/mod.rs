//! The deterministic whole: command, verdict, outcome, digest.
