//! What a running engine logs: lines on standard error, as text or as JSON.
//!
//! Lines come from threads beside the pipeline, never from the way of a command.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use tracing::Level;

/// Whether everything that the program says is a JSON object.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// How it is logged, and how much.
#[derive(Debug, Args)]
pub(super) struct LogOptions {
    /// How lines of the log are written
    #[arg(long, env = "RINGFENCE_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Least level of what is logged: debug has each connection that is opened or closed
    #[arg(long, env = "RINGFENCE_LOG_LEVEL", value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    log_level: LogLevel,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object in a line
    Json,
}

/// `--log-level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Level {
        match level {
            LogLevel::Error => Level::ERROR,
            LogLevel::Warn => Level::WARN,
            LogLevel::Info => Level::INFO,
            LogLevel::Debug => Level::DEBUG,
            LogLevel::Trace => Level::TRACE,
        }
    }
}

/// Writes what is logged from now on to standard error.
pub(super) fn begin(options: &LogOptions) {
    let lines = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(Level::from(options.log_level))
        .with_ansi(false)
        .with_target(false)
        // A line that standard error does not take is dropped; to say so there would panic.
        .log_internal_errors(false);
    // It fails only where there is a log already.
    match options.log_format {
        LogFormat::Text => drop(tracing::subscriber::set_global_default(lines.finish())),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).finish();
            drop(tracing::subscriber::set_global_default(lines));
            // Relaxed: the flag carries nothing but itself.
            IS_JSON.store(true, Ordering::Relaxed);
        }
    }
}

/// Writes a line to standard error, or logs it where all lines are JSON. Where that cannot be
/// written the line is dropped.
pub(super) fn tell(line: fmt::Arguments<'_>) {
    say(Level::INFO, line);
}

/// As [`tell`], for what ends the program.
pub(super) fn tell_failure(line: fmt::Arguments<'_>) {
    say(Level::ERROR, line);
}

fn say(level: Level, line: fmt::Arguments<'_>) {
    // Relaxed: the flag carries nothing but itself.
    if !IS_JSON.load(Ordering::Relaxed) {
        drop(writeln!(io::stderr(), "{line}"));
        return;
    }
    let line = line.to_string();
    let line = line.strip_prefix("ringfence: ").unwrap_or(&line);
    match level {
        Level::ERROR => tracing::error!("{line}"),
        _ => tracing::info!("{line}"),
    }
}
