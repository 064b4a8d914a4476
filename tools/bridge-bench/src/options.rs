//! What is measured, as the command line says it.

use clap::{Parser, ValueEnum};
use ringfence::client::Address;

use crate::broker::OUTCOME_HEADERS;

/// Measure payments through a broker and the bridge, in turns with what the broker moves alone.
///
/// The broker alone: a client sends messages of the same length to a queue, a consumer answers each
/// at once into another queue, and the client takes the answers. Messages are persistent, and
/// everything is confirmed or acknowledged, on both ways.
#[derive(Debug, Parser)]
#[command(name = "ringfence bench bridge", version)]
pub struct Options {
    /// The broker
    #[arg(long, value_enum, default_value_t = BrokerName::Rabbitmq)]
    pub broker: BrokerName,
    /// A running broker: amqp://USER:PASSWORD@HOST:PORT/VHOST, or for Kafka HOST:PORT. Queues and
    /// an exchange, or topics, whose names begin with ringfence-bench- are made there, and deleted
    /// [default: one that is started in a temporary folder]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// A running engine, as unix:PATH or HOST:PORT, in which the accounts 1 to the number of
    /// --accounts are created [default: one that is started in a temporary folder]
    #[arg(long, value_name = "ADDR")]
    pub connect: Option<Address>,
    /// How outcomes come back from RabbitMQ
    #[arg(long, value_enum, default_value_t = Back::Exchange)]
    pub back: Back,
    /// Type of RabbitMQ's queues
    #[arg(long, value_enum, default_value_t = QueueType::Classic)]
    pub queue_type: QueueType,
    /// Give what the broker alone answers the headers that outcomes have too
    #[arg(long)]
    pub headers: bool,
    /// Have outcomes carry no header but their identity, as a sink with `headers = []` sends them
    #[arg(long)]
    pub brief: bool,
    /// How long outcomes gather in a transaction of Kafka, in milliseconds
    #[arg(long, value_name = "MS", default_value = "100")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=20_000))]
    pub commit_interval: u64,
    /// Payments in each turn [default: 20000, and 300000 with Kafka]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    pub transfers: Option<u64>,
    /// Payments in each turn, beside those, that are sent one at a time [default: 300, and 20 with
    /// Kafka]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub singles: Option<u64>,
    /// Turns of the bridge and of the broker alone each; medians are shown
    #[arg(long, value_name = "N", default_value = "3")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100))]
    pub turns: u64,
    /// Payments that are under way at a time [default: 1000, and 60000 with Kafka, where they wait
    /// for a commit twice]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub window: Option<u16>,
    /// Accounts between which they move money
    #[arg(long, value_name = "N", default_value = "10000")]
    #[arg(value_parser = clap::value_parser!(u64).range(2..=1 << 24))]
    pub accounts: u64,
    /// Seed of the payments
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// Payments in each turn.
    pub fn transfers(&self) -> u64 {
        self.transfers.unwrap_or(match self.broker {
            BrokerName::Rabbitmq => 20_000,
            BrokerName::Kafka => 300_000,
        })
    }

    /// Payments in each turn, beside those, that are sent one at a time.
    pub fn singles(&self) -> u64 {
        self.singles.unwrap_or(match self.broker {
            BrokerName::Rabbitmq => 300,
            BrokerName::Kafka => 20,
        })
    }

    /// The key `headers` of the bridge's sink, as a line of its table; empty where it is not given.
    pub fn sink_headers(&self) -> &'static str {
        if self.brief { "headers = []\n" } else { "" }
    }

    /// The headers of what the broker alone answers: as outcomes have them, or none.
    pub fn echoed_headers(&self) -> Vec<(&'static str, &'static str)> {
        let is_echoed =
            |(name, _): &(&str, &str)| self.headers && (!self.brief || *name == "ce_id");
        OUTCOME_HEADERS.into_iter().filter(is_echoed).collect()
    }

    /// Payments that are under way at a time.
    pub fn window(&self) -> usize {
        self.window.map_or_else(
            || match self.broker {
                BrokerName::Rabbitmq => 1000,
                BrokerName::Kafka => 60_000,
            },
            usize::from,
        )
    }
}

/// A broker that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BrokerName {
    /// RabbitMQ, by AMQP 0-9-1.
    Rabbitmq,
    /// Kafka, exactly once, in transactions.
    Kafka,
}

/// How outcomes come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Back {
    /// To a queue that is bound to the exchange of a sink. The bridge acknowledges a payment when
    /// the sink has its outcome confirmed.
    Exchange,
    /// As the reply to each payment, to the queue in its `reply_to`.
    Reply,
}

impl Back {
    /// Its name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Back::Exchange => "exchange",
            Back::Reply => "reply",
        }
    }
}

/// Type of RabbitMQ's queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueueType {
    /// On one node.
    Classic,
    /// Replicated, with a log.
    Quorum,
}

impl QueueType {
    /// Its name at the broker.
    pub fn name(self) -> &'static str {
        match self {
            QueueType::Classic => "classic",
            QueueType::Quorum => "quorum",
        }
    }
}
