//! The way of messages through a worker to the engine.
//!
//! ```text
//!   Given ─decode, tag─▶ Open, and its batches ─▶ outgoing ─as far as there is room─▶ session
//! ```

use ringfence_client::ClientError;
use ringfence_client::types::Command;

use super::{Offer, Open, Outgoing, Request, TURN_MAX, Worker};
use crate::Identity;
use crate::intake::{Settled, Settlement};
use crate::message::{self, Batch, ContentType, Given, Malformed, Message, is_array};
use crate::metrics::{add, count};
use crate::tags::{Seen, tag_of};
use crate::together::Giving;

impl<H: Send + 'static> Worker<H> {
    /// Takes in what is given, and what is offered besides and has room.
    pub(super) fn take_in(&mut self) -> Result<(), ClientError> {
        for _ in 0..TURN_MAX {
            if self.open.len() >= self.options.credit {
                break;
            }
            let Some(given) = self.next_given() else { break };
            self.offer(given);
        }
        self.send_outgoing()
    }

    fn next_given(&mut self) -> Option<Given<H>> {
        loop {
            if let Some(given) = self.given.next() {
                return Some(given);
            }
            let Offer { given, settled } = self.offers.try_recv().ok()?;
            (self.given, self.settling) = (given.into_iter(), Some(settled));
        }
    }

    /// Whether another message may be taken in.
    pub(super) fn has_room(&self) -> bool {
        self.outgoing.is_empty() && self.open.len() < self.options.credit
    }

    fn offer(&mut self, given: Given<H>) {
        count(&self.metrics.received);
        let Some(settling) = self.settling.clone() else { return };
        if let Identity::Offset(offset) = *given.identity() {
            if offset < self.last_request {
                count(&self.metrics.repeated);
                return self.hand_back(settling, given.into_handle(), Settlement::Known);
            }
            self.last_request = offset + 1;
        }
        match given {
            Given::Message(message) => self.message(message, settling),
            Given::Batch(Batch { commands, is_array, content_type, identity, handle }) => {
                self.begin(handle, settling, content_type, &identity, vec![(commands, is_array)]);
            }
        }
    }

    fn message(&mut self, message: Message<H>, settling: Giving<Settled<H>>) {
        let Message { body, content_type, identity, handle } = message;
        match self.decode(&body, content_type, &identity) {
            Ok(batches) => {
                let written = |batch: Vec<Command>| {
                    let is_array = is_array(&body, &batch);
                    (batch, is_array)
                };
                let batches = batches.into_iter().map(written).collect();
                self.begin(handle, settling, content_type, &identity, batches);
            }
            Err(malformed) => {
                self.metrics.count_dead(malformed.kind);
                self.hand_back(settling, handle, Settlement::Dead { body, malformed });
            }
        }
    }

    /// Takes in a message: its batches, each with whether it was written as an array.
    fn begin(
        &mut self,
        handle: H,
        settled: Giving<Settled<H>>,
        content_type: ContentType,
        identity: &Identity,
        batches: Vec<(Vec<Command>, bool)>,
    ) {
        let id = self.next_open;
        self.next_open += 1;
        let open = Open {
            handle,
            settled,
            content_type,
            batches: batches.iter().map(|&(_, is_array)| (None, is_array)).collect(),
            unanswered: batches.len(),
        };
        self.open.insert(id, open);
        for (at, (batch, _)) in batches.into_iter().enumerate() {
            let (tag, number) = match identity {
                Identity::None => (0, None),
                Identity::Key(key) => (tag_of(key, at as u32), None),
                Identity::Offset(offset) => (0, Some(offset + 1)),
            };
            self.outgoing.push_back(Outgoing { batch, tag, number, waiter: (id, at) });
        }
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
    pub(super) fn send_outgoing(&mut self) -> Result<(), ClientError> {
        while let Some(first) = self.outgoing.front() {
            let all_sent = match first.number {
                Some(_) => self.send_numbered()?,
                None => self.send_first()?,
            };
            if !all_sent {
                break;
            }
        }
        Ok(())
    }

    /// Sends those at the front that have numbers; whether there was room for all.
    fn send_numbered(&mut self) -> Result<bool, ClientError> {
        let numbered = self.outgoing.iter().map_while(|it| Some((it.batch.as_slice(), it.number?)));
        let sent = self.sender.try_send_numbered(numbered.clone())?;
        let all_sent = sent == numbered.count();
        for _ in 0..sent {
            let Some(outgoing) = self.outgoing.pop_front() else { break };
            let number = outgoing.number.unwrap_or_default();
            self.sent(outgoing, number);
        }
        Ok(all_sent)
    }

    /// Sends the one at the front, unless its tag says that it was sent before; `false` if there is
    /// no room.
    fn send_first(&mut self) -> Result<bool, ClientError> {
        let Some(outgoing) = self.outgoing.pop_front() else { return Ok(true) };
        match self.memory.seen(outgoing.tag).cloned() {
            Some(Seen::Answered(answers)) => {
                count(&self.metrics.repeated);
                let (id, at) = outgoing.waiter;
                self.fill_in(id, at, answers);
            }
            Some(Seen::UnderWay(number)) => {
                count(&self.metrics.repeated);
                let found = self.requests.binary_search_by_key(&number, |it| it.number);
                let at = found.expect("what is under way waits for its answers");
                self.requests[at].others.push(outgoing.waiter);
            }
            None => {
                let Some(number) = self.sender.try_send(&outgoing.batch, outgoing.tag)? else {
                    self.outgoing.push_front(outgoing);
                    return Ok(false);
                };
                if outgoing.tag != 0 {
                    self.memory.begin(outgoing.tag, number);
                }
                self.sent(outgoing, number);
            }
        }
        Ok(true)
    }

    /// A batch is on its way.
    fn sent(&mut self, outgoing: Outgoing, number: u64) {
        let Outgoing { batch, tag, waiter, .. } = outgoing;
        add(&self.metrics.commands, batch.len() as u64);
        let answers = Vec::with_capacity(batch.len());
        self.requests.push_back(Request { number, tag, answers, waiter, others: Vec::new() });
    }
}
