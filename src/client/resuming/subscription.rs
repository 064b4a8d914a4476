//! A subscription that outlives its connections.

use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use super::course::{Answered, Course};
use super::place::SubscriptionOptions;
use crate::connection::HEARTBEAT;
use crate::{Address, ClientError, Followed, Subscription};
use ringfence_codec::wire::{EngineHello, Subscribe, Subscribed};

/// A subscription that outlives its connections: it connects again by itself and goes on after what
/// it has told, so that each thing is told once. Its calls block.
///
/// As an iterator it goes on until there is an error, which is the last item.
///
/// ```no_run
/// use ringfence_client::{Followed, ResumingSubscription, Start, Subscribe, SubscriptionOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address = "unix:/var/lib/ringfence/ringfence.sock".parse()?;
/// let wish = Subscribe::outcomes(Start::After(4711));
/// let options = SubscriptionOptions::default();
/// for followed in ResumingSubscription::open(&address, options, wish)? {
///     match followed? {
///         Followed::Outcomes { first_sequence, outcomes } => {
///             println!("{} outcomes from {first_sequence} on", outcomes.len());
///         }
///         Followed::Progress(progress) => println!("dealt with up to {}", progress.sequence),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ResumingSubscription {
    course: Course<Subscription>,
}

impl Answered for Subscription {
    fn hello(&self) -> EngineHello {
        Subscription::hello(self)
    }

    fn subscribed(&self) -> Subscribed {
        Subscription::subscribed(self)
    }
}

impl ResumingSubscription {
    /// Follows the engine that listens at `address`, and waits for its answer.
    ///
    /// # Errors
    ///
    /// As [`Subscription::open`], where that is not temporary, or once the engine could not be
    /// reached for [`SubscriptionOptions::give_up_after`].
    pub fn open(
        address: &Address,
        options: SubscriptionOptions,
        wish: Subscribe,
    ) -> Result<ResumingSubscription, ClientError> {
        let mut subscription = ResumingSubscription::start(address, options, wish);
        while subscription.connected_within(HEARTBEAT)?.is_none() {}
        Ok(subscription)
    }

    /// Follows the engine that listens at `address`. The first call that wants something of it
    /// connects.
    #[must_use]
    pub fn start(
        address: &Address,
        options: SubscriptionOptions,
        wish: Subscribe,
    ) -> ResumingSubscription {
        ResumingSubscription { course: Course::new(address, options, wish) }
    }

    /// Follows as `subscription` does, which has just been opened with `options` and `wish`, and goes
    /// on when its connection is lost.
    ///
    /// # Errors
    ///
    /// [`ClientError::History`] if the engine is not the one that `options` expect.
    pub fn of(
        subscription: Subscription,
        options: SubscriptionOptions,
        wish: Subscribe,
    ) -> Result<ResumingSubscription, ClientError> {
        let mut resuming = ResumingSubscription::start(subscription.address(), options, wish);
        resuming.course.attempted(Ok(subscription))?;
        Ok(resuming)
    }

    /// The sequence up to which everything has been told: a later subscription goes on after it.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.course.place.position()
    }

    /// Journal and epoch of the engine that is followed.
    #[must_use]
    pub fn history(&self) -> Option<([u8; 16], u32)> {
        self.course.place.options().history
    }

    /// Why there is no connection just now, or the last attempt to make one failed; `None` while
    /// there is one.
    #[must_use]
    pub fn lost_because(&self) -> Option<&str> {
        self.course.lost_because()
    }

    /// What is told next, each thing once; `None` if nothing has come for `longest`, or a little
    /// more where a connection is made. Tells the engine that somebody is there: call it at least
    /// every few seconds.
    ///
    /// # Errors
    ///
    /// Why nothing more comes: the engine declines for good, has another history, or could not be
    /// reached for [`SubscriptionOptions::give_up_after`].
    pub fn next_within(&mut self, longest: Duration) -> Result<Option<Followed>, ClientError> {
        let deadline = Instant::now() + longest;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(subscription) = self.connected_within(left)? else { return Ok(None) };
            match subscription.next_within(left) {
                Ok(None) => return Ok(None),
                Ok(Some(followed)) => {
                    if let Some(new) = self.course.place.admit(followed) {
                        return Ok(Some(new));
                    }
                }
                Err(error) => self.course.lost(error)?,
            }
        }
    }

    /// Gives what has come to `take`, or waits for something, but no longer than `longest`; whether
    /// something came. As [`ResumingSubscription::next_within`], for all that came at once.
    ///
    /// # Errors
    ///
    /// As [`ResumingSubscription::next_within`].
    pub fn receive(
        &mut self,
        longest: Duration,
        mut take: impl FnMut(Followed),
    ) -> Result<bool, ClientError> {
        let Some(first) = self.next_within(longest)? else { return Ok(false) };
        take(first);
        while let Some(subscription) = self.course.connection() {
            match subscription.next_here() {
                Ok(None) => break,
                Ok(Some(followed)) => {
                    let _ = self.course.place.admit(followed).map(&mut take);
                }
                Err(error) => self.course.lost(error)?,
            }
        }
        Ok(true)
    }

    /// Tells the engine that everything up to `sequence` was dealt with, which was told: only for a
    /// subscription with a name. Where the connection is lost it does nothing: a later call with a
    /// higher sequence stands for this one too.
    pub fn acknowledge(&mut self, sequence: u64) {
        if let Some(subscription) = self.course.connection() {
            // Where it fails, the next call says why.
            drop(subscription.acknowledge(sequence));
        }
    }

    /// The connection, made again if need be; `None` if the next attempt is due later than
    /// `longest` from now.
    fn connected_within(
        &mut self,
        longest: Duration,
    ) -> Result<Option<&mut Subscription>, ClientError> {
        let deadline = Instant::now() + longest;
        while let Some(retry_at) = self.course.retry_at() {
            std::thread::sleep(retry_at.min(deadline).saturating_duration_since(Instant::now()));
            if retry_at > deadline {
                return Ok(None);
            }
            let place = &self.course.place;
            let (options, wish) = (place.options(), place.wish());
            let attempt = Subscription::open_with(&self.course.address, options, wish);
            self.course.attempted(attempt)?;
        }
        self.course.connection().map(Some).ok_or(ClientError::Ended)
    }
}

impl Iterator for ResumingSubscription {
    type Item = Result<Followed, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.course.has_ended() {
            return None;
        }
        loop {
            match self.next_within(HEARTBEAT) {
                Ok(None) => {}
                Ok(Some(followed)) => return Some(Ok(followed)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl FusedIterator for ResumingSubscription {}
