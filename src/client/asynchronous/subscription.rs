//! What happens in an engine, from a sequence on, awaited.

use super::pipe::Pipe;
use crate::resuming::course::{Answered, Course};
use crate::subscription::{Answers, request};
use crate::{Address, ClientError, Followed, SubscriptionOptions};
use ringfence_codec::wire::{EngineHello, Subscribe, Subscribed, encode_acknowledge};

/// A connection that follows an engine, as [`Subscription`](crate::Subscription) is. It ends with
/// its connection; [`AsyncResumingSubscription`] does not.
///
/// ```no_run
/// use ringfence_client::{AsyncSubscription, Followed, Start, Subscribe};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let address = "unix:/var/lib/ringfence/ringfence.sock".parse()?;
/// let wish = Subscribe { accounts: vec![100], ..Subscribe::outcomes(Start::After(4711)) };
/// let mut subscription = AsyncSubscription::open(&address, &wish).await?;
/// loop {
///     match subscription.next().await? {
///         Followed::Outcomes { first_sequence, outcomes } => {
///             println!("{} outcomes from {first_sequence} on", outcomes.len());
///         }
///         Followed::Progress(progress) => println!("dealt with up to {}", progress.sequence),
///         _ => {}
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncSubscription {
    pipe: Pipe,
    hello: EngineHello,
    subscribed: Subscribed,
}

impl AsyncSubscription {
    /// Follows the engine that listens at `address`.
    ///
    /// # Errors
    ///
    /// As [`Subscription::open`](crate::Subscription::open).
    pub async fn open(
        address: &Address,
        wish: &Subscribe,
    ) -> Result<AsyncSubscription, ClientError> {
        AsyncSubscription::open_with(address, &SubscriptionOptions::default(), wish).await
    }

    /// As [`AsyncSubscription::open`], for one that says which history is expected, or shows who
    /// the client is.
    ///
    /// # Errors
    ///
    /// As [`AsyncSubscription::open`].
    pub async fn open_with(
        address: &Address,
        options: &SubscriptionOptions,
        wish: &Subscribe,
    ) -> Result<AsyncSubscription, ClientError> {
        let mut pipe = Pipe::open(address, options.tls.as_ref()).await?;
        request(options, wish, pipe.out());
        let mut answers = Answers::default();
        loop {
            if let Some((hello, subscribed)) = answers.take_in(&mut pipe.decoder, address)? {
                pipe.is_greeted = true;
                pipe.idle_timeout = crate::resuming::exchange::idle_timeout(&hello);
                return Ok(AsyncSubscription { pipe, hello, subscribed });
            }
            pipe.step().await?;
        }
    }

    /// What the engine said of itself.
    #[must_use]
    pub fn hello(&self) -> EngineHello {
        self.hello
    }

    /// Where the subscription began, and what the engine has.
    #[must_use]
    pub fn subscribed(&self) -> Subscribed {
        self.subscribed
    }

    /// What is told next. While it is awaited the engine is told that somebody is there: await it
    /// at least every few seconds. Safe to cancel: nothing is lost.
    ///
    /// # Errors
    ///
    /// Why nothing more comes.
    pub async fn next(&mut self) -> Result<Followed, ClientError> {
        loop {
            if let Some(followed) = self.next_here()? {
                return Ok(followed);
            }
            self.pipe.step().await?;
        }
    }

    /// What is told next, if it has come already.
    fn next_here(&mut self) -> Result<Option<Followed>, ClientError> {
        Followed::next(&mut self.pipe.decoder, &self.pipe.address)
    }

    /// Tells the engine that everything up to `sequence` was dealt with, which was received: only
    /// for a subscription with a name. Does not wait: what the socket does not take at once goes
    /// out with the next call of [`AsyncSubscription::next`].
    ///
    /// # Errors
    ///
    /// [`ClientError::Closed`]; [`AsyncSubscription::next`] may know why.
    pub async fn acknowledge(&mut self, sequence: u64) -> Result<(), ClientError> {
        encode_acknowledge(sequence, self.pipe.out());
        self.pipe.write_now().await
    }
}

/// A subscription that outlives its connections: it connects again by itself and goes on after what
/// it has told.
///
/// Its position is that of the last outcome or progress that was told.
#[derive(Debug)]
pub struct AsyncResumingSubscription {
    course: Course<AsyncSubscription>,
}

