//! Connections that have not yet said who they are.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::Instant;

use super::listener::Peer;
use crate::session::Stream;
use ringfence_codec::wire::{
    ClientHello, ClientMessage, ErrorCode, RequestDecoder, Violation, encode_error,
};

/// A connection that was accepted and has not said its hello.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    pub(super) decoder: RequestDecoder,
    pub(super) is_registered: bool,
}

/// Why a connection is not let in, as it is told.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: ErrorCode,
    pub(super) value: u64,
    pub(super) text: String,
}

/// What came of listening to a connection.
#[derive(Debug)]
pub(super) enum Heard {
    Hello(ClientHello),
    /// Not all of it is there.
    Part,
    /// The client has ended the connection.
    Nothing,
    Violation(Violation),
}

impl Waiting {
    pub(super) fn new(stream: Stream, peer: Peer) -> Waiting {
        Waiting { stream, peer, decoder: RequestDecoder::new(), is_registered: false }
    }

    /// Reads what is there.
    pub(super) fn hear(&mut self) -> Heard {
        loop {
            match self.decoder.next_message() {
                Ok(Some(ClientMessage::Hello(hello))) => return Heard::Hello(hello),
                Ok(Some(_)) => unreachable!("the decoder lets nothing but a hello come first"),
                Err(violation) => return Heard::Violation(violation),
                Ok(None) => {}
            }
            match (&self.stream).read(self.decoder.frames().spare()) {
                Ok(0) => return Heard::Nothing,
                Ok(count) => self.decoder.frames().advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::Part,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Heard::Nothing,
            }
        }
    }

    /// Tells the client why it is not let in, and ends the connection.
    pub(super) fn refuse(self, refused: &Refused) {
        let mut message = Vec::new();
        encode_error(refused.code, refused.value, &refused.text, &mut message);
        // A fresh socket has room for it; a client that is gone need not be told.
        drop((&self.stream).write(&message));
        self.stream.shut_down();
    }
}

impl From<Violation> for Refused {
    fn from(violation: Violation) -> Refused {
        let (code, value) = (violation.code(), violation.value());
        Refused { code, value, text: violation.to_string() }
    }
}

/// The connections that wait, by number, and in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Queue {
    slots: Vec<Option<Waiting>>,
    free: Vec<usize>,
    /// When each came; numbers are used again, so the count of arrivals tells them apart.
    order: VecDeque<(Instant, usize, u64)>,
    arrivals: Vec<u64>,
    count: u64,
}

impl Queue {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Where the next one will be.
    pub(super) fn next_place(&mut self) -> usize {
        if let Some(&place) = self.free.last() {
            return place;
        }
        self.slots.push(None);
        self.arrivals.push(0);
        self.free.push(self.slots.len() - 1);
        self.slots.len() - 1
    }

    /// Puts `waiting` at [`Queue::next_place`].
    pub(super) fn put(&mut self, waiting: Waiting, now: Instant) {
        let place = self.next_place();
        self.free.pop();
        self.count += 1;
        self.slots[place] = Some(waiting);
        self.arrivals[place] = self.count;
        self.order.push_back((now, place, self.count));
    }

    pub(super) fn get(&mut self, place: usize) -> Option<&mut Waiting> {
        self.slots.get_mut(place)?.as_mut()
    }

    pub(super) fn take(&mut self, place: usize) -> Option<Waiting> {
        let waiting = self.slots.get_mut(place)?.take()?;
        self.free.push(place);
        Some(waiting)
    }

    /// When the one came that has waited for longest, and where it is.
    pub(super) fn oldest(&mut self) -> Option<(Instant, usize)> {
        while let Some(&(since, place, arrival)) = self.order.front() {
            if self.slots[place].is_some() && self.arrivals[place] == arrival {
                return Some((since, place));
            }
            self.order.pop_front();
        }
        None
    }

    /// Takes all of them.
    pub(super) fn take_all(&mut self) -> Vec<Waiting> {
        self.free = (0..self.slots.len()).collect();
        self.order.clear();
        self.slots.iter_mut().filter_map(Option::take).collect()
    }
}
