//! How the program ends.

use std::fmt;
use std::process::ExitCode;

/// Exit statuses. Where more than one applies, the first of 101, 1, 3 and 4 is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All commands were processed, refused ones included.
    Done = 0,
    /// A disk, a socket, a journal: an operating error.
    Failed = 1,
    /// The program was called wrongly.
    Usage = 2,
    /// Some lines of the input were malformed.
    Malformed = 3,
    /// A command was refused, and the caller wanted to know.
    Refused = 4,
    /// A broken invariant.
    Bug = 101,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why the program ends before it did what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// The arguments are wrong, or ask for help.
    Arguments(clap::Error),
    /// The arguments do not fit together, or not this machine.
    Usage(String),
    /// An operating error.
    Operating(String),
    /// A broken invariant.
    Bug(String),
}

impl Failure {
    /// An operating error.
    pub fn operating(error: impl fmt::Display) -> Failure {
        Failure::Operating(error.to_string())
    }

    /// The exit status that tells of it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            // Asking for help or for the version is no failure.
            Failure::Arguments(error) if !error.use_stderr() => Exit::Done,
            Failure::Arguments(_) | Failure::Usage(_) => Exit::Usage,
            Failure::Operating(_) => Exit::Failed,
            Failure::Bug(_) => Exit::Bug,
        }
    }

    /// Prints it on standard error (help: on standard output).
    pub fn print(&self) {
        match self {
            // Where standard error cannot be written there is no other place for it.
            Failure::Arguments(error) => drop(error.print()),
            other => super::log::tell_failure(format_args!("ringfence: {other}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Arguments(error) => error.fmt(f),
            Failure::Usage(message) | Failure::Operating(message) => f.write_str(message),
            Failure::Bug(message) => write!(f, "broken invariant: {message}"),
        }
    }
}
