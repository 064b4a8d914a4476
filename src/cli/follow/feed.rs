//! Where what is followed comes from: files, or a connection.

use std::time::Duration;

use super::Failure;
use super::lines::Lines;
use ringfence_client::{
    Address, ClientError, ErrorCode, Followed, ResumingSubscription, ServerError, Start, Subscribe,
    Subscription, SubscriptionOptions,
};
use ringfence_node::follow::{Begin, FollowError, Follower, Taker};
use ringfence_types::{Command, Header};

/// How long a connection is listened to, where nothing came the last time.
const LISTEN: Duration = Duration::from_millis(5);

/// Where what is followed comes from.
pub(super) enum Feed {
    /// The files of a data directory.
    Files(Box<Follower>),
    /// A running engine.
    Connection(Box<Connected>),
}

/// A subscription, and how far it is.
pub(super) struct Connected {
    subscription: ResumingSubscription,
    looked_at: u64,
    /// The last command that the engine is known to have published.
    last_sequence: u64,
    /// Whether something came the last time: then what was printed leaves before more is waited for.
    went_on: bool,
    /// Whether it was said that the connection is lost.
    is_lost: bool,
    give_up_after: Duration,
}

impl Connected {
    fn poll(&mut self, lines: &mut Lines) -> Result<bool, ClientError> {
        let before = self.looked_at;
        let longest = if self.went_on { Duration::ZERO } else { LISTEN };
        self.subscription.receive(longest, |followed| {
            if let Followed::Progress(progress) = &followed {
                self.looked_at = self.looked_at.max(progress.sequence);
                self.last_sequence = self.last_sequence.max(progress.last_sequence);
            }
            take(followed, lines);
        })?;
        self.say_if_lost();
        self.went_on = self.looked_at > before;
        Ok(self.went_on)
    }

    /// Says when the connection is lost, and when there is one again.
    fn say_if_lost(&mut self) {
        let reason = self.subscription.lost_because();
        match reason {
            Some(reason) if !self.is_lost => tell!(
                "ringfence: {reason}; trying again for up to {}",
                humantime::format_duration(self.give_up_after)
            ),
            None if self.is_lost => tell!(
                "ringfence: connected again, and going on after sequence {}",
                self.subscription.position()
            ),
            _ => {}
        }
        self.is_lost = reason.is_some();
    }
}

impl Feed {
    /// Follows the engine that listens at `address`. Only a connection that was made is made again.
    pub fn connect(
        address: &Address,
        from: Begin,
        options: SubscriptionOptions,
        wish: Subscribe,
    ) -> Result<Feed, Failure> {
        let open = |start| {
            Subscription::open_with(address, &options, &Subscribe { start, ..wish.clone() })
        };
        let opened = match from {
            Begin::Now => open(Start::Now),
            Begin::After(sequence) => open(Start::After(sequence)),
            Begin::Oldest => match open(Start::After(0)) {
                Err(ClientError::Refused { error, .. }) if is_too_far_behind(&error) => {
                    open(Start::After(error.value.saturating_sub(1)))
                }
                opened => opened,
            },
        };
        let subscription = opened.map_err(lost)?;
        let looked_at = subscription.subscribed().after_sequence;
        let last_sequence = subscription.subscribed().last_sequence;
        let give_up_after = options.give_up_after;
        let resuming = ResumingSubscription::of(subscription, options, wish);
        let connected = Connected {
            subscription: resuming.map_err(lost)?,
            looked_at,
            last_sequence,
            went_on: false,
            is_lost: false,
            give_up_after,
        };
        Ok(Feed::Connection(Box::new(connected)))
    }

    /// Up to which sequence everything was looked at.
    pub fn looked_at(&self) -> u64 {
        match self {
            Feed::Files(follower) => follower.looked_at(),
            Feed::Connection(connected) => connected.looked_at,
        }
    }

    /// Whether there is more, though nothing comes: or an error that says why not.
    pub fn expects_more(&self) -> bool {
        match self {
            Feed::Files(follower) => follower.doubts(),
            Feed::Connection(connected) => connected.looked_at < connected.last_sequence,
        }
    }

    /// Gives what is there to `lines`; whether it went on.
    pub fn poll(&mut self, lines: &mut Lines) -> Result<bool, Failure> {
        match self {
            Feed::Files(follower) => follower.poll(lines).map_err(failed),
            Feed::Connection(connected) => connected.poll(lines).map_err(lost),
        }
    }

    /// Waits a little for more; a connection has waited already.
    pub fn wait(&self, longest: Duration) {
        if let Feed::Files(_) = self {
            std::thread::sleep(longest);
        }
    }
}

fn take(followed: Followed, lines: &mut Lines) {
    match followed {
        Followed::Origin(origin) => lines.origin(&origin),
        Followed::Commands { op, first_sequence, first_timestamp, bodies } => {
            let stamped = (first_timestamp..).zip(bodies).map(|(timestamp, body)| Command {
                header: Header { timestamp, op: op as u8, ..Header::default() },
                body,
            });
            lines.commands(first_sequence, &stamped.collect::<Vec<Command>>());
        }
        Followed::Event(event) => lines.event(&event),
        Followed::Outcomes { first_sequence, outcomes } => {
            for (sequence, outcome) in (first_sequence..).zip(&outcomes) {
                lines.outcome(sequence, outcome);
            }
        }
        _ => {}
    }
}

fn is_too_far_behind(error: &ServerError) -> bool {
    error.code == ErrorCode::TooFarBehind as u16
}

/// Why a connection ended, and what to do about it.
fn lost(error: ClientError) -> Failure {
    match &error {
        ClientError::Refused { error: reason, .. } if is_too_far_behind(reason) => {
            Failure::Operating(format!("{error}: --from {}", reason.value))
        }
        _ => Failure::operating(error),
    }
}

/// Why files cannot be followed, and what to do about it.
pub(super) fn failed(error: FollowError) -> Failure {
    match error {
        FollowError::TooFarBehind { oldest, .. } => {
            Failure::Operating(format!("{error}: --from {oldest}"))
        }
        FollowError::NoOutcomeLog { .. } => Failure::Operating(format!(
            "{error}: a start with --outcome-log makes it from the journal"
        )),
        _ => Failure::operating(error),
    }
}
