//! Ids that carry their time: which of those that are not remembered are refused for it.
//!
//! ```text
//!   ── forgotten by now ──┬───────────── may be new ─────────────┬── too early ──▶ time of the id
//!                         now − retention + 60 s                 now + 60 s
//! ```
//!
//! # Invariants
//!
//! * An id that was accepted while ids carried their time lay at most 60 s ahead. So whatever has
//!   been forgotten, a retention later at the earliest, is refused as expired: it is not executed
//!   again, however late it is repeated.
//! * A longer retention makes no id valid again: `floor_ns` keeps what was expired before.

use ringfence_types::{ID_TIME_SLACK_NS, IdTime, Rules, Status, ulid_time_ns};

/// The check of ids for their time.
#[derive(Debug, Clone, Copy)]
pub struct IdTimes {
    is_on: bool,
    /// For how long after its time an id may be new; 2^64 − 1: for ever.
    valid_ns: u64,
    /// Ids whose time is before this are expired.
    floor_ns: u64,
}

impl IdTimes {
    /// The check under `rules`.
    pub fn new(rules: &Rules) -> IdTimes {
        let valid_ns = match rules.retention_ns {
            0 => u64::MAX,
            retention_ns => retention_ns.saturating_sub(ID_TIME_SLACK_NS),
        };
        let is_on = IdTime::from_number(rules.id_time) == Some(IdTime::Ulid);
        IdTimes { is_on, valid_ns, floor_ns: 0 }
    }

    /// Takes over later rules at the time `now`.
    pub fn configure(&mut self, rules: &Rules, now: u64) {
        let later = IdTimes::new(rules);
        // Of what was forgotten under the shorter retention, nothing was made this late.
        let first_valid_ns = now.checked_sub(self.valid_ns).map_or(0, |expired_ns| expired_ns + 1);
        let is_longer = later.is_on && later.valid_ns > self.valid_ns;
        let floor_ns = if is_longer { first_valid_ns } else { 0 };
        *self = IdTimes { floor_ns: self.floor_ns.max(floor_ns), ..later };
    }

    /// Ids whose time is before this are expired whatever the retention; part of the contents.
    pub fn floor_ns(&self) -> u64 {
        self.floor_ns
    }

    /// Takes over what [`IdTimes::floor_ns`] gave.
    pub fn restore(&mut self, floor_ns: u64) {
        self.floor_ns = floor_ns;
    }

    /// Why the id, which is not remembered, cannot be new at the timestamp `own`.
    #[inline(always)]
    pub fn check(&self, id: u128, own: u64) -> Option<Status> {
        if self.is_on { self.check_time(ulid_time_ns(id), own) } else { None }
    }

    fn check_time(&self, id_ns: u64, own: u64) -> Option<Status> {
        if id_ns.saturating_add(self.valid_ns) <= own || id_ns < self.floor_ns {
            Some(Status::IdExpired)
        } else if id_ns > own.saturating_add(ID_TIME_SLACK_NS) {
            Some(Status::IdNotYetValid)
        } else {
            None
        }
    }
}
