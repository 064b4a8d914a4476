//! Serves a session: sends batches, gathers their answers, settles messages.
//!
//! # Invariants
//!
//! * A message is settled once, in the order of sequences as far as sinks are waited for.
//! * A batch is sent only if its tag is neither under way nor remembered.

mod sending;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ringfence_client::types::Command;
use ringfence_client::{Answer, AsyncSessionReceiver, AsyncSessionSender, ClientError, Delivered};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::context::Positions;
use crate::intake::open::Opened;
use crate::intake::{Offer, PortOptions, Replies, Settled, Settlement};
use crate::message::{ContentType, Given};
use crate::metrics::{add, count};
use crate::tags::{Answers, Memory};
use crate::together::Giving;
use crate::{Context, CountedSession, EngineId, Failure, SourceMetrics, Stop};

/// How often it is looked whether the session has a connection.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Deliveries and offers that are taken in one turn.
const TURN_MAX: usize = 1024;

/// A message that is taken in and not settled.
struct Open<H> {
    handle: H,
    settled: Giving<Settled<H>>,
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
    /// The message that waits for it, and the place of the batch in it.
    waiter: (u64, usize),
    /// Others that have the same batch.
    others: Vec<(u64, usize)>,
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
    sender: AsyncSessionSender,
    delivered: AsyncSessionReceiver,
    offers: mpsc::Receiver<Offer<H>>,
    /// What is left of the offer that was taken last, and where to settle it.
    given: std::vec::IntoIter<Given<H>>,
    settling: Option<Giving<Settled<H>>>,
    /// Settled in this turn, and where to tell it.
    settled: Vec<Settled<H>>,
    settled_to: Option<Giving<Settled<H>>>,
    memory: Memory,
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
        let (sender, delivered) = opened.session.split();
        Worker {
            engine,
            sender,
            delivered,
            offers,
            given: Vec::new().into_iter(),
            settling: None,
            settled: Vec::new(),
            settled_to: None,
            memory: opened.memory,
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
        let Err(error) = self.serve().await else { return Ok(()) };
        match error {
            // It was noticed by who sends. Why is told to who receives: above all if another bridge
            // has the session now, from which it is not to be taken back.
            ClientError::Ended => Err(self.why_it_has_ended().await.into()),
            error => Err(error.into()),
        }
    }

    /// Why the session has ended.
    async fn why_it_has_ended(&mut self) -> ClientError {
        loop {
            if let Err(why) = self.delivered.receive().await {
                return why;
            }
        }
    }

    async fn serve(&mut self) -> Result<(), ClientError> {
        let mut stop = self.stop.clone();
        let mut deadline: Option<Instant> = None;
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            self.tell_settled();
            if deadline.is_some_and(|end| self.open.is_empty() || Instant::now() >= end) {
                return Ok(());
            }
            let has_room = self.has_room() && deadline.is_none();
            if has_room && !self.given.as_slice().is_empty() {
                self.take_in()?;
                continue;
            }
            tokio::select! {
                biased;
                // First, and seldom: what comes without end must not hold it back.
                _ = look.tick() => self.look(),
                delivered = self.delivered.receive() => {
                    self.deliveries(delivered)?;
                    self.send_outgoing()?;
                }
                _ = self.moved.changed(), if !self.waiting.is_empty() => self.settle_waiting(),
                offer = self.offers.recv(), if has_room => match offer {
                    Some(Offer { given, settled }) => {
                        (self.given, self.settling) = (given.into_iter(), Some(settled));
                    }
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
    fn deliveries(&mut self, first: Result<Delivered, ClientError>) -> Result<(), ClientError> {
        self.delivery(first?);
        for _ in 1..TURN_MAX {
            let Some(delivered) = self.delivered.receive_here()? else { break };
            self.delivery(delivered);
        }
        Ok(())
    }

    fn delivery(&mut self, delivered: Delivered) {
        match delivered {
            Delivered::Answer { number, is_last, answer, .. } => {
                self.answer(number, answer, is_last);
            }
            Delivered::Lost { number } => self.lose(number),
            _ => {}
        }
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
        for (id, at) in request.others {
            self.fill_in(id, at, Arc::clone(&answers));
        }
        let (id, at) = request.waiter;
        self.fill_in(id, at, answers);
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

    /// Tells what became of a message, together with what else is settled in this turn.
    fn hand_back(&mut self, to: Giving<Settled<H>>, handle: H, settlement: Settlement) {
        if !self.settled_to.as_ref().is_some_and(|last| last.same_channel(&to)) {
            self.tell_settled();
            self.settled_to = Some(to);
        }
        self.settled.push(Settled { handle, settlement });
    }

    fn tell_settled(&mut self) {
        if self.settled.is_empty() {
            return;
        }
        add(&self.metrics.settled, self.settled.len() as u64);
        let settled = std::mem::take(&mut self.settled);
        // It fails where the messages' connection is gone: then they come again.
        let _ = self.settled_to.as_ref().map(|to| to.send(settled));
    }
}
