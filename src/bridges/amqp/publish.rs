//! Publishing with confirms, many under way.
//!
//! lapin queues a frame at the first poll of what sends it, and ends it when the frame is written:
//! to wait for each is a system call and two changes of thread for each message. So what is sent is
//! polled once, and its end is waited for together with its confirm.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use ringfence_bridge_core::Failure;

/// How often the log says that a reply is left out.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Delivery mode of messages that survive a restart of the broker.
pub(crate) const PERSISTENT: u8 = 2;

/// Ends when the broker has stored a message.
pub(crate) type Confirming = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// A channel whose messages are confirmed.
#[derive(Debug)]
pub(crate) struct Publisher {
    channel: Arc<Channel>,
}

/// Where a message goes.
pub(crate) struct Route<'a> {
    pub exchange: &'a str,
    pub key: &'a str,
    /// What it means if no queue takes the message.
    pub unwanted: Unwanted<'a>,
}

/// What it means if no queue takes a message.
#[derive(Clone, Copy)]
pub(crate) enum Unwanted<'a> {
    /// Nothing, and nobody is told.
    Dropped,
    /// It is dropped, and the log says so.
    Told(&'a Arc<Seldom>),
    /// It is a failure.
    Failure,
}

/// Says in the log that replies are dropped, now and then.
#[derive(Debug)]
pub(crate) struct Seldom {
    source: String,
    last: Mutex<Option<Instant>>,
}

impl Seldom {
    pub fn new(source: &str) -> Arc<Seldom> {
        Arc::new(Seldom { source: source.to_owned(), last: Mutex::new(None) })
    }

    fn tell(&self, why: &Failure) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
            *last = Some(Instant::now());
            tracing::warn!(source = self.source, "a reply is left out: {why}");
        }
    }
}

impl Publisher {
    pub async fn open(connection: &Connection) -> Result<Publisher, Failure> {
        let channel = connection.create_channel().await.map_err(Failure::retry)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(Failure::retry)?;
        Ok(Publisher { channel: Arc::new(channel) })
    }

    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Sends a message after those of earlier calls. Its confirmation comes later.
    pub fn publish(
        &self,
        route: &Route<'_>,
        body: Vec<u8>,
        properties: BasicProperties,
    ) -> Result<Confirming, Failure> {
        let mandatory = !matches!(route.unwanted, Unwanted::Dropped);
        let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
        let seldom = match route.unwanted {
            Unwanted::Told(seldom) => Some(Arc::clone(seldom)),
            Unwanted::Dropped | Unwanted::Failure => None,
        };
        let key = ShortString::try_new(route.key)
            .map_err(|error| Failure::last(format!("routing key {}: {error}", route.key)))?;
        let (channel, exchange) = (Arc::clone(&self.channel), ShortString::from(route.exchange));
        let mut sending: Confirming = Box::pin(async move {
            let (to, by) = (exchange.clone(), key.clone());
            let sent = channel.basic_publish(exchange, key, options, &body, properties).await;
            stored(sent.map_err(Failure::retry)?.await, &to, &by, seldom.as_deref())
        });
        match poll_once(sending.as_mut()) {
            Poll::Pending => Ok(sending),
            Poll::Ready(sent) => sent.map(|()| Box::pin(std::future::ready(Ok(()))) as Confirming),
        }
    }
}

/// Queues a frame that has no answer, after those before it. If it cannot be sent any more, the
/// connection ends, and the consumer with it.
pub(crate) fn queue(sending: impl Future<Output = lapin::Result<()>>) -> Result<(), Failure> {
    match poll_once(pin!(sending)) {
        Poll::Pending => Ok(()),
        Poll::Ready(sent) => sent.map_err(Failure::retry),
    }
}

fn poll_once<F: Future + ?Sized>(sending: Pin<&mut F>) -> Poll<F::Output> {
    // What polls it later leaves a waker that wakes.
    sending.poll(&mut Context::from_waker(Waker::noop()))
}

/// Whether the broker has stored the message.
fn stored(
    confirmed: lapin::Result<Confirmation>,
    exchange: &ShortString,
    key: &ShortString,
    seldom: Option<&Seldom>,
) -> Result<(), Failure> {
    let route = || match exchange.as_str() {
        "" => format!("to queue {key}"),
        exchange => format!("to exchange {exchange} with routing key {key}"),
    };
    match confirmed.map_err(Failure::retry)? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(returned)) => {
            let text = &returned.reply_text;
            let why = Failure::retry(format!("no queue takes the message {}: {text}", route()));
            match seldom {
                Some(seldom) => {
                    seldom.tell(&why);
                    Ok(())
                }
                None => Err(why),
            }
        }
        Confirmation::Nack(_) => {
            Err(Failure::retry(format!("the broker did not store a message {}", route())))
        }
        Confirmation::NotRequested => Err(Failure::last("the channel has no confirms")),
    }
}

/// Headers as AMQP has them.
pub(crate) fn table<N: Into<ShortString>>(
    headers: impl IntoIterator<Item = (N, String)>,
    into: &mut FieldTable,
) {
    for (name, value) in headers {
        into.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
    }
}
