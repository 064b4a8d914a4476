//! What happens in an engine, from a sequence on.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::connection::{Connection, HEARTBEAT};
use super::resuming::exchange::{HELLO_TIMEOUT, idle_timeout};
use super::{Address, ClientError, Followed, SubscriptionOptions};
use ringfence_codec::wire::{
    ClientHello, EngineHello, Mode, Reply, ReplyDecoder, Subscribe, Subscribed, Violation,
    encode_acknowledge, encode_client_hello, encode_heartbeat, encode_subscribe,
};

/// How long to wait at a time for the engine's answers to hello and request.
const LISTEN: Duration = Duration::from_millis(250);

/// A connection that follows an engine. Its calls block. It ends with its connection;
/// [`ResumingSubscription`](crate::ResumingSubscription) does not.
///
/// ```no_run
/// use ringfence_client::{Reply, Start, Subscribe, Subscription};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address = "unix:/var/lib/ringfence/ringfence.sock".parse()?;
/// let wish = Subscribe { accounts: vec![100], ..Subscribe::outcomes(Start::After(4711)) };
/// let mut subscription = Subscription::open(&address, &wish)?;
/// loop {
///     subscription.receive(Duration::from_secs(1), |reply| match reply {
///         Reply::Outcomes { first_sequence, outcomes } => {
///             println!("{} outcomes from {first_sequence} on", outcomes.len());
///         }
///         Reply::Progress(progress) => println!("dealt with up to {}", progress.sequence),
///         _ => {}
///     })?;
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Subscription {
    connection: Connection,
    decoder: ReplyDecoder,
    hello: EngineHello,
    subscribed: Subscribed,
    unsent: Vec<u8>,
    /// When something was last said.
    said: Instant,
    /// When something was last heard.
    heard: Instant,
    /// How long the engine may be silent.
    idle_timeout: Duration,
}

impl Subscription {
    /// Follows the engine that listens at `address`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`] if connecting fails, [`ClientError::Refused`] if the engine declines,
    /// [`ClientError::Protocol`] if no engine of this version listens there.
    pub fn open(address: &Address, wish: &Subscribe) -> Result<Subscription, ClientError> {
        Subscription::open_with(address, &SubscriptionOptions::default(), wish)
    }

