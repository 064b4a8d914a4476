//! Serves a session: sends batches, gathers their answers, settles messages.
//!
//! # Invariants
//!
//! * A message is settled once, in the order of sequences as far as sinks are waited for.
//! * A batch is sent only if its tag is neither under way nor remembered.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ringfence_client::types::Command;
use ringfence_client::{Answer, Delivered, SessionSender};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::open::{Opened, close};
use super::{Offer, PortOptions, Replies, Settled, Settlement};
use crate::context::Positions;
use crate::message::{self, ContentType, Identity, Malformed};
use crate::metrics::{add, count};
use crate::tags::{Answers, Memory, Seen, tag_of};
use crate::{Context, CountedSession, EngineId, Failure, SourceMetrics, Stop};

/// How often it is looked whether the session has a connection.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Deliveries and offers that are taken in one turn.
const TURN_MAX: usize = 1024;

/// A message that is taken in and not settled.
struct Open<H> {
    handle: H,
    settled: mpsc::UnboundedSender<Settled<H>>,
    content_type: ContentType,
    /// Answers to each batch, once they are there, and whether it was written as an array.
    batches: Vec<(Option<Answers>, bool)>,
    unanswered: usize,
}

/// A batch that waits for its answers.
struct Request {
    number: u64,
    tag: u128,
    answers: Vec<Answer>,
    /// The messages that wait for it, and the place of the batch in each.
    waiters: Vec<(u64, usize)>,
}

/// A batch that waits for room.
struct Outgoing {
    batch: Vec<Command>,
    tag: u128,
    number: Option<u64>,
    waiter: (u64, usize),
}

pub(super) struct Worker<H> {
    options: PortOptions,
    engine: EngineId,
    sender: SessionSender,
    delivered: mpsc::UnboundedReceiver<Delivered>,
    offers: mpsc::Receiver<Offer<H>>,
    memory: Memory,
    in_flight_max: usize,
    last_request: u64,
    open: HashMap<u64, Open<H>>,
    next_open: u64,
    requests: VecDeque<Request>,
    outgoing: VecDeque<Outgoing>,
    /// Answered messages that wait for the sinks: by their last sequence.
    waiting: BTreeSet<(u64, u64)>,
    positions: Vec<watch::Receiver<u64>>,
    moved: watch::Receiver<u64>,
    metrics: Arc<SourceMetrics>,
    session: CountedSession,
    stop: Stop,
}

