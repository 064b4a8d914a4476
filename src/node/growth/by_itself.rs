//! Tables that grow before they are full, without anybody asking for it, while the machine has
//! memory for that.

use std::time::{Duration, Instant};

use super::Wish;
use ringfence_types::Capacities;

/// A table grows once so many percent of it are taken: before anybody is warned that it is full.
const GROWS_AT_PERCENT: u64 = 75;
/// Up to so many places a table doubles; a larger one grows by half.
const DOUBLES_UP_TO: u64 = 4 * 1024 * 1024;
/// Most places of a table: dense indices are 32 bits wide, and one of them means "none".
const CAPACITY_MAX: u64 = 1 << 31;
/// Memory that such a growth leaves free for everything else on the machine, in bytes.
pub(super) const LEFT_FREE_BYTES: u64 = 512 * 1024 * 1024;
/// A growth that failed is tried again after this time.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// What a hash table that grows takes for each place, beside the smaller one, in bytes.
const REHASHED_BYTES: u64 = 32;

/// Which tables grow by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByItself {
    /// The table of accounts.
    pub accounts: bool,
    /// The table of transfers and spent ids.
    pub transfers: bool,
    /// The table of markets.
    pub markets: bool,
    /// The table of orders.
    pub orders: bool,
}

/// One table: whether it grows by itself, and how full it is.
struct Table {
    may_grow: bool,
    used: u64,
    capacity: u64,
}

impl Table {
    /// How many places it is to have, if more than now.
    fn larger(&self) -> Option<u64> {
        let &Table { may_grow, used, capacity, .. } = self;
        let is_filling = used * 100 >= capacity * GROWS_AT_PERCENT;
        if !may_grow || !is_filling || capacity >= CAPACITY_MAX {
            return None;
        }
        let more = if capacity <= DOUBLES_UP_TO { capacity } else { capacity / 2 };
        Some((capacity + more).min(CAPACITY_MAX))
    }
}

/// Memory that it takes to grow from `before` to `after`, in bytes.
pub(super) fn growth_bytes(before: &Capacities, after: &Capacities) -> u64 {
    let table = |of: fn(&Capacities) -> u64, place_bytes: u64| {
        let (before, after) = (of(before), of(after));
        if after <= before { 0 } else { (after - before) * place_bytes + after * REHASHED_BYTES }
    };
    table(|it| it.accounts, 320)
        + table(|it| it.transfers, 176)
        + table(|it| it.markets, 1024)
        + table(|it| it.orders, 256)
}

/// Decides when tables grow by themselves.
#[derive(Debug)]
pub(super) struct Decider {
    tables: ByItself,
    failed: Option<Instant>,
    /// The capacities of which was said that they stay.
    said: Option<Capacities>,
}

impl Decider {
    pub(super) fn new(tables: ByItself) -> Decider {
        Decider { tables, failed: None, said: None }
    }

    /// What is to grow now, `used` places being taken; `None`: nothing is.
    pub(super) fn decide(&self, used: &Capacities, capacities: &Capacities) -> Option<Wish> {
        if self.failed.is_some_and(|failed| failed.elapsed() < TRIED_AGAIN_AFTER) {
            return None;
        }
        Some(wish(self.tables, used, capacities)).filter(|wish| !wish.is_empty())
    }

    /// A growth from `capacities` failed. True if that was not said before.
    pub(super) fn has_failed(&mut self, capacities: &Capacities) -> bool {
        self.failed = Some(Instant::now());
        self.said.replace(*capacities) != Some(*capacities)
    }
}

/// What is to grow, and to how many places.
fn wish(tables: ByItself, used: &Capacities, capacities: &Capacities) -> Wish {
    let larger = |may_grow, of: fn(&Capacities) -> u64| {
        Table { may_grow, used: of(used), capacity: of(capacities) }.larger()
    };
    Wish {
        accounts: larger(tables.accounts, |it| it.accounts),
        transfers: larger(tables.transfers, |it| it.transfers),
        markets: larger(tables.markets, |it| it.markets),
        orders: larger(tables.orders, |it| it.orders),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: ByItself = ByItself { accounts: true, transfers: true, markets: true, orders: true };

    #[test]
    fn a_table_doubles_or_grows_by_half_once_three_quarters_are_taken() {
        let of = |transfers| Capacities { transfers, ..Capacities::default() };
        let nothing = Capacities { accounts: 0, transfers: 0, policies: 0, markets: 0, orders: 0 };
        let m = 1024 * 1024;
        //  capacity, used, larger
        let cases = [
            (m, m / 2, None),
            (m, m / 4 * 3 - 1, None),
            (m, m / 4 * 3, Some(2 * m)),
            (4 * m, 4 * m, Some(8 * m)),
            (8 * m, 8 * m, Some(12 * m)),
            (1, 0, None),
            (1, 1, Some(2)),
            (CAPACITY_MAX - 2, CAPACITY_MAX - 2, Some(CAPACITY_MAX)),
            (CAPACITY_MAX, CAPACITY_MAX, None),
        ];
        for (capacity, used, larger) in cases {
            let used = Capacities { transfers: used, ..nothing };
            let wish = wish(ALL, &used, &of(capacity));
            let needed = growth_bytes(&of(capacity), &wish.apply(&of(capacity)).unwrap());
            assert_eq!(wish, Wish { transfers: larger, ..Wish::default() }, "{capacity} {used:?}");
            assert_eq!(needed > 0, larger.is_some());
        }
        let wish = wish(ByItself::default(), &of(m), &of(m));
        let needed = growth_bytes(&of(m), &wish.apply(&of(m)).unwrap());
        assert!(wish.is_empty() && needed == 0, "only where it was asked for");
    }

    #[test]
    fn a_growth_that_failed_is_said_once_and_not_tried_again_at_once() {
        let capacities = Capacities::default();
        let mut decider = Decider::new(ALL);
        assert!(decider.decide(&capacities, &capacities).is_some());
        assert!(decider.has_failed(&capacities));
        assert_eq!(decider.decide(&capacities, &capacities), None);
        assert!(!decider.has_failed(&capacities));
        let larger = Capacities { orders: 2 * capacities.orders, ..capacities };
        assert!(decider.has_failed(&larger));
    }
}
