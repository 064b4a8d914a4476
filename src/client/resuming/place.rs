//! Where a subscription is, across connections. Pure: it does no I/O.
//!
//! # Invariants
//!
//! * Each message is let pass once, and in order, however often a connection sends it again.

use std::time::Duration;

use super::HistoryChanged;
use crate::tls::Tls;
use crate::{Followed, Token};
use ringfence_codec::wire::{ClientHello, EngineHello, Start, Subscribe, Subscribed};

/// What a subscription begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// Journal and epoch that are expected: the engine is refused if it has others.
    pub history: Option<([u8; 16], u32)>,
    /// What proves who the client is; empty for none.
    pub token: Token,
    /// How to connect over TCP with TLS; `None`: in clear.
    pub tls: Option<Tls>,
    /// How long to try to reach the engine before giving up. Only for a subscription that resumes
    /// by itself.
    pub give_up_after: Duration,
}

impl Default for SubscriptionOptions {
    fn default() -> SubscriptionOptions {
        SubscriptionOptions {
            history: None,
            token: Token::default(),
            tls: None,
            give_up_after: Duration::from_secs(60),
        }
    }
}

impl SubscriptionOptions {
    /// The hello of a subscription.
    pub(crate) fn greeting(&self) -> ClientHello {
        let (journal, epoch) = self.history.unwrap_or_default();
        ClientHello { journal, epoch, token: self.token.to_bytes(), ..ClientHello::default() }
    }
}

/// How far a subscription is.
#[derive(Debug)]
pub(crate) struct Place {
    wish: Subscribe,
    /// The history is set with the first answer.
    options: SubscriptionOptions,
    /// Up to here everything has passed.
    position: u64,
    last_origin: u64,
    last_command: u64,
    last_event: u64,
    /// Sequence and kind of the last body of a look-up: those of one look-up come in the order of
    /// their kinds.
    last_body: (u64, u8),
}

impl Place {
    pub fn new(wish: Subscribe, options: SubscriptionOptions) -> Place {
        Place {
            wish,
            options,
            position: 0,
            last_origin: 0,
            last_command: 0,
            last_event: 0,
            last_body: (0, 0),
        }
    }

    /// What the next connection asks for.
    pub fn wish(&self) -> &Subscribe {
        &self.wish
    }

    /// What the next connection says of itself.
    pub fn options(&self) -> &SubscriptionOptions {
        &self.options
    }

    /// The sequence up to which everything has passed.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes the answers to hello and request.
    ///
    /// # Errors
    ///
    /// If the engine has another history than before.
    pub fn answered(
        &mut self,
        hello: &EngineHello,
        subscribed: &Subscribed,
    ) -> Result<(), HistoryChanged> {
        let history = (hello.journal, hello.epoch);
        if self.options.history.is_some_and(|known| known != history) {
            return Err(HistoryChanged);
        }
        self.options.history = Some(history);
        self.move_to(subscribed.after_sequence);
        Ok(())
    }

    /// What is new of `followed`.
    pub fn admit(&mut self, mut followed: Followed) -> Option<Followed> {
        let is_new = match &mut followed {
            Followed::Origin(origin) => rises(&mut self.last_origin, origin.first_sequence),
            Followed::Event(event) if event.kind().is_numbered() => {
                rises(&mut self.last_event, event.number)
            }
            Followed::Event(event) => rises(&mut self.last_body, (event.sequence, event.kind)),
            Followed::Commands { first_sequence, first_timestamp, bodies, .. } => {
                let known = drop_known(self.last_command, first_sequence, bodies);
                *first_timestamp += known;
                self.last_command = self.last_command.max(last_of(*first_sequence, bodies.len()));
                !bodies.is_empty()
            }
            Followed::Outcomes { first_sequence, outcomes } => {
                drop_known(self.position, first_sequence, outcomes);
                self.move_to(last_of(*first_sequence, outcomes.len()));
                !outcomes.is_empty()
            }
            Followed::Progress(progress) => {
                self.move_to(progress.sequence);
                true
            }
        };
        is_new.then_some(followed)
    }

