//! The engine's side: where it is, which one it is, and what happens in it.

mod feed;
mod resume;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ringfence_client::{
    Address, EngineHello, ErrorCode, Start, Subscribe, Subscription, SubscriptionOptions, Tls,
    Token,
};
use ringfence_types::Op;

use crate::{Failure, Position, code_of};

pub(crate) use feed::{Feed, Stretch, Wish};
pub use resume::{LookBack, Replayed, Resumed, resume};

/// The engine is tried to be reached for as long as the bridge runs.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Where the engine is, and how to come in.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Where it listens.
    pub address: Address,
    /// What proves who the bridge is; empty for none.
    pub token: Token,
    /// How to connect over TCP with TLS; `None`: in clear.
    pub tls: Option<Tls>,
}

impl EngineOptions {
    /// How a subscription connects and what it shows. It tries to reach the engine for as long as
    /// the bridge runs.
    #[must_use]
    pub fn follows(&self) -> SubscriptionOptions {
        SubscriptionOptions {
            token: self.token.clone(),
            tls: self.tls.clone(),
            give_up_after: FOR_EVER,
            ..SubscriptionOptions::default()
        }
    }
}

/// Which engine it is: its journal, and how many repairs gave up what had been acknowledged. So two
/// outcomes with the same sequence and the same identity of the engine are the same outcome.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EngineId(Arc<str>);

impl EngineId {
    /// Of a journal and an epoch.
    #[must_use]
    pub fn new(journal: [u8; 16], epoch: u32) -> EngineId {
        let digits: String = journal.iter().map(|byte| format!("{byte:02x}")).collect();
        EngineId(format!("{digits}.{epoch}").into())
    }

    /// As written by [`EngineId::text`]; `None` if it is no such text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<EngineId> {
        let (journal, epoch) = text.split_once('.')?;
        let is_hex = journal.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_id = journal.len() == 32 && is_hex && epoch.parse::<u32>().is_ok();
        is_id.then(|| EngineId(text.into()))
    }

    /// The journal and the epoch.
    pub(crate) fn history(&self) -> ([u8; 16], u32) {
        let (journal, epoch) = self.0.split_once('.').expect("it is made with a point");
        let journal = u128::from_str_radix(journal, 16).expect("it is made of digits");
        (journal.to_be_bytes(), epoch.parse().expect("it is made of a number"))
    }

    /// 32 hexadecimal digits of the journal, a point, and the epoch.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl From<&EngineHello> for EngineId {
    fn from(hello: &EngineHello) -> EngineId {
        EngineId::new(hello.journal, hello.epoch)
    }
}

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Which engine it is.
    pub id: EngineId,
    /// The last command published.
    pub last_sequence: u64,
    /// The oldest outcome that can be had.
    pub oldest_sequence: u64,
}

/// Asks the engine which it is and how far it is.
///
/// # Errors
///
/// If it cannot be reached, or declines.
pub async fn ask(options: &EngineOptions) -> Result<Known, Failure> {
    let options = options.clone();
    let asked = tokio::task::spawn_blocking(move || ask_and_wait(&options));
    asked.await.map_err(Failure::retry)?
}

/// What was acknowledged last under the name of a subscription; `None` if nothing was.
///
/// # Errors
///
/// If the engine cannot be reached, or declines.
pub(crate) async fn place(
    options: &EngineOptions,
    name: u128,
) -> Result<Option<Position>, Failure> {
    let options = options.clone();
    let asked = tokio::task::spawn_blocking(move || place_and_wait(&options, name));
    asked.await.map_err(Failure::retry)?
}

/// Has the engine remember `position` under the name of a subscription that it does not know.
///
/// # Errors
///
/// If the engine cannot be reached, or declines.
pub(crate) async fn remember(
    options: &EngineOptions,
    name: u128,
    position: &Position,
) -> Result<(), Failure> {
    let (options, position) = (options.clone(), position.clone());
    let told = tokio::task::spawn_blocking(move || remember_and_wait(&options, name, &position));
    told.await.map_err(Failure::retry)?
}

fn remember_and_wait(
    options: &EngineOptions,
    name: u128,
    position: &Position,
) -> Result<(), Failure> {
    let operations = 1 << Op::Pulse as u8;
    let wish =
        Subscribe { name, operations, ..Subscribe::outcomes(Start::After(position.sequence)) };
    let history = Some(position.engine.history());
    let follows = SubscriptionOptions { history, ..options.follows() };
    // A subscription with a name is remembered from its beginning on.
    Subscription::open_with(&options.address, &follows, &wish)?;
    Ok(())
}

fn place_and_wait(options: &EngineOptions, name: u128) -> Result<Option<Position>, Failure> {
    let only_progress = 1 << Op::Pulse as u8;
    let wish =
        Subscribe { name, operations: only_progress, ..Subscribe::outcomes(Start::Acknowledged) };
    match Subscription::open_with(&options.address, &options.follows(), &wish) {
        Ok(subscription) => Ok(Some(Position {
            engine: EngineId::from(&subscription.hello()),
            sequence: subscription.subscribed().after_sequence,
        })),
        Err(error) if code_of(&error) == Some(ErrorCode::UnknownSubscription) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn ask_and_wait(options: &EngineOptions) -> Result<Known, Failure> {
    // To nothing but progress.
    let wish = Subscribe { operations: 1 << Op::Pulse as u8, ..Subscribe::outcomes(Start::Now) };
    let subscription = Subscription::open_with(&options.address, &options.follows(), &wish)?;
    let subscribed = subscription.subscribed();
    Ok(Known {
        id: EngineId::from(&subscription.hello()),
        last_sequence: subscribed.last_sequence,
        oldest_sequence: subscribed.oldest_sequence,
    })
}
