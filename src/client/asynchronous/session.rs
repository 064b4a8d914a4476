//! A session that outlives its connections, awaited.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::link::{Link, Shared};
use crate::resuming::answers::Answers;
use crate::resuming::attempts::Attempts;
use crate::sender::check_batch;
use crate::{Address, Answer, ClientError, Delivered, SessionOptions};
use ringfence_codec::wire::EngineHello;
use ringfence_types::Command;

/// A session with a name, as [`Session`](crate::Session) is: each request takes effect once.
///
/// ```no_run
/// use ringfence_client::types::{Account, Command};
/// use ringfence_client::{AsyncSession, Delivered, SessionOptions, session_id};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let address = "unix:/var/lib/ringfence/ringfence.sock".parse()?;
/// let options = SessionOptions { session: session_id("billing"), ..SessionOptions::default() };
/// let (sender, mut receiver) = AsyncSession::open(&address, options).await?.split();
/// tokio::spawn(async move {
///     let account = Account { id: 1, ledger: 978, code: 1, ..Account::default() };
///     sender.send(&[Command::create_account(account)], 0).await
/// });
/// while let Delivered::Answer { number, answer, .. } = receiver.receive().await? {
///     println!("request {number}: {}", answer.outcome.status().name());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncSession {
    sender: AsyncSessionSender,
    receiver: AsyncSessionReceiver,
}

/// The half of a session that sends. Dropping all its clones ends the session at once.
#[derive(Debug, Clone)]
pub struct AsyncSessionSender {
    handle: Arc<Handle>,
}

/// The half of a session that receives. Dropping it ends the session at once.
#[derive(Debug)]
pub struct AsyncSessionReceiver {
    /// What came with one read, together.
    delivered: mpsc::UnboundedReceiver<Vec<Delivered>>,
    /// What is left of those that were taken last.
    here: std::vec::IntoIter<Delivered>,
    _handle: Handle,
}

/// Whoever holds one keeps the session open; dropping it ends it.
#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl AsyncSession {
    /// Opens a session with the engine that listens at `address`, and waits for its hello. A task
    /// of the current tokio runtime serves it until it ends.
    ///
    /// # Errors
    ///
    /// As [`Session::open`](crate::Session::open).
    ///
    /// # Panics
    ///
    /// If the session has no name, or outside a tokio runtime.
    pub async fn open(
        address: &Address,
        options: SessionOptions,
    ) -> Result<AsyncSession, ClientError> {
        assert!(options.session != 0, "a session that is resumed has a name");
        let (session, _) = AsyncSession::start(address, &options).await?;
        Ok(session)
    }

    /// As [`AsyncSession::open`], also without a name; with what the engine said of itself and of
    /// the session. Where an earlier life of the session had sent something, receive until what is
    /// [replayed](Delivered::Replayed) reaches [`EngineHello::last_sequence`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSession::open`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn start(
        address: &Address,
        options: &SessionOptions,
    ) -> Result<(AsyncSession, EngineHello), ClientError> {
        let shared = Shared::new(options);
        let (deliver, delivered) = mpsc::unbounded_channel();
        let link = Link {
            address: address.clone(),
            tls: options.tls.clone(),
            shared: Arc::clone(&shared),
            attempts: Attempts::new(options.give_up_after),
            deliver,
        };
        let here = Vec::new().into_iter();
        let receiver =
            AsyncSessionReceiver { delivered, here, _handle: Handle(Arc::clone(&shared)) };
        let sender = AsyncSessionSender { handle: Arc::new(Handle(shared)) };
        let mut session = AsyncSession { sender, receiver };
        tokio::spawn(link.run());
        loop {
            if let Delivered::Connected(hello) = session.receive().await? {
                return Ok((session, hello));
            }
        }
    }

    /// Sends a batch, and returns its request number. Awaits room while as much is under way as the
    /// engine allows: answers are to be received meanwhile, by another task, or before. Safe to
    /// cancel: a call that has not returned has sent nothing.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotABatch`], and nothing was sent; [`ClientError::Ended`].
    pub async fn send(&self, batch: &[Command], tag: u128) -> Result<u64, ClientError> {
        self.sender.send(batch, tag).await
    }

    /// What is delivered next. Safe to cancel: nothing is lost.
    ///
    /// # Errors
    ///
    /// Why the session has ended.
    pub async fn receive(&mut self) -> Result<Delivered, ClientError> {
        self.receiver.receive().await
    }

    /// Sends one batch and waits for its answers, one for each command. For a session whose other
    /// requests are answered: what else is delivered meanwhile is dropped. Cancelled, the batch may
    /// have been sent, and the answers that came are dropped.
    ///
    /// # Errors
    ///
    /// As [`AsyncSession::send`] and [`AsyncSession::receive`]; [`ClientError::OutcomesLost`] if
    /// the batch was executed and its outcomes can no longer be had.
    pub async fn execute(&mut self, batch: &[Command]) -> Result<Vec<Answer>, ClientError> {
        let sent = self.send(batch, 0).await?;
        let mut answers = Answers::new(sent, batch.len());
        loop {
            if let Some(all) = answers.take(self.receive().await?)? {
                return Ok(all);
            }
        }
    }

    /// The two halves, for two tasks or more.
    #[must_use]
    pub fn split(self) -> (AsyncSessionSender, AsyncSessionReceiver) {
        (self.sender, self.receiver)
    }
}

