//! What batches say of themselves in worlds that have no clients, and the table of sessions in a
//! plain list.

use ringfence::types::{Command, Origin, Request, Rules, SessionRecord};

use crate::scenario::Batch;

/// Sessions of a world of [`with_few_sessions`]: fewer than the seven that its requests are of.
const SESSIONS: u64 = 3;

/// `rules` with few places for sessions, and a retention that is short in one world and long in
/// another: in some nearly every session is given up, in others it is refused a place.
#[must_use]
pub fn with_few_sessions(rules: &Rules) -> Rules {
    let session_retention_ns = 1 << (rules.hash_key[0] % 40);
    Rules { sessions: SESSIONS, session_retention_ns, ..*rules }
}

/// The sessions that an engine has to know, in the order of their last requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwinSessions {
    list: Vec<SessionRecord>,
    most: u64,
    retention_ns: u64,
    /// How many gave their place to another.
    pub given_up: u64,
    /// How many requests found no place.
    pub refused: u64,
}

impl TwinSessions {
    /// None yet, and so many and so long as `rules` say.
    #[must_use]
    pub fn new(rules: &Rules) -> TwinSessions {
        let (most, retention_ns) = (rules.sessions, rules.session_retention_ns);
        TwinSessions { list: Vec::new(), most, retention_ns, given_up: 0, refused: 0 }
    }

    /// What a gateway lets of a batch that begins at `first_sequence` say: what [`request_of`]
    /// says, and nothing if its session finds no place.
    pub fn take_in(&mut self, first_sequence: u64, batch: &[Command]) -> Request {
        let request = request_of(first_sequence);
        if !request.is_named() {
            return request;
        }
        let last_timestamp = batch[batch.len() - 1].header.timestamp;
        let known = self.list.iter().position(|record| record.id == request.session);
        if let Some(place) = known {
            self.list.remove(place);
        } else if self.list.len() as u64 == self.most {
            if batch[0].header.timestamp - self.list[0].last_timestamp <= self.retention_ns {
                self.refused += 1;
                return Request::NONE;
            }
            self.list.remove(0);
            self.given_up += 1;
        }
        self.list.push(SessionRecord {
            id: request.session,
            last_request: request.number,
            last_sequence: first_sequence + batch.len() as u64 - 1,
            last_timestamp,
            reserved: 0,
        });
        request
    }

    /// Those that are known, the one that has been silent longest first.
    #[must_use]
    pub fn list(&self) -> &[SessionRecord] {
        &self.list
    }
}

/// What the batch that begins at `first_sequence` says of itself: of three batches one says nothing,
/// one is of a session without a name but has a tag, and one is of one of seven sessions.
#[must_use]
pub fn request_of(first_sequence: u64) -> Request {
    let mixed = first_sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    match mixed % 3 {
        0 => Request::NONE,
        1 => Request { tag: u128::from(mixed | 1) << 64, ..Request::NONE },
        _ => Request {
            session: 1 << 127 | u128::from(mixed % 7),
            tag: u128::from(mixed % 2),
            number: first_sequence,
            reserved: 0,
        },
    }
}

/// The requests of all of `batches`, of which the first begins at sequence 1, and the sessions that
/// are known then.
#[must_use]
pub fn requests_of(rules: &Rules, batches: &[Batch]) -> (Vec<Request>, TwinSessions) {
    let mut sessions = TwinSessions::new(rules);
    let mut sequence = 1;
    let take_in = |batch: &Batch| {
        let request = sessions.take_in(sequence, batch);
        sequence += batch.len() as u64;
        request
    };
    (batches.iter().map(take_in).collect(), sessions)
}

/// The origins of all of `batches`, of which the first begins at sequence 1.
#[must_use]
pub fn origins_of(batches: &[Batch], requests: &[Request]) -> Vec<Origin> {
    let mut sequence = 1;
    let mut origins = Vec::new();
    for (batch, request) in batches.iter().zip(requests) {
        if !request.is_none() {
            origins.push(Origin::of(request, sequence, &batch[0].header));
        }
        sequence += batch.len() as u64;
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Generator;

    #[test]
    fn in_worlds_sessions_are_given_up_and_refused() {
        let (mut given_up, mut refused) = (0, 0);
        for seed in 0..40 {
            let mut generator = Generator::new(seed);
            let rules = with_few_sessions(generator.rules());
            let batches: Vec<Batch> = (0..100).map(|_| generator.next_batch()).collect();
            let sessions = requests_of(&rules, &batches).1;
            given_up += sessions.given_up;
            refused += sessions.refused;
        }
        assert!(given_up > 100 && refused > 100, "{given_up} given up, {refused} refused");
    }
}
