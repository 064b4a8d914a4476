//! The timer of a connection: made once, and set anew for each request.
//!
//! Setting a timer to a later time is a store; making and dropping one takes a lock that all
//! connections share.

use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};

use tokio::time::{Instant, Sleep, sleep_until};

/// How long the requests of one connection are waited for.
#[derive(Debug, Default)]
pub struct Patience {
    /// Of the request before; `None` while a request waits.
    timer: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl Patience {
    /// What `work` returns; `None` if it takes until `deadline`.
    pub async fn until<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let known = self.timer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut timer = match known {
            Some(mut timer) => {
                timer.as_mut().reset(deadline);
                timer
            }
            None => Box::pin(sleep_until(deadline)),
        };
        let done = tokio::select! {
            biased;
            done = &mut work => Some(done),
            () = &mut timer => None,
        };
        *self.timer.lock().unwrap_or_else(PoisonError::into_inner) = Some(timer);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::time::Duration;

    #[tokio::test]
    async fn the_same_timer_ends_one_request_and_not_the_next() {
        let patience = Patience::default();
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(patience.until(soon, pending::<()>()).await, None);
        let late = Instant::now() + Duration::from_secs(600);
        let takes_a_while = tokio::time::sleep(Duration::from_millis(5));
        assert_eq!(patience.until(late, takes_a_while).await, Some(()));
        assert_eq!(patience.until(late, ready(7)).await, Some(7));
        assert_eq!(patience.until(soon, pending::<()>()).await, None);
    }
}
