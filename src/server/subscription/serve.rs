//! One subscription, from its hello to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::messages::Messages;
use super::{End, Shared, Subscriber};
use crate::access::Principal;
use crate::session::Seat;
use ringfence_codec::wire::{
    ClientHello, ClientMessage, EngineHello, ErrorCode, Mode, Progress, ReplyEncoder, Start,
    Subscribe, Subscribed, Violation, encode_engine_hello, encode_progress, encode_subscribed,
};
use ringfence_journal::DataDir;
use ringfence_node::History;
use ringfence_node::follow::{Begin, Filter, FollowError, Follower, Wish};
use ringfence_types::BATCH_COMMANDS_MAX;

/// How often a subscriber is told how far it is, where nothing else is to be said.
const PROGRESS: Duration = Duration::from_secs(1);
/// How often a subscriber is listened to, where nothing is to be said.
const LISTEN: Duration = Duration::from_millis(20);
/// How long to wait for a socket that takes nothing, or for bytes that are on their way.
const BREATHE: Duration = Duration::from_micros(250);
/// How long a connection waits for the one whose name it takes over, which listens more often.
const HAND_OVER: Duration = Duration::from_secs(5);
/// How long a subscriber is given to take its last messages.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves `subscriber` on a thread of its own, or says why not.
pub(super) fn begin(shared: &Arc<Shared>, subscriber: Subscriber) {
    let Subscriber { stream, decoder, hello, principal, mut seat } = subscriber;
    let connection = Connection::new(stream, decoder, shared.settings.idle_timeout);
    let mut threads = shared.threads();
    threads.retain(|thread| !thread.is_finished());
    let most = shared.settings.subscriptions;
    if shared.log_end.followers() >= most {
        let text = "the engine serves as many subscriptions as it can";
        if let Some(seat) = &mut seat {
            seat.ends_with(ErrorCode::TooManySubscriptions, text);
        }
        connection.end(ErrorCode::TooManySubscriptions, most as u64, text, Duration::ZERO);
        return;
    }
    let counted = Counted::new(shared);
    let run = move || {
        Subscription::new(&counted.0, connection).run(&hello, &principal, seat);
    };
    let named = std::thread::Builder::new().name("ringfence-follow".to_owned());
    match named.spawn(run) {
        Ok(thread) => threads.push(thread),
        // The connection is closed with what the thread would have run.
        Err(error) => tracing::warn!("a subscription has no thread: {error}"),
    }
}

/// Gives the place of a subscription back, however its thread ends.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: &Arc<Shared>) -> Counted {
        shared.log_end.count(true);
        Counted(Arc::clone(shared))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.log_end.count(false);
    }
}

struct Subscription<'a> {
    shared: &'a Shared,
    connection: Connection,
    /// Its name, and the number under which it holds it.
    name: Option<(u128, u64)>,
    /// Everything up to here it was given.
    looked_at: u64,
    /// It has a place, and may acknowledge.
    is_subscribed: bool,
}

