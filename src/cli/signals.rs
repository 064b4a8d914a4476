//! SIGINT and SIGTERM: the first one lets the program finish, the second ends it at once.
//! SIGHUP: files are read again. SIGXFSZ: a file that may not grow is an error of its write.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use super::{Exit, Failure};

/// The flag that the first signal sets.
///
/// # Errors
///
/// If the system lets no handler be set.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first looks whether the flag was set before this signal.
        let ended = Arc::clone(&stop);
        flag::register_conditional_shutdown(signal, Exit::Failed as i32, ended)
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Failure::Operating(format!("handling signal {signal}: {error}")))?;
    }
    Ok(stop)
}

/// The flag that SIGHUP sets.
///
/// # Errors
///
/// If the system lets no handler be set.
pub(super) fn reload_flag() -> Result<Arc<AtomicBool>, Failure> {
    let reload = Arc::new(AtomicBool::new(false));
    flag::register(SIGHUP, Arc::clone(&reload))
        .map_err(|error| Failure::Operating(format!("handling signal {SIGHUP}: {error}")))?;
    Ok(reload)
}

/// Lets a write that would exceed the limit on the size of files (`ulimit -f`) fail with an error,
/// where the system would end the program.
///
/// # Errors
///
/// If the system lets no handler be set.
pub(super) fn outlive_file_size_limit() -> Result<(), Failure> {
    // What the handler does is of no interest, only that there is one.
    let limit_reached = Arc::new(AtomicBool::new(false));
    flag::register(SIGXFSZ, limit_reached)
        .map(drop)
        .map_err(|error| Failure::Operating(format!("handling signal {SIGXFSZ}: {error}")))
}
