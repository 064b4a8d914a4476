//! When to connect again, and when to give up.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::connection::io_error;
use crate::{Address, ClientError};
use ringfence_codec::wire::{ErrorCode, ServerError};

/// Time before the second attempt to connect; it doubles with each further one.
const BACK_OFF: Duration = Duration::from_millis(20);
/// Longest time between two attempts.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// Why a connection ended.
#[derive(Debug)]
pub(crate) enum Cut {
    /// Its owner closed it.
    Closed,
    /// The next one may fare better.
    Lost(ClientError),
    /// The next one would end in the same way.
    Final(ClientError),
}

impl Cut {
    /// A call of the operating system failed.
    pub fn io(operation: &'static str, address: &Address, source: io::Error) -> Cut {
        Cut::from(io_error(operation, address, source))
    }

    /// The engine ended the connection and said why.
    pub fn refused(address: &Address, error: ServerError) -> Cut {
        let code = ErrorCode::from_number(error.code);
        let is_temporary = code.is_some_and(|code| code.remedy().is_retry());
        let error = ClientError::Refused { address: address.clone(), error };
        if is_temporary { Cut::Lost(error) } else { Cut::Final(error) }
    }
}

impl From<ClientError> for Cut {
    fn from(error: ClientError) -> Cut {
        match error {
            ClientError::Refused { address, error } => Cut::refused(&address, error),
            ClientError::Io { .. } | ClientError::Closed(_) => Cut::Lost(error),
            _ => Cut::Final(error),
        }
    }
}

/// The attempts to connect: each waits longer than the one before, up to a deadline.
#[derive(Debug)]
pub(crate) struct Attempts {
    give_up_after: Duration,
    back_off: Duration,
    deadline: Instant,
}

impl Attempts {
    pub fn new(give_up_after: Duration) -> Attempts {
        Attempts { give_up_after, back_off: BACK_OFF, deadline: Instant::now() + give_up_after }
    }

    /// The engine has answered: the next attempts begin afresh.
    pub fn succeeded(&mut self) {
        *self = Attempts::new(self.give_up_after);
    }

    /// How long to wait before the next attempt.
    ///
    /// # Errors
    ///
    /// Why there is none: the connection ended for good, or the time is over.
    pub fn after(&mut self, cut: Cut) -> Result<Duration, ClientError> {
        let error = match cut {
            Cut::Closed => return Err(ClientError::Ended),
            Cut::Final(error) => return Err(error),
            Cut::Lost(error) => error,
        };
        let wait = jittered(self.back_off);
        if Instant::now() + wait > self.deadline {
            return Err(error);
        }
        self.back_off = (2 * self.back_off).min(BACK_OFF_MAX);
        Ok(wait)
    }
}

/// A duration between half of `longest` and all of it, so that many clients do not come at once.
fn jittered(longest: Duration) -> Duration {
    let nanoseconds =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    // The lowest digits of the time are as good as chance here.
    longest.mul_f64(0.5 + f64::from(nanoseconds % 1000) / 2000.0)
}
