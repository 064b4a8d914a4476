//! A subscription that outlives its connections.

use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use super::attempts::{Attempts, Cut};
use super::place::{Place, SubscriptionOptions};
use crate::connection::HEARTBEAT;
use crate::{Address, ClientError, Followed, Subscription};
use ringfence_codec::wire::Subscribe;

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
    address: Address,
    place: Place,
    attempts: Attempts,
    connection: Connection,
}

#[derive(Debug)]
enum Connection {
    Open(Box<Subscription>),
    /// Lost; the next attempt is due then.
    Lost {
        retry_at: Instant,
        reason: String,
    },
    /// Nothing more comes.
    Ended,
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
        let mut subscription = ResumingSubscription {
            address: address.clone(),
            attempts: Attempts::new(options.give_up_after),
            place: Place::new(wish, options),
            connection: Connection::Lost { retry_at: Instant::now(), reason: String::new() },
        };
        while subscription.connected_within(HEARTBEAT)?.is_none() {}
        Ok(subscription)
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
        let mut resuming = ResumingSubscription {
            address: subscription.address().clone(),
            attempts: Attempts::new(options.give_up_after),
            place: Place::new(wish, options),
            connection: Connection::Ended,
        };
        resuming.adopt(subscription)?;
        Ok(resuming)
    }

    /// The sequence up to which everything has been told: a later subscription goes on after it.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.place.position()
    }

    /// Journal and epoch of the engine that is followed.
    #[must_use]
    pub fn history(&self) -> Option<([u8; 16], u32)> {
        self.place.options().history
    }

    /// Why there is no connection just now, or the last attempt to make one failed; `None` while
    /// there is one.
    #[must_use]
    pub fn lost_because(&self) -> Option<&str> {
        match &self.connection {
            Connection::Lost { reason, .. } => Some(reason),
            Connection::Open(_) | Connection::Ended => None,
        }
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
                    if let Some(new) = self.place.admit(followed) {
                        return Ok(Some(new));
                    }
                }
                Err(error) => self.lost(error)?,
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
        while let Connection::Open(subscription) = &mut self.connection {
            match subscription.next_here() {
                Ok(None) => break,
                Ok(Some(followed)) => {
                    let _ = self.place.admit(followed).map(&mut take);
                }
                Err(error) => self.lost(error)?,
            }
        }
        Ok(true)
    }

    /// Tells the engine that everything up to `sequence` was dealt with, which was told: only for a
    /// subscription with a name. Where the connection is lost it does nothing: a later call with a
    /// higher sequence stands for this one too.
    pub fn acknowledge(&mut self, sequence: u64) {
        if let Connection::Open(subscription) = &mut self.connection {
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
        while let &Connection::Lost { retry_at, .. } = &self.connection {
            std::thread::sleep(retry_at.min(deadline).saturating_duration_since(Instant::now()));
            if retry_at > deadline {
                return Ok(None);
            }
            let (options, wish) = (self.place.options(), self.place.wish());
            match Subscription::open_with(&self.address, options, wish) {
                Ok(subscription) => self.adopt(subscription)?,
                Err(error) => self.lost(error)?,
            }
        }
        match &mut self.connection {
            Connection::Open(subscription) => Ok(Some(subscription)),
            _ => Err(ClientError::Ended),
        }
    }

    fn adopt(&mut self, subscription: Subscription) -> Result<(), ClientError> {
        self.connection = Connection::Ended;
        let answered = self.place.answered(&subscription.hello(), &subscription.subscribed());
        answered
            .map_err(|changed| ClientError::History { address: self.address.clone(), changed })?;
        self.connection = Connection::Open(Box::new(subscription));
        Ok(())
    }

    /// Sets the time of the next attempt, if there is one.
    fn lost(&mut self, error: ClientError) -> Result<(), ClientError> {
        if matches!(self.connection, Connection::Open(_)) {
            self.attempts.succeeded();
        }
        self.connection = Connection::Ended;
        let reason = error.to_string();
        let wait = self.attempts.after(Cut::from(error))?;
        self.connection = Connection::Lost { retry_at: Instant::now() + wait, reason };
        Ok(())
    }
}

impl Iterator for ResumingSubscription {
    type Item = Result<Followed, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.connection, Connection::Ended) {
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