impl<H: Send + 'static> Worker<H> {
    pub fn new(
        options: PortOptions,
        context: &Context,
        opened: Opened,
        offers: mpsc::Receiver<Offer<H>>,
        engine: EngineId,
    ) -> Worker<H> {
        let positions: &Positions = &context.positions;
        let metrics = context.metrics.source(&options.name);
        let mut session = CountedSession::new(Arc::clone(&metrics));
        session.set_connected(true);
        Worker {
            engine,
            sender: opened.sender,
            delivered: opened.delivered,
            offers,
            memory: opened.memory,
            in_flight_max: opened.hello.in_flight_commands_max as usize,
            last_request: opened.hello.last_request,
            open: HashMap::new(),
            next_open: 0,
            requests: VecDeque::new(),
            outgoing: VecDeque::new(),
            waiting: BTreeSet::new(),
            positions: options.waits_for.iter().map(|sink| positions.follow(sink)).collect(),
            moved: positions.follow_any(),
            metrics,
            session,
            stop: context.stop.clone(),
            options,
        }
    }

    /// Serves the session until it ends, the port is dropped, or all is settled after a stop.
    pub async fn run(mut self) -> Result<(), Failure> {
        let result = self.serve().await;
        close(self.sender);
        result
    }

    async fn serve(&mut self) -> Result<(), Failure> {
        let mut stop = self.stop.clone();
        let mut deadline: Option<Instant> = None;
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            if deadline.is_some_and(|end| self.open.is_empty() || Instant::now() >= end) {
                return Ok(());
            }
            let has_room = self.has_room();
            tokio::select! {
                biased;
                // First, and seldom: what comes without end must not hold it back.
                _ = look.tick() => self.look(),
                delivered = self.delivered.recv() => {
                    self.deliveries(delivered)?;
                    self.send_outgoing()?;
                }
                _ = self.moved.changed(), if !self.waiting.is_empty() => self.settle_waiting(),
                offer = self.offers.recv(), if has_room && deadline.is_none() => match offer {
                    Some(offer) => self.take_in(offer)?,
                    None => return Ok(()),
                },
                () = stop.asked(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + self.options.drain);
                }
                () = tokio::time::sleep(Duration::from_millis(20)), if deadline.is_some() => {}
            }
        }
    }

    /// Says whether the session has a connection. It is made again without the worker.
    fn look(&mut self) {
        self.session.set_connected(self.sender.is_connected());
    }

    /// Takes this delivery, and those that are there already.
    fn deliveries(&mut self, first: Option<Delivered>) -> Result<(), Failure> {
        let ended = || Failure::retry("the session with the engine has ended");
        self.delivery(first.ok_or_else(ended)?)?;
        for _ in 1..TURN_MAX {
            let Ok(delivered) = self.delivered.try_recv() else { break };
            self.delivery(delivered)?;
        }
        Ok(())
    }

    fn delivery(&mut self, delivered: Delivered) -> Result<(), Failure> {
        match delivered {
            Delivered::Answer { number, is_last, answer, .. } => {
                self.answer(number, answer, is_last);
            }
            Delivered::Lost { number } => self.lose(number),
            Delivered::Connected(hello) => {
                self.in_flight_max = hello.in_flight_commands_max as usize;
            }
            Delivered::Ended(error) => return Err(error.into()),
            _ => {}
        }
        Ok(())
    }

    fn answer(&mut self, number: u64, answer: Answer, is_last: bool) {
        let Some(request) = self.requests.front_mut().filter(|first| first.number == number) else {
            return;
        };
        request.answers.push(answer);
        if is_last {
            self.answered();
        }
    }

    fn lose(&mut self, number: u64) {
        if let Some(request) = self.requests.front_mut().filter(|first| first.number == number) {
            request.answers.clear();
            self.answered();
        }
    }

    /// The first request has its answers; none if they can no longer be had.
    fn answered(&mut self) {
        let Some(request) = self.requests.pop_front() else { return };
        let answers: Answers = request.answers.into();
        if request.tag != 0 {
            self.memory.answer(request.tag, Arc::clone(&answers));
        }
        for (id, at) in request.waiters {
            self.fill_in(id, at, Arc::clone(&answers));
        }
    }

    /// The answers to the batch at `at` of the message `id` are there.
    fn fill_in(&mut self, id: u64, at: usize, answers: Answers) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let (place, _) = &mut open.batches[at];
        if place.replace(answers).is_none() {
            open.unanswered -= 1;
        }
        if open.unanswered == 0 {
            let all = open.batches.iter().filter_map(|(answers, _)| answers.as_ref()?.last());
            let last = all.map(|answer| answer.sequence).max().unwrap_or(0);
            if last > self.confirmed() {
                self.waiting.insert((last, id));
            } else {
                self.settle(id);
            }
        }
    }

    /// Up to which sequence all sinks that are waited for have confirmed.
    fn confirmed(&self) -> u64 {
        self.positions.iter().map(|position| *position.borrow()).min().unwrap_or(u64::MAX)
    }

    fn settle_waiting(&mut self) {
        let confirmed = self.confirmed();
        while let Some(&(sequence, id)) = self.waiting.first()
            && sequence <= confirmed
        {
            self.waiting.pop_first();
            self.settle(id);
        }
    }

    fn settle(&mut self, id: u64) {
        let Some(open) = self.open.remove(&id) else { return };
        let known = |(answers, is_array): (Option<Answers>, bool)| {
            Some((answers.filter(|answers| !answers.is_empty())?, is_array))
        };
        let batches: Option<Vec<_>> = open.batches.into_iter().map(known).collect();
        let settlement = match batches {
            Some(batches) => Settlement::Done(Replies {
                engine: self.engine.clone(),
                content_type: open.content_type,
                batches,
            }),
            None => {
                count(&self.metrics.lost);
                tracing::error!(source = self.options.name, "outcomes can no longer be had");
                Settlement::Lost
            }
        };
        self.hand_back(open.settled, open.handle, settlement);
    }

    fn hand_back(
        &self,
        settled: mpsc::UnboundedSender<Settled<H>>,
        handle: H,
        settlement: Settlement,
    ) {
        count(&self.metrics.settled);
        // It fails where the message's connection is gone: then it comes again.
        let _ = settled.send(Settled { handle, settlement });
    }

    /// Takes this offer, and those that are there already and have room.
    fn take_in(&mut self, first: Offer<H>) -> Result<(), Failure> {
        self.offer(first)?;
        for _ in 1..TURN_MAX {
            if !self.has_room() {
                break;
            }
            let Ok(offer) = self.offers.try_recv() else { break };
            self.offer(offer)?;
        }
        Ok(())
    }

    /// Whether another message may be taken in.
    fn has_room(&self) -> bool {
        self.outgoing.is_empty() && self.open.len() < self.options.credit
    }

    fn offer(&mut self, offer: Offer<H>) -> Result<(), Failure> {
        count(&self.metrics.received);
        let Offer { message, settled } = offer;
        if let Identity::Offset(offset) = message.identity
            && offset < self.last_request
        {
            count(&self.metrics.repeated);
            self.hand_back(settled, message.handle, Settlement::Known);
            return Ok(());
        }
        let batches = match self.decode(&message.body, message.content_type, &message.identity) {
            Ok(batches) => batches,
            Err(malformed) => {
                self.metrics.count_dead(malformed.kind);
                let dead = Settlement::Dead { body: message.body, malformed };
                self.hand_back(settled, message.handle, dead);
                return Ok(());
            }
        };
        let id = self.next_open;
        self.next_open += 1;
        let is_array = |batch: &Vec<Command>| {
            batch.len() > 1 || message.body.trim_ascii_start().first() == Some(&b'[')
        };
        let open = Open {
            handle: message.handle,
            settled,
            content_type: message.content_type,
            batches: batches.iter().map(|batch| (None, is_array(batch))).collect(),
            unanswered: batches.len(),
        };
        self.open.insert(id, open);
        for (at, batch) in batches.into_iter().enumerate() {
            let (tag, number) = match &message.identity {
                Identity::None => (0, None),
                Identity::Key(key) => (tag_of(key, at as u32), None),
                Identity::Offset(offset) => (0, Some(offset + 1)),
            };
            self.outgoing.push_back(Outgoing { batch, tag, number, waiter: (id, at) });
        }
        self.send_outgoing()
    }

    fn decode(
        &self,
        body: &[u8],
        content_type: ContentType,
        identity: &Identity,
    ) -> Result<Vec<Vec<Command>>, Malformed> {
        if body.len() > self.options.message_bytes_max {
            return Err(Malformed::too_long(body.len(), self.options.message_bytes_max));
        }
        let batches = message::decode(body, content_type)?;
        if matches!(identity, Identity::Offset(_)) && batches.len() > 1 {
            return Err(Malformed::several_batches());
        }
        Ok(batches)
    }

    /// Sends what waits for room, as far as there is some.
    fn send_outgoing(&mut self) -> Result<(), Failure> {
        while let Some(outgoing) = self.outgoing.pop_front() {
            match self.memory.seen(outgoing.tag).cloned() {
                Some(Seen::Answered(answers)) => {
                    count(&self.metrics.repeated);
                    let (id, at) = outgoing.waiter;
                    self.fill_in(id, at, answers);
                    continue;
                }
                Some(Seen::UnderWay(number)) => {
                    count(&self.metrics.repeated);
                    let found = self.requests.binary_search_by_key(&number, |it| it.number);
                    let at = found.expect("what is under way waits for its answers");
                    self.requests[at].waiters.push(outgoing.waiter);
                    continue;
                }
                None => {}
            }
            let Some(number) = self.send(&outgoing)? else {
                self.outgoing.push_front(outgoing);
                return Ok(());
            };
            add(&self.metrics.commands, outgoing.batch.len() as u64);
            if outgoing.tag != 0 {
                self.memory.begin(outgoing.tag, number);
            }
            let answers = Vec::with_capacity(outgoing.batch.len());
            let waiters = vec![outgoing.waiter];
            self.requests.push_back(Request { number, tag: outgoing.tag, answers, waiters });
        }
        Ok(())
    }

    /// Sends a batch if there is room, and returns its number.
    fn send(&mut self, outgoing: &Outgoing) -> Result<Option<u64>, Failure> {
        let Some(number) = outgoing.number else {
            return Ok(self.sender.try_send(&outgoing.batch, outgoing.tag)?);
        };
        let under_way = self.sender.under_way();
        if under_way > 0 && under_way + outgoing.batch.len() > self.in_flight_max {
            return Ok(None);
        }
        self.sender.send_numbered(&outgoing.batch, number, outgoing.tag)?;
        self.last_request = number;
        Ok(Some(number))
    }
}
