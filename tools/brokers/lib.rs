//! Starts real message brokers on free loopback ports in a temporary folder, for tests and for the
//! examples. What a broker leaves behind goes with its folder.
//!
//! ```text
//!   RabbitMq::start ──▶ process group, folder, ports ──▶ ready ──▶ kill, start again, or drop
//! ```
//!
//! # Invariants
//!
//! * Nothing listens on anything but loopback.
//! * Dropping a broker ends its processes and removes its folder.

mod activemq;
mod artemis;
mod java;
mod kafka;
mod mosquitto;
mod process;
mod rabbitmq;

use std::net::TcpListener;

pub use activemq::ActiveMq;
pub use artemis::Artemis;
pub use kafka::{KAFKA_USER, Kafka};
pub use mosquitto::Mosquitto;
pub use rabbitmq::RabbitMq;

/// A broker that is not there, or does not start.
#[derive(Debug)]
pub enum Missing {
    /// It is not installed.
    NotInstalled {
        /// Its name.
        broker: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// It is, but does not start.
    NotStarted(String),
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Missing::NotInstalled { broker, install } => {
                write!(f, "{broker} is not installed: {install}")
            }
            Missing::NotStarted(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Missing {}

/// What is there for a test; `None` after a line that says what is not installed. Set
/// `RINGFENCE_BROKERS=all` where none may be missing.
///
/// # Panics
///
/// If a broker is missing that may not be, or does not start.
pub fn or_skip<B>(started: Result<B, Missing>) -> Option<B> {
    match started {
        Ok(broker) => Some(broker),
        Err(missing @ Missing::NotInstalled { .. })
            if std::env::var_os("RINGFENCE_BROKERS").is_none_or(|all| all != "all") =>
        {
            eprintln!("not tested: {missing}");
            None
        }
        Err(missing) => panic!("{missing}"),
    }
}

/// How often a start is tried before it has failed.
const STARTS_MAX: usize = 3;

/// Starts a broker, and tries again where that fails: somebody may have taken a port that was free
/// a moment ago, or the broker that had it before may not have let it go.
fn in_several_attempts<B>(mut start: impl FnMut() -> Result<B, Missing>) -> Result<B, Missing> {
    let mut started = start();
    for _ in 1..STARTS_MAX {
        if !matches!(started, Err(Missing::NotStarted(_))) {
            break;
        }
        started = start();
    }
    started
}

/// A port that was free a moment ago.
///
/// # Panics
///
/// If loopback has none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}
