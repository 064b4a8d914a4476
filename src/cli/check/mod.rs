//! `ringfence check`: a look at a machine before production.
//!
//! ```text
//!   what the system says, a few durable writes ──▶ Finding: good, could be better, bad ──▶ a line
//! ```

mod disk;
mod system;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{Exit, Failure};

/// Arguments of `ringfence check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Directory on the disk that is to hold the journal; a few blocks are written in a directory
    /// of its own there, which is removed
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// What a finding means for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Good,
    /// It works; something makes it slower or less steady.
    Improve,
    /// Not for production.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    name: &'static str,
    verdict: Verdict,
    /// What was found.
    found: String,
    /// What to do about it; empty where there is nothing to do.
    advice: &'static str,
}

impl Finding {
    fn good(name: &'static str, found: impl Into<String>) -> Finding {
        Finding { name, verdict: Verdict::Good, found: found.into(), advice: "" }
    }

    fn improve(name: &'static str, found: impl Into<String>, advice: &'static str) -> Finding {
        Finding { name, verdict: Verdict::Improve, found: found.into(), advice }
    }

    fn bad(name: &'static str, found: impl Into<String>, advice: &'static str) -> Finding {
        Finding { name, verdict: Verdict::Bad, found: found.into(), advice }
    }

    fn line(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Good => "good",
            Verdict::Improve => "improve",
            Verdict::Bad => "BAD",
        };
        let line = format!("{verdict:<9}{:<16}{}", self.name, self.found);
        if self.advice.is_empty() { line } else { format!("{line}\n{:25}{}", "", self.advice) }
    }
}

impl Check {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let mut findings = system::look();
        findings.extend(disk::look(&self.dir)?);
        let text = if self.json {
            serde_json::to_string(&findings).expect("findings can be written as JSON")
        } else {
            findings.iter().map(Finding::line).collect::<Vec<_>>().join("\n")
        };
        let printed = writeln!(io::stdout().lock(), "{text}");
        printed
            .map_err(|error| Failure::Operating(format!("writing to standard output: {error}")))?;
        let is_bad = findings.iter().any(|finding| finding.verdict == Verdict::Bad);
        Ok(if is_bad { Exit::Failed } else { Exit::Done })
    }
}
