//! The messages of a subscription, with what they hold.

use super::{Address, ClientError};
use ringfence_codec::wire::{Progress, Reply, ReplyDecoder, Violation};
use ringfence_types::{Body, Event, Op, Origin, Outcome};

/// What a subscription is told, in the order of sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Followed {
    /// Whose the batch is that follows, where it has a session or a tag.
    Origin(Origin),
    /// The bodies of consecutive commands of one batch.
    Commands {
        /// Their operation.
        op: Op,
        /// Sequence of the first.
        first_sequence: u64,
        /// Timestamp of the first, in nanoseconds; each further one is one later.
        first_timestamp: u64,
        /// At least one.
        bodies: Vec<Body>,
    },
    /// What a command brought about besides its outcome, which follows.
    Event(Event),
    /// Outcomes of consecutive commands.
    Outcomes {
        /// Sequence of the first.
        first_sequence: u64,
        /// At least one.
        outcomes: Vec<Outcome>,
    },
    /// How far the subscription is.
    Progress(Progress),
}

impl Followed {
    /// A copy of `reply`, if it is one that a subscription is told; `None` for a sign of life.
    fn of(reply: &Reply<'_>) -> Result<Option<Followed>, Violation> {
        Ok(Some(match *reply {
            Reply::Origin(origin) => Followed::Origin(origin),
            Reply::Commands { op, first_sequence, first_timestamp, bodies } => {
                Followed::Commands { op, first_sequence, first_timestamp, bodies: bodies.to_vec() }
            }
            Reply::Event(event) => Followed::Event(*event),
            Reply::Outcomes { first_sequence, outcomes } => {
                Followed::Outcomes { first_sequence, outcomes: outcomes.to_vec() }
            }
            Reply::Progress(progress) => Followed::Progress(progress),
            Reply::Heartbeat => return Ok(None),
            _ => return Err(Violation::BadValue("kind")),
        }))
    }

    /// The next message that has wholly arrived.
    pub(super) fn next(
        decoder: &mut ReplyDecoder,
        address: &Address,
    ) -> Result<Option<Followed>, ClientError> {
        let violated = |violation| ClientError::Protocol { address: address.clone(), violation };
        loop {
            match decoder.next_reply().map_err(violated)? {
                None => return Ok(None),
                Some(Reply::Error(error)) => {
                    return Err(ClientError::Refused { address: address.clone(), error });
                }
                Some(reply) => {
                    if let Some(followed) = Followed::of(&reply).map_err(violated)? {
                        return Ok(Some(followed));
                    }
                }
            }
        }
    }
}