impl<'a> Subscription<'a> {
    fn new(shared: &'a Shared, connection: Connection) -> Subscription<'a> {
        Subscription { shared, connection, name: None, looked_at: 0, is_subscribed: false }
    }

    fn run(mut self, hello: &ClientHello, principal: &Principal, mut seat: Option<Seat>) {
        let end = self.follow(hello, principal);
        if let Some((name, number)) = self.name {
            if self.is_subscribed && matches!(end, Err(End::Closed)) && !principal.is_revoked() {
                // What it said before it was gone, where a write has shown that.
                drop(self.listen());
            }
            self.shared.names().let_go(name, number);
        }
        match end {
            Ok(()) | Err(End::Closed) => self.connection.shut_down(),
            Err(End::Error { code, value, text, logged }) => {
                if let Some(seat) = &mut seat {
                    seat.ends_with(code, logged.as_deref().unwrap_or(&text));
                }
                self.connection.end(code, value, &text, LAST_WORDS);
            }
        }
    }

    /// Everything in its order, until something ends it.
    fn follow(&mut self, hello: &ClientHello, principal: &Principal) -> Result<(), End> {
        self.greet(hello)?;
        let subscribe = self.wait_for_subscribe()?;
        let begin = self.place(&subscribe)?;
        let mut follower = self.open(&subscribe, begin, principal.grants.confined_to())?;
        self.looked_at = follower.looked_at();
        self.remember(&subscribe)?;
        self.is_subscribed = true;
        let subscribed = Subscribed {
            after_sequence: follower.looked_at(),
            oldest_sequence: follower.oldest_sequence()?,
            last_sequence: follower.last_sequence()?,
            reserved: 0,
        };
        encode_subscribed(&subscribed, &mut self.connection.out);
        let unnamed = &self.shared.unnamed;
        let place = self.name.is_none().then(|| unnamed.join(follower.looked_at()));
        let mut told = Instant::now();
        loop {
            if principal.is_revoked() {
                return Err(End::Closed);
            }
            self.listen()?;
            if !self.connection.write()? {
                std::thread::sleep(BREATHE);
                continue;
            }
            let log_end = &self.shared.log_end;
            let has_more = log_end.last_sequence() > follower.looked_at() || log_end.is_stopped();
            // Now and then all the same: the follower notices what happened to its files.
            let is_due = told.elapsed() >= PROGRESS;
            let went_on = (has_more || is_due) && self.take_from(&mut follower)?;
            if let Some(place) = &place {
                place.set(follower.looked_at());
            }
            if went_on || is_due {
                let last_sequence = self.shared.log_end.last_sequence().max(follower.looked_at());
                let progress = Progress { sequence: follower.looked_at(), last_sequence };
                encode_progress(&progress, &mut self.connection.out);
                told = Instant::now();
            } else if self.shared.log_end.is_stopped() {
                return Err(End::error(ErrorCode::Stopping, 0, "the engine is being stopped"));
            } else if self.shared.log_end.last_sequence() > follower.looked_at() {
                std::thread::sleep(BREATHE);
            } else {
                self.shared.log_end.wait_beyond(follower.looked_at(), LISTEN);
            }
        }
    }

    /// Has the follower look, and encodes what it finds; whether it went on.
    fn take_from(&mut self, follower: &mut Follower) -> Result<bool, End> {
        let mut out = std::mem::take(&mut self.connection.out);
        let mut messages = Messages { encoder: ReplyEncoder::new(), out: &mut out };
        let went_on = follower.poll(&mut messages);
        let Messages { mut encoder, out: sent } = messages;
        encoder.finish(sent);
        self.connection.out = out;
        self.looked_at = follower.looked_at();
        Ok(went_on?)
    }

    /// Answers the hello.
    fn greet(&mut self, hello: &ClientHello) -> Result<(), End> {
        let Shared { settings, log_end, .. } = self.shared;
        let History { journal_id, epoch } = settings.history;
        let epoch = u32::from(epoch);
        if hello.journal != [0; 16] && (hello.journal, hello.epoch) != (journal_id, epoch) {
            let text = "journal or epoch are others than expected";
            return Err(End::error(ErrorCode::OtherHistory, 0, text));
        }
        let answer = EngineHello {
            mode: Mode::Subscription,
            batch_commands_max: BATCH_COMMANDS_MAX as u32,
            idle_timeout_ms: u32::try_from(settings.idle_timeout.as_millis()).unwrap_or(u32::MAX),
            last_sequence: log_end.last_sequence(),
            journal: journal_id,
            epoch,
            events: true,
            ..EngineHello::default()
        };
        encode_engine_hello(&answer, &mut self.connection.out);
        Ok(())
    }

    fn wait_for_subscribe(&mut self) -> Result<Subscribe, End> {
        let mut subscribe = None;
        loop {
            self.connection.write()?;
            self.connection.read(|message| match message {
                ClientMessage::Subscribe(asked) => {
                    subscribe = Some(asked);
                    Ok(())
                }
                // What comes behind it comes after its answer.
                ClientMessage::Acknowledge(_) => {
                    Err(End::violated(Violation::BadValue("sequence")))
                }
                _ => Ok(()),
            })?;
            if let Some(subscribe) = subscribe {
                return Ok(subscribe);
            }
            if self.shared.log_end.is_stopped() {
                return Err(End::error(ErrorCode::Stopping, 0, "the engine is being stopped"));
            }
            self.shared.log_end.wait_beyond(u64::MAX, LISTEN);
        }
    }

    /// Where it begins; takes over its name.
    fn place(&mut self, subscribe: &Subscribe) -> Result<Begin, End> {
        if subscribe.name != 0 {
            let number = self.shared.names().take_over(subscribe.name);
            self.name = Some((subscribe.name, number));
            self.wait_for_the_one_before(subscribe.name, number);
        }
        match subscribe.start {
            Start::After(sequence) => Ok(Begin::After(sequence)),
            Start::Now => Ok(Begin::Now),
            Start::Acknowledged => match self.shared.names().positions.get(subscribe.name) {
                None => {
                    let text = "nothing was acknowledged under this name";
                    Err(End::error(ErrorCode::UnknownSubscription, 0, text))
                }
                Some(place) if place.is_dropped => {
                    let text = "the subscription was too far behind, and its name was dropped";
                    Err(End::error(ErrorCode::SubscriptionDropped, place.sequence, text))
                }
                Some(place) if place.epoch != self.shared.settings.history.epoch => {
                    let text = format!(
                        "what was acknowledged under this name is of epoch {} of the journal, which \
                         was restored or repaired since",
                        place.epoch
                    );
                    Err(End::error(ErrorCode::OtherHistory, place.sequence, text))
                }
                Some(place) => Ok(Begin::After(place.sequence)),
            },
        }
    }

    /// Until what the connection before it has said under its name is heard.
    fn wait_for_the_one_before(&self, name: u128, number: u64) {
        let begin = Instant::now();
        while self.shared.names().has_one_before(name, number) {
            if begin.elapsed() >= HAND_OVER {
                self.shared.names().forget_the_one_before(name, number);
                return;
            }
            std::thread::sleep(BREATHE);
        }
    }

    fn open(
        &self,
        subscribe: &Subscribe,
        begin: Begin,
        confined_to: Option<&[u32]>,
    ) -> Result<Follower, End> {
        let settings = &self.shared.settings;
        let filter = Filter::all()
            .ledgers(subscribe.ledgers.iter().copied())
            .accounts(subscribe.accounts.iter().copied())
            .operations(subscribe.operations)
            .only_successes(subscribe.only_successes);
        let filter = match confined_to {
            Some(ledgers) => filter.confined_to(ledgers.iter().copied()),
            None => filter,
        };
        let wish = Wish {
            begin,
            outcomes: subscribe.outcomes,
            events: subscribe.events,
            origins: true,
            commands: subscribe.commands,
            filter,
            key: settings.key,
            recent: settings.recent.clone(),
            log_is_kept: true,
        };
        let dir = DataDir::open_to_read(&settings.data_dir);
        let dir = dir.map_err(FollowError::from)?;
        Ok(Follower::open(&dir, wish)?)
    }

    /// From now on outcomes after those that it was given are kept for its name.
    fn remember(&self, subscribe: &Subscribe) -> Result<(), End> {
        let Some((name, number)) = self.name else { return Ok(()) };
        if subscribe.start == Start::Acknowledged {
            return Ok(());
        }
        let mut names = self.shared.names();
        // One whose name another has by now puts it nowhere.
        names.hear(name, number, None, false)?;
        if !names.positions.put(name, self.looked_at) {
            let (most, text) = (super::positions::NAMES_MAX, "no room for another name");
            return Err(End::error(ErrorCode::TooManySubscriptions, most as u64, text));
        }
        self.shared.say_what_is_needed(&names);
        Ok(())
    }

    /// Takes what the subscriber says.
    fn listen(&mut self) -> Result<(), End> {
        let (mut acknowledged, looked_at) = (None, self.looked_at);
        let is_named = self.name.is_some();
        // Asked before it is read: what was said before the name was taken over is there by then.
        let taken_over = |(name, number)| self.shared.names().is_taken_over(name, number);
        let is_last = self.name.is_some_and(taken_over);
        let read = self.connection.read(|message| match message {
            ClientMessage::Acknowledge(_) if !is_named => {
                Err(End::error(ErrorCode::UnexpectedMessage, 0, "a subscription without a name"))
            }
            ClientMessage::Acknowledge(sequence) if sequence > looked_at => {
                Err(End::violated(Violation::BadValue("sequence")))
            }
            ClientMessage::Acknowledge(sequence) => {
                acknowledged = acknowledged.max(Some(sequence));
                Ok(())
            }
            _ => Ok(()),
        });
        // What was acknowledged before the connection ended counts.
        let stored = match self.name {
            Some((name, number)) => self.shared.names().hear(name, number, acknowledged, is_last),
            None => Ok(()),
        };
        read.and(stored)
    }
}