impl AsyncSessionSender {
    /// Sends a batch, and returns its request number. Awaits room while as much is under way as the
    /// engine allows; those who wait get it in the order in which they came. Safe to cancel: a call
    /// that has not returned has sent nothing.
    ///
    /// # Errors
    ///
    /// As [`AsyncSession::send`].
    pub async fn send(&self, batch: &[Command], tag: u128) -> Result<u64, ClientError> {
        check_batch(batch)?;
        self.handle.0.push(batch, None, tag).await
    }

    /// As [`AsyncSessionSender::send`], with a request number of the caller's: above all before it.
    ///
    /// # Errors
    ///
    /// As [`AsyncSession::send`].
    ///
    /// # Panics
    ///
    /// If the number does not increase.
    pub async fn send_numbered(
        &self,
        batch: &[Command],
        number: u64,
        tag: u128,
    ) -> Result<(), ClientError> {
        check_batch(batch)?;
        self.handle.0.push(batch, Some(number), tag).await.map(drop)
    }

    /// Sends batches with request numbers of the caller's, each above the one before, as far as
    /// there is room for them now; returns how many were sent.
    ///
    /// # Errors
    ///
    /// As [`AsyncSession::send`].
    ///
    /// # Panics
    ///
    /// If a number does not increase.
    pub fn try_send_numbered<'a>(
        &self,
        batches: impl IntoIterator<Item = (&'a [Command], u64)> + Clone,
    ) -> Result<usize, ClientError> {
        batches.clone().into_iter().try_for_each(|(batch, _)| check_batch(batch))?;
        self.handle.0.try_push_numbered(batches)
    }

    /// As [`AsyncSessionSender::send`], but returns `None` instead of waiting.
    ///
    /// # Errors
    ///
    /// As [`AsyncSession::send`].
    pub fn try_send(&self, batch: &[Command], tag: u128) -> Result<Option<u64>, ClientError> {
        check_batch(batch)?;
        self.handle.0.try_push(batch, None, tag)
    }

    /// Whether there is a connection just now, and the engine has answered its hello.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.handle.0.is_connected()
    }

    /// How many commands are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.handle.0.under_way()
    }
}

impl AsyncSessionReceiver {
    /// What is delivered next. Safe to cancel: nothing is lost.
    ///
    /// # Errors
    ///
    /// Why the session has ended.
    pub async fn receive(&mut self) -> Result<Delivered, ClientError> {
        loop {
            if let Some(delivered) = self.here.next() {
                return unless_ended(delivered);
            }
            let together = self.delivered.recv().await.ok_or(ClientError::Ended)?;
            self.here = together.into_iter();
        }
    }

    /// What is delivered next, if it has come already; `None` if not.
    ///
    /// # Errors
    ///
    /// Why the session has ended.
    pub fn receive_here(&mut self) -> Result<Option<Delivered>, ClientError> {
        loop {
            if let Some(delivered) = self.here.next() {
                return unless_ended(delivered).map(Some);
            }
            match self.delivered.try_recv() {
                Ok(together) => self.here = together.into_iter(),
                Err(mpsc::error::TryRecvError::Empty) => return Ok(None),
                Err(mpsc::error::TryRecvError::Disconnected) => return Err(ClientError::Ended),
            }
        }
    }
}

/// The end of a session is an error.
fn unless_ended(delivered: Delivered) -> Result<Delivered, ClientError> {
    match delivered {
        Delivered::Ended(error) => Err(error),
        delivered => Ok(delivered),
    }
}
