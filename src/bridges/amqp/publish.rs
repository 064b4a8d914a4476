//! Publishing with confirms.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, PublisherConfirm};
use ringfence_bridge_core::Failure;

/// Delivery mode of messages that survive a restart of the broker.
pub(crate) const PERSISTENT: u8 = 2;

/// A channel whose messages are confirmed.
#[derive(Debug)]
pub(crate) struct Publisher {
    channel: Channel,
}

/// Where a message goes.
pub(crate) struct Route<'a> {
    pub exchange: &'a str,
    pub key: &'a str,
    /// Whether it is a failure if no queue takes the message.
    pub mandatory: bool,
}

impl Publisher {
    pub async fn open(connection: &Connection) -> Result<Publisher, Failure> {
        let channel = connection.create_channel().await.map_err(Failure::retry)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(Failure::retry)?;
        Ok(Publisher { channel })
    }

    /// Sends a message. Its confirmation comes later.
    pub async fn publish(
        &self,
        route: &Route<'_>,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<PublisherConfirm, Failure> {
        let options =
            BasicPublishOptions { mandatory: route.mandatory, ..BasicPublishOptions::default() };
        let key = ShortString::try_new(route.key)
            .map_err(|error| Failure::last(format!("routing key {}: {error}", route.key)))?;
        let published =
            self.channel.basic_publish(route.exchange.into(), key, options, body, properties);
        published.await.map_err(Failure::retry)
    }
}

/// Waits until the broker has stored the message.
pub(crate) async fn confirmed(confirm: PublisherConfirm) -> Result<(), Failure> {
    match confirm.await.map_err(Failure::retry)? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(returned)) => {
            let text = &returned.reply_text;
            Err(Failure::retry(format!("no queue takes the message: {text}")))
        }
        Confirmation::Nack(_) => Err(Failure::retry("the broker did not store a message")),
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