    /// The next connection begins after `sequence`, unless it is farther already.
    fn move_to(&mut self, sequence: u64) {
        self.position = self.position.max(sequence);
        self.wish.start = Start::After(self.position);
    }
}

/// Whether `next` is above `last`, which it then is.
fn rises<T: Ord + Copy>(last: &mut T, next: T) -> bool {
    let is_above = next > *last;
    *last = next.max(*last);
    is_above
}

/// Sequence of the last of `count`; that before the first, if there is none.
fn last_of(first_sequence: u64, count: usize) -> u64 {
    (first_sequence + count as u64).saturating_sub(1)
}

/// Drops what is at most at sequence `known` from the front, and returns how many that were.
fn drop_known<T>(known: u64, first_sequence: &mut u64, rest: &mut Vec<T>) -> u64 {
    let count = (known + 1).saturating_sub(*first_sequence).min(rest.len() as u64);
    rest.drain(..count as usize);
    *first_sequence += count;
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_codec::wire::Progress;
    use ringfence_types::{Body, Event, EventKind, Op, Origin, Outcome};

    fn place() -> Place {
        let mut place = Place::new(Subscribe::outcomes(Start::Now), SubscriptionOptions::default());
        let subscribed = Subscribed { after_sequence: 4, ..Subscribed::default() };
        place.answered(&EngineHello::default(), &subscribed).unwrap();
        place
    }

    fn outcomes(first_sequence: u64, count: usize) -> Followed {
        Followed::Outcomes { first_sequence, outcomes: vec![Outcome::default(); count] }
    }

    fn commands(first_sequence: u64, first_timestamp: u64, count: usize) -> Followed {
        let bodies = vec![Body::default(); count];
        Followed::Commands { op: Op::CreateTransfer, first_sequence, first_timestamp, bodies }
    }

    fn event(number: u64) -> Followed {
        let kind = EventKind::Trade as u8;
        Followed::Event(Event { number, kind, ..Event::default() })
    }

    fn body(sequence: u64, kind: EventKind) -> Followed {
        Followed::Event(Event { sequence, kind: kind as u8, ..Event::default() })
    }

    fn origin(first_sequence: u64) -> Followed {
        Followed::Origin(Origin { first_sequence, ..Origin::default() })
    }

    #[test]
    fn it_goes_on_after_what_has_passed() {
        let mut place = place();
        assert_eq!(place.wish().start, Start::After(4), "now was here");
        place.admit(outcomes(5, 3));
        assert_eq!((place.position(), place.wish().start), (7, Start::After(7)));
        place.admit(Followed::Progress(Progress { sequence: 9, last_sequence: 20 }));
        assert_eq!((place.position(), place.wish().start), (9, Start::After(9)));
    }

    #[test]
    fn what_comes_again_passes_once() {
        use EventKind::{AccountBody, BidsBody, MarketBody};
        //  first, then again, of which this is new
        let cases = [
            (outcomes(5, 3), outcomes(7, 2), Some(outcomes(8, 1))),
            (outcomes(5, 3), outcomes(5, 3), None),
            (outcomes(5, 3), outcomes(9, 1), Some(outcomes(9, 1))),
            (commands(5, 100, 3), commands(6, 101, 4), Some(commands(8, 103, 2))),
            (commands(5, 100, 3), commands(5, 100, 1), None),
            (event(3), event(3), None),
            (event(3), event(4), Some(event(4))),
            (body(5, MarketBody), body(5, MarketBody), None),
            (body(5, MarketBody), body(5, BidsBody), Some(body(5, BidsBody))),
            (body(5, AccountBody), body(6, AccountBody), Some(body(6, AccountBody))),
            (origin(5), origin(5), None),
            (origin(5), origin(6), Some(origin(6))),
        ];
        for (first, again, new) in cases {
            let mut place = place();
            assert_eq!(place.admit(first.clone()), Some(first.clone()));
            assert_eq!(place.admit(again.clone()), new, "{first:?} then {again:?}");
        }
    }

    #[test]
    fn another_history_is_refused() {
        let mut place = place();
        let other = EngineHello { epoch: 1, ..EngineHello::default() };
        assert_eq!(place.answered(&other, &Subscribed::default()), Err(HistoryChanged));
        assert_eq!(place.position(), 4);
    }
}
