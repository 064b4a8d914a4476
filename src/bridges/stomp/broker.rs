//! What brokers do each in their own way.

use crate::frame::{Command, Frame};

/// Bytes that Artemis is told a message has, to make bytes of a number of messages.
const MESSAGE_BYTES: usize = 1024;

/// Which broker it is, by what it says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broker {
    ActiveMq,
    Artemis,
    RabbitMq,
    Other,
}

impl Broker {
    /// By the header `server` of its first frame.
    pub fn of(connected: &Frame) -> Broker {
        let server = connected.header("server").unwrap_or_default();
        let is = |name| server.starts_with(name);
        match server {
            _ if is("ActiveMQ-Artemis") => Broker::Artemis,
            _ if is("ActiveMQ") => Broker::ActiveMq,
            _ if is("RabbitMQ") => Broker::RabbitMq,
            _ => Broker::Other,
        }
    }

    /// Whether the receipt of a COMMIT says that what was committed is stored. RabbitMQ's does not:
    /// it confirms messages alone.
    pub fn stores_with_commit(self) -> bool {
        matches!(self, Broker::ActiveMq | Broker::Artemis)
    }

    /// Takes messages from a queue, each with an acknowledgement of its own, at most so many.
    pub fn subscribe(self, destination: &str, credit: usize) -> Frame {
        let frame = Frame::new(Command::Subscribe)
            .with("id", "0")
            .with("destination", destination)
            .with("ack", "client-individual");
        match self {
            Broker::ActiveMq => frame
                .with("activemq.prefetchSize", credit.to_string())
                // As long as an earlier consumer has messages none overtakes them.
                .with("activemq.exclusive", "true"),
            Broker::Artemis => frame
                .with("consumer-window-size", (credit * MESSAGE_BYTES).to_string())
                .with("subscription-type", "ANYCAST"),
            Broker::RabbitMq => frame.with("prefetch-count", credit.to_string()),
            Broker::Other => frame,
        }
    }

    /// A message that is to survive a restart of the broker.
    pub fn send(self, destination: &str, routing: Routing) -> Frame {
        let frame =
            Frame::new(Command::Send).with("destination", destination).with("persistent", "true");
        match (self, routing) {
            (Broker::Artemis, Routing::Queue) => frame.with("destination-type", "ANYCAST"),
            (Broker::Artemis, Routing::Topic) => frame.with("destination-type", "MULTICAST"),
            _ => frame,
        }
    }
}

/// How Artemis hands a message out. With other brokers the destination's name says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routing {
    /// To one consumer.
    Queue,
    /// To every subscription.
    Topic,
    /// As the destination is.
    Any,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_known_by_what_they_say() {
        let cases = [
            ("ActiveMQ/5.17.2", Broker::ActiveMq),
            ("ActiveMQ-Artemis/2.55.0 ActiveMQ Artemis Messaging Engine", Broker::Artemis),
            ("RabbitMQ/3.10.8", Broker::RabbitMq),
            ("CoilMQ/1.0", Broker::Other),
        ];
        for (server, broker) in cases {
            let connected = Frame::new(Command::Connected).with("server", server);
            assert_eq!(Broker::of(&connected), broker);
        }
        assert_eq!(Broker::of(&Frame::new(Command::Connected)), Broker::Other);
    }
}
