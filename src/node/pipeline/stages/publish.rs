//! The last stage: merges notices, events and outcomes into the order in which they leave.
//!
//! ```text
//!   outcomes   ── 7 ───────── 8 ──▶ ┐
//!   events     ────── of 8 ───────▶ ├─▶ sink:  7, "after 7", event of 8, 8
//!   notices    ── after 7 ────────▶ ┘
//! ```

use std::sync::Arc;

use crossbeam::channel::Receiver;

use super::super::threads::Run;
use super::super::{PipelineError, Role};
use super::{Alike, Origins, OwnTimes};
use crate::counters::Counters;
use crate::gateway::Progress;
use crate::notice::Notice;
use crate::publish::{Sink, TURN_OUTCOMES_MAX};
use ringfence_ring::{Poll, Stage, StageCursor, View};
use ringfence_types::{Event, Origin, Outcome, OutcomeCounts};

/// What the source says between commands, in order.
pub(in crate::pipeline) struct Notices<N> {
    next: Option<Notice<N>>,
    more: Receiver<Notice<N>>,
}

impl<N> Notices<N> {
    /// Takes notices from `receiver`.
    pub(in crate::pipeline) fn new(receiver: Receiver<Notice<N>>) -> Notices<N> {
        Notices { next: None, more: receiver }
    }

    /// Looks whether there is one, where none was there before.
    fn look(&mut self) {
        if self.next.is_none() {
            self.next = self.more.try_recv().ok();
        }
    }

    /// Passes on those that come before the outcome of `sequence`; whether there were any.
    #[inline]
    fn pass_on_before<K: Sink<Notice = N>>(&mut self, sequence: u64, sink: &mut K) -> bool {
        let mut any = false;
        while let Some(notice) = self.next.take_if(|notice| notice.after < sequence) {
            sink.notice(notice.what);
            self.next = self.more.try_recv().ok();
            any = true;
        }
        any
    }
}

/// The events of one turn.
struct Events<'a> {
    view: Option<View<'a, Event>>,
    passed_on: usize,
}

impl<'a> Events<'a> {
    /// The next one that comes before the outcome of `sequence` or of an earlier command.
    #[inline]
    fn next_before(&mut self, sequence: u64) -> Option<&'a Event> {
        let view = self.view.filter(|view| self.passed_on < view.len())?;
        let event = view.at(self.passed_on);
        (event.goes_before() <= sequence).then(|| {
            self.passed_on += 1;
            event
        })
    }
}

/// One turn of the merge.
struct Merge<'a, K: Sink> {
    notices: &'a mut Notices<K::Notice>,
    origins: &'a mut Origins,
    events: Events<'a>,
    sink: &'a mut K,
}

impl<K: Sink> Merge<'_, K> {
    /// Passes on the events that come before the outcome of `sequence`, each behind its notices.
    #[inline]
    fn events_before(&mut self, sequence: u64) {
        while let Some(event) = self.events.next_before(sequence) {
            self.notices.pass_on_before(event.goes_before(), self.sink);
            self.sink.event(event);
        }
    }

    /// Passes on an outcome, behind the origin, notices and events that come before it.
    #[inline]
    fn outcome(&mut self, sequence: u64, outcome: &Outcome) -> Result<(), PipelineError> {
        self.notices.pass_on_before(sequence, self.sink);
        self.origin_before(sequence)?;
        self.events_before(sequence);
        self.sink.outcome(sequence, outcome);
        Ok(())
    }

    /// Passes on the outcomes of a turn; `count` is given those that are alike together.
    #[inline]
    fn outcomes(
        &mut self,
        first_sequence: u64,
        view: View<'_, Outcome>,
        mut count: impl FnMut(&Alike<'_>),
    ) -> Result<(), PipelineError> {
        let mut alike = Alike::new(view.at(0));
        for (sequence, outcome) in (first_sequence..).zip(view) {
            self.outcome(sequence, outcome)?;
            if !alike.add(outcome) {
                count(&alike);
                alike = Alike::new(outcome);
                alike.add(outcome);
            }
        }
        count(&alike);
        Ok(())
    }

    /// Passes on the origin of the batch that begins at `sequence`, if it has one.
    #[inline]
    fn origin_before(&mut self, sequence: u64) -> Result<(), PipelineError> {
        if self.origins.next_sequence() <= sequence
            && let Some(origin) = self.origins.take()
        {
            self.sink.origin(&origin);
            self.origins.look()?;
        }
        Ok(())
    }
}

