//! When to connect again, and when to give up.

use std::io;
use std::time::{Duration, Instant};

use crate::connection::io_error;
use crate::{Address, BackOff, ClientError};
use ringfence_codec::wire::ServerError;

/// Longest time before the second attempt to connect.
const FIRST_WAIT: Duration = Duration::from_millis(20);

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
        Cut::from(ClientError::Refused { address: address.clone(), error })
    }
}

impl From<ClientError> for Cut {
    fn from(error: ClientError) -> Cut {
        if error.is_temporary() { Cut::Lost(error) } else { Cut::Final(error) }
    }
}

/// The attempts to connect: each waits longer than the one before, up to a deadline.
#[derive(Debug)]
pub(crate) struct Attempts {
    give_up_after: Duration,
    back_off: BackOff,
    deadline: Instant,
}

impl Attempts {
    pub fn new(give_up_after: Duration) -> Attempts {
        let back_off = BackOff::new(FIRST_WAIT);
        Attempts { give_up_after, back_off, deadline: Instant::now() + give_up_after }
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
        let wait = self.back_off.wait();
        if Instant::now() + wait > self.deadline {
            return Err(error);
        }
        Ok(wait)
    }
}