    /// As [`Subscription::open`], for one that says which history is expected, or shows who the
    /// client is.
    ///
    /// # Errors
    ///
    /// As [`Subscription::open`].
    pub fn open_with(
        address: &Address,
        options: &SubscriptionOptions,
        wish: &Subscribe,
    ) -> Result<Subscription, ClientError> {
        let mut unsent = Vec::new();
        request(options, wish, &mut unsent);
        let mut subscription = Subscription {
            connection: Connection::open(address, options.tls.as_ref())?,
            decoder: ReplyDecoder::new(),
            hello: EngineHello::default(),
            subscribed: Subscribed::default(),
            unsent,
            said: Instant::now(),
            heard: Instant::now(),
            idle_timeout: HELLO_TIMEOUT,
        };
        // An engine that declines says why; the failed write says less.
        let sent = subscription.send();
        let answered = subscription.wait_for_answers();
        answered.map_err(|error| match (sent, error) {
            (Err(unsent), ClientError::Closed(_)) => unsent,
            (_, error) => error,
        })?;
        Ok(subscription)
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

    pub(super) fn address(&self) -> &Address {
        &self.connection.address
    }

    /// Gives what has come to `take`, or waits for something, but no longer than `longest`; whether
    /// something came. Tells the engine that somebody is there: call it at least every few seconds.
    ///
    /// # Errors
    ///
    /// Why nothing more comes.
    pub fn receive(
        &mut self,
        longest: Duration,
        mut take: impl FnMut(Reply<'_>),
    ) -> Result<bool, ClientError> {
        if self.give(&mut take)? {
            return Ok(true);
        }
        self.say_heartbeat()?;
        self.read(longest)?;
        self.give(&mut take)
    }

    /// What is told next; `None` if nothing has come for `longest`. As [`Subscription::receive`], one
    /// message at a time.
    ///
    /// # Errors
    ///
    /// Why nothing more comes.
    pub fn next_within(&mut self, longest: Duration) -> Result<Option<Followed>, ClientError> {
        if let Some(followed) = self.next_here()? {
            return Ok(Some(followed));
        }
        self.say_heartbeat()?;
        self.read(longest)?;
        self.next_here()
    }

    /// What is told next of what has come.
    pub(super) fn next_here(&mut self) -> Result<Option<Followed>, ClientError> {
        Followed::next(&mut self.decoder, &self.connection.address)
    }

    /// Tells the engine that everything up to `sequence` was dealt with, which was received: only
    /// for a subscription with a name.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`].
    pub fn acknowledge(&mut self, sequence: u64) -> Result<(), ClientError> {
        encode_acknowledge(sequence, &mut self.unsent);
        self.send()
    }

    fn wait_for_answers(&mut self) -> Result<(), ClientError> {
        let mut answers = Answers::default();
        loop {
            let answered = answers.take_in(&mut self.decoder, &self.connection.address)?;
            if let Some(answered) = answered {
                (self.hello, self.subscribed) = answered;
                self.idle_timeout = idle_timeout(&self.hello);
                return Ok(());
            }
            self.read(LISTEN)?;
        }
    }

    /// Gives the whole messages that are there; whether there was one.
    fn give(&mut self, take: &mut impl FnMut(Reply<'_>)) -> Result<bool, ClientError> {
        let mut has_given = false;
        loop {
            match self.decoder.next_reply() {
                Ok(None) => return Ok(has_given),
                Ok(Some(Reply::Error(error))) => return Err(self.connection.refused(error)),
                Ok(Some(Reply::Hello(_) | Reply::Subscribed(_))) => {
                    return Err(self.connection.violated(Violation::BadValue("kind")));
                }
                Ok(Some(reply)) => take(reply),
                Err(violation) => return Err(self.connection.violated(violation)),
            }
            has_given = true;
        }
    }

    /// Tells the engine that somebody is there, if nothing else has for a while.
    fn say_heartbeat(&mut self) -> Result<(), ClientError> {
        if self.said.elapsed() < HEARTBEAT {
            return Ok(());
        }
        encode_heartbeat(&mut self.unsent);
        self.send()
    }

    fn send(&mut self) -> Result<(), ClientError> {
        let written = (&self.connection.stream).write_all(&self.unsent);
        self.unsent.clear();
        self.said = Instant::now();
        written.map_err(|source| self.connection.error("writing to", source))
    }

    /// Reads what has come, or waits for it.
    fn read(&mut self, longest: Duration) -> Result<(), ClientError> {
        let failed = |source| self.connection.error("reading from", source);
        // A time of zero would be none.
        let longest = longest.max(Duration::from_micros(1));
        self.connection.stream.set_read_timeout(longest).map_err(failed)?;
        match (&self.connection.stream).read(self.decoder.frames().spare()) {
            Ok(0) => Err(ClientError::Closed(self.connection.address.clone())),
            Ok(count) => {
                self.decoder.frames().advance(count);
                self.heard = Instant::now();
                Ok(())
            }
            Err(error) if is_nothing_yet(&error) && self.heard.elapsed() > self.idle_timeout => {
                Err(self.connection.error("listening to", io::ErrorKind::TimedOut.into()))
            }
            Err(error) if is_nothing_yet(&error) => Ok(()),
            Err(error) => Err(self.connection.error("reading from", error)),
        }
    }
}

/// Appends what a subscription says first: hello and request.
pub(super) fn request(options: &SubscriptionOptions, wish: &Subscribe, out: &mut Vec<u8>) {
    encode_client_hello(&ClientHello { mode: Mode::Subscription, ..options.greeting() }, out);
    encode_subscribe(wish, out);
}

/// The engine's answers to hello and request, as far as they have come.
#[derive(Default)]
pub(super) struct Answers {
    hello: Option<EngineHello>,
}

impl Answers {
    /// Takes in what has come; both answers, once they are there.
    pub(super) fn take_in(
        &mut self,
        decoder: &mut ReplyDecoder,
        address: &Address,
    ) -> Result<Option<(EngineHello, Subscribed)>, ClientError> {
        let violated = |violation| ClientError::Protocol { address: address.clone(), violation };
        loop {
            match (decoder.next_reply().map_err(violated)?, self.hello) {
                (None, _) => return Ok(None),
                (Some(Reply::Hello(hello)), _) => self.hello = Some(hello),
                (Some(Reply::Subscribed(subscribed)), Some(hello)) => {
                    return Ok(Some((hello, subscribed)));
                }
                (Some(Reply::Error(error)), _) => {
                    return Err(ClientError::Refused { address: address.clone(), error });
                }
                (Some(Reply::Heartbeat), _) => {}
                (Some(_), _) => return Err(violated(Violation::BadValue("kind"))),
            }
        }
    }
}

fn is_nothing_yet(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}