/// Sends outcomes out.
pub(in crate::pipeline) struct PublishStage<K: Sink> {
    outcomes: Stage<(Outcome,), ()>,
    events: Stage<(Event,), ()>,
    /// How far the journal is; none where nothing is journaled.
    durable: Option<StageCursor>,
    notices: Notices<K::Notice>,
    origins: Origins,
    pub(in crate::pipeline) sink: K,
    /// Sequence of the last outcome that was given to the sink.
    pub(in crate::pipeline) published: u64,
    pub(in crate::pipeline) counts: OutcomeCounts,
    counters: Arc<Counters>,
    latency: OwnTimes,
    outcomes_ended: bool,
    events_ended: bool,
}

/// The lanes that publish reads: outcomes, events, origins.
type PublishLanes = (Stage<(Outcome,), ()>, Stage<(Event,), ()>, Stage<(Origin,), ()>);

impl<K: Sink> PublishStage<K> {
    /// A stage that goes on after the outcome `published`.
    pub(in crate::pipeline) fn new(
        (outcomes, events, origins): PublishLanes,
        durable: Option<StageCursor>,
        (sink, notices): (K, Notices<K::Notice>),
        published: u64,
        counters: &Arc<Counters>,
    ) -> PublishStage<K> {
        PublishStage {
            outcomes,
            events,
            durable,
            notices,
            origins: Origins::new(origins),
            sink,
            published,
            counts: OutcomeCounts::default(),
            counters: Arc::clone(counters),
            latency: OwnTimes::default(),
            outcomes_ended: false,
            events_ended: false,
        }
    }

    /// Publishes outcomes and events that are there; whether there were any.
    fn publish(&mut self) -> Result<bool, PipelineError> {
        let Self { outcomes, events, durable, notices, origins, sink, published, .. } = self;
        let (counts, counters, latency) = (&mut self.counts, &*self.counters, &mut self.latency);
        let mut outcomes = match outcomes.poll(TURN_OUTCOMES_MAX)? {
            Poll::Ready(batch) => Some(batch),
            Poll::Empty => None,
            Poll::Ended => {
                self.outcomes_ended = true;
                None
            }
        };
        // After the poll: what comes before its outcomes, notices, origins, events, is all there.
        notices.look();
        origins.look()?;
        let mut events = match events.poll(usize::MAX)? {
            Poll::Ready(batch) => Some(batch),
            Poll::Empty => None,
            Poll::Ended => {
                self.events_ended = true;
                None
            }
        };
        if outcomes.is_none() && events.is_none() {
            return Ok(false);
        }
        sink.turn_begins();
        let view = events.as_mut().map(|batch| batch.parts().0.0);
        let mut merge = Merge { notices, origins, events: Events { view, passed_on: 0 }, sink };
        if let Some(batch) = &mut outcomes {
            let first_sequence = batch.first_sequence();
            let ((view,), _) = batch.parts();
            merge.outcomes(first_sequence, view, |alike| alike.add_to(counts, counters))?;
            latency.show(view.at(0), view.len() as u64, counters);
            *published = first_sequence + view.len() as u64 - 1;
        } else if durable.as_ref().is_none_or(|journal| journal.released() > *published + 1) {
            // Events of the command that settle has not finished, because their lane is full. It
            // is durable. Later ones wait: an outcome may have come after the poll.
            merge.origin_before(*published + 1)?;
            merge.events_before(*published + 1);
        }
        let event_count = merge.events.passed_on;
        let worked = outcomes.is_some() || event_count > 0;
        if let Some(batch) = outcomes {
            let length = batch.len();
            batch.publish(length);
        }
        if let Some(batch) = events
            && event_count > 0
        {
            batch.publish(event_count);
        }
        Ok(worked)
    }
}

impl<K: Sink> Run for PublishStage<K> {
    fn role(&self) -> Role {
        Role::Publish
    }

    fn step(&mut self) -> Result<Progress, PipelineError> {
        let worked = self.sink.is_ready() && self.publish()?;
        if worked {
            self.sink.turn_ends(false);
            return Ok(Progress::Worked);
        }
        self.sink.check()?;
        // Nothing is there to publish: what was said after the last outcome may leave.
        let said = self.notices.pass_on_before(self.published + 1, &mut self.sink);
        let left = self.sink.turn_ends(true);
        if said || left {
            return Ok(Progress::Worked);
        }
        let ended = self.outcomes_ended
            && self.events_ended
            && self.notices.next.is_none()
            && self.sink.is_drained();
        Ok(if ended { Progress::Ended } else { Progress::Idle })
    }
}
