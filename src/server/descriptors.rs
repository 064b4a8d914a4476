//! File descriptors: how many connections they suffice for.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are kept back from connections, beside those that are open at the start: for
/// segments of the journal and those made ahead, the outcome log, a snapshot's files, the files that
/// subscriptions read.
const KEPT_BACK: u64 = 256;
/// Of few descriptors at least this part is for connections.
const CONNECTIONS_PART: u64 = 2;

/// How many file descriptors the process may have, and for how many connections they suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// The limit of the process (`RLIMIT_NOFILE`), [`u64::MAX`] where there is none.
    pub limit: u64,
    /// What is left for connections.
    pub for_connections: u64,
}

impl Descriptors {
    /// Raises the process's soft limit to the hard one, and finds out what is left for connections.
    /// Where the limit cannot be raised the present one holds.
    #[must_use]
    pub fn claim() -> Descriptors {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        let limit = if raised.is_ok() { maximum } else { current };
        Descriptors::of(limit.unwrap_or(u64::MAX), open_now())
    }

    fn of(limit: u64, open: u64) -> Descriptors {
        let free = limit.saturating_sub(open);
        let for_connections = free.saturating_sub(KEPT_BACK.min(free / CONNECTIONS_PART));
        Descriptors { limit, for_connections }
    }

    /// How many of `wanted` connections there can be, of which each takes `of_each` descriptors.
    #[must_use]
    pub fn connections(&self, wanted: u16, of_each: u64) -> u16 {
        let possible = u16::try_from(self.for_connections / of_each).unwrap_or(u16::MAX);
        wanted.min(possible).max(1)
    }
}

/// Descriptors that are open; where the system does not tell, as many as a start may have opened.
fn open_now() -> u64 {
    const UNKNOWN: u64 = 64;
    fs::read_dir("/proc/self/fd").map_or(UNKNOWN, |entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_journal_needs_is_kept_back_from_connections() {
        //  limit, open now, for connections
        let cases = [(1_024, 24, 744), (100_000, 30, 99_714), (256, 30, 113), (20, 30, 0)];
        for (limit, open, for_connections) in cases {
            let descriptors = Descriptors::of(limit, open);
            assert_eq!(descriptors, Descriptors { limit, for_connections }, "{limit}");
        }
        let few = Descriptors::of(1_024, 24);
        assert_eq!(few.connections(1_024, 1), 744);
        assert_eq!(few.connections(1_024, 3), 248, "over TLS each takes three");
        assert_eq!(few.connections(100, 1), 100);
        assert_eq!(Descriptors::of(20, 30).connections(100, 1), 1);
        assert_eq!(Descriptors::of(u64::MAX, 30).connections(u16::MAX, 1), u16::MAX);
    }
}