impl Answered for AsyncSubscription {
    fn hello(&self) -> EngineHello {
        self.hello
    }

    fn subscribed(&self) -> Subscribed {
        self.subscribed
    }
}

impl AsyncResumingSubscription {
    /// Follows the engine that listens at `address`, and waits for its answer.
    ///
    /// # Errors
    ///
    /// As [`AsyncSubscription::open`], once the engine could not be reached for
    /// [`SubscriptionOptions::give_up_after`].
    pub async fn open(
        address: &Address,
        options: SubscriptionOptions,
        wish: Subscribe,
    ) -> Result<AsyncResumingSubscription, ClientError> {
        let mut subscription = AsyncResumingSubscription::start(address, options, wish);
        while !subscription.connect().await? {}
        Ok(subscription)
    }

    /// Follows the engine that listens at `address`. The first call that wants something of it
    /// connects.
    #[must_use]
    pub fn start(
        address: &Address,
        options: SubscriptionOptions,
        wish: Subscribe,
    ) -> AsyncResumingSubscription {
        AsyncResumingSubscription { course: Course::new(address, options, wish) }
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

    /// What is told next; each thing once, also where the connection was lost meanwhile. While it
    /// is awaited the engine is told that somebody is there. Safe to cancel: nothing is lost.
    ///
    /// # Errors
    ///
    /// Why nothing more comes: the engine declines for good, has another history, or could not be
    /// reached for [`SubscriptionOptions::give_up_after`].
    pub async fn next(&mut self) -> Result<Followed, ClientError> {
        loop {
            if let Some(followed) = self.next_or_change().await? {
                return Ok(followed);
            }
        }
    }

    /// As [`AsyncResumingSubscription::next`], but `None` each time a connection is made or lost,
    /// or an attempt to make one fails: [`AsyncResumingSubscription::lost_because`] says which. The
    /// next call goes on. Safe to cancel as that is, but an attempt to connect begins anew.
    ///
    /// # Errors
    ///
    /// As [`AsyncResumingSubscription::next`].
    pub async fn next_or_change(&mut self) -> Result<Option<Followed>, ClientError> {
        if self.course.connection().is_none() {
            self.connect().await?;
            return Ok(None);
        }
        while let Some(subscription) = self.course.connection() {
            match subscription.next().await {
                Ok(followed) => {
                    if let Some(new) = self.course.place.admit(followed) {
                        return Ok(Some(new));
                    }
                }
                Err(error) => self.course.lost(error)?,
            }
        }
        Ok(None)
    }

    /// What is told next, if it has come already; `None` if not, or where there is no connection.
    ///
    /// # Errors
    ///
    /// As [`AsyncResumingSubscription::next`].
    pub fn next_here(&mut self) -> Result<Option<Followed>, ClientError> {
        while let Some(subscription) = self.course.connection() {
            match subscription.next_here() {
                Ok(None) => break,
                Ok(Some(followed)) => {
                    if let Some(new) = self.course.place.admit(followed) {
                        return Ok(Some(new));
                    }
                }
                Err(error) => self.course.lost(error)?,
            }
        }
        Ok(None)
    }

    /// Tells the engine that everything up to `sequence` was dealt with, which was told: only for a
    /// subscription with a name. Where the connection is lost it does nothing: a later call with a
    /// higher sequence stands for this one too. Does not wait.
    pub async fn acknowledge(&mut self, sequence: u64) {
        if let Some(subscription) = self.course.connection() {
            // Where it fails, the next call says why.
            drop(subscription.acknowledge(sequence).await);
        }
    }

    /// Connects where there is no connection, when the next attempt is due; whether there is one
    /// then.
    async fn connect(&mut self) -> Result<bool, ClientError> {
        if let Some(retry_at) = self.course.retry_at() {
            tokio::time::sleep_until(retry_at.into()).await;
            let place = &self.course.place;
            let (options, wish) = (place.options(), place.wish());
            let attempt = AsyncSubscription::open_with(&self.course.address, options, wish).await;
            self.course.attempted(attempt)?;
        }
        match self.course.has_ended() {
            true => Err(ClientError::Ended),
            false => Ok(self.course.connection().is_some()),
        }
    }
}
