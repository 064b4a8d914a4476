//! What a running engine logs: lines on standard error.

use std::io;

use tracing::Level;

/// Writes what is logged from now on to standard error, from information upwards.
pub(super) fn begin() {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(Level::INFO)
        .with_ansi(false)
        .with_target(false)
        // A line that standard error does not take is dropped; to say so there would panic.
        .log_internal_errors(false)
        .finish();
    // It fails only where there is a log already.
    drop(tracing::subscriber::set_global_default(subscriber));
}
