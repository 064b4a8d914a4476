//! When pending transfers expire: a hierarchical timing wheel.
//!
//! ```text
//!   expires_at, cut into digits:   9 bits | 9 bits | 16 bits of seconds . 10 | 10 | 10 bits of nanoseconds
//!   a timer waits in the list of the first digit in which it differs from the cursor:
//!      cursor  0 . 12 . 40007 . 3 . 998 . 71
//!      timer   0 . 12 . 40031 . 0 .   5 . 12    waits in list 40031 of the third level
//! ```
//!
//! When the cursor reaches a list, its timers move to lists of finer levels, at last to the one of
//! their nanosecond. Each moves at most five times, so a timer costs O(1), however many there are.
//!
//! # Invariants
//!
//! * Lists keep the order in which timers were added. A list is passed down whole when the
//!   cursor reaches it, before any later timer can be put below it; so those of one nanosecond
//!   expire in the order in which they were added.
//! * The cursor is never past a timer.
//! * Nodes lie in one array, by the slot of their transfer; the lists' ends lie behind them, so a
//!   timer leaves its list without knowing which it is.

use alloc::boxed::Box;

use zerocopy::FromZeros;

use crate::table::{Array, EngineError, Growth, growth::LengthOf};
use ringfence_types::NANOSECONDS_PER_SECOND;

/// Widths of the digits in bits, the nanosecond first.
const WIDTHS: [u32; LEVELS] = [10, 10, 10, 16, 9, 9];
const LEVELS: usize = 6;
/// Levels within a second.
const LEVELS_BELOW_SECOND: usize = 3;
/// Lists of all levels.
const LISTS: usize = list_base(LEVELS);

// Every nanosecond of a second and every second up to the latest timestamp has its digits.
const _: () = assert!(1 << (WIDTHS[0] + WIDTHS[1] + WIDTHS[2]) >= NANOSECONDS_PER_SECOND);
const _: () =
    assert!(u64::MAX / NANOSECONDS_PER_SECOND < 1 << (WIDTHS[3] + WIDTHS[4] + WIDTHS[5] + 1));
const _: () = assert!(
    ringfence_types::TIMESTAMP_MAX / NANOSECONDS_PER_SECOND
        < 1 << (WIDTHS[3] + WIDTHS[4] + WIDTHS[5])
);

/// Number of the first list of `level`.
const fn list_base(level: usize) -> usize {
    let mut base = 0;
    let mut below = 0;
    while below < level {
        base += 1 << WIDTHS[below];
        below += 1;
    }
    base
}

/// A timer, or the end of a list (then `expires_at` means nothing).
#[derive(Debug, Clone, Copy, FromZeros)]
struct Node {
    expires_at: u64,
    before: u32,
    after: u32,
}

const _: () = assert!(size_of::<Node>() == 16);

/// The timers of pending transfers, by the slots of the transfers.
#[derive(Debug)]
pub(crate) struct Timers {
    /// Lists' ends first, then timers.
    nodes: Array<Node>,
    /// A bit for each list that may hold a timer.
    marks: Box<[u64; LISTS.div_ceil(64)]>,
    cursor: u64,
    /// No timer expires, and no list is reached, before this time.
    wake: u64,
    count: usize,
}

const WHAT: &str = "timers";

impl Timers {
    pub(crate) fn new(capacity: usize) -> Result<Timers, EngineError> {
        let mut nodes = Array::<Node>::zeroed(WHAT, Timers::nodes_for(capacity))?;
        for (list, node) in (0..).zip(&mut nodes[..LISTS]) {
            (node.before, node.after) = (list, list);
        }
        Ok(Timers {
            nodes,
            marks: Box::new([0; LISTS.div_ceil(64)]),
            cursor: 0,
            wake: u64::MAX,
            count: 0,
        })
    }

    pub(crate) fn grow(&mut self, capacity: usize) -> Result<(), EngineError> {
        self.nodes.grow(Timers::nodes_for(capacity))
    }

    /// Adds its nodes; `nodes` says how many there are then.
    pub(crate) fn add_to(&self, growth: &mut Growth, nodes: LengthOf) {
        growth.add(&self.nodes, nodes);
    }

    /// Nodes for so many timers.
    pub(crate) const fn nodes_for(capacity: usize) -> usize {
        LISTS + capacity
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.nodes.bytes() + size_of_val(&*self.marks) as u64
    }

    /// True if nothing is due at `now`; O(1). `false` where something may be.
    #[inline(always)]
    pub(crate) fn sleeps_at(&self, now: u64) -> bool {
        now < self.wake
    }

    /// Adds the timer of the transfer in `slot`.
    ///
    /// `now` is the time up to which all has expired, `expires_at` later than that.
    pub(crate) fn add(&mut self, slot: u32, expires_at: u64, now: u64) {
        debug_assert!(expires_at > now && self.sleeps_at(now), "only a later time is waited for");
        // No list is reached up to `now`, so the cursor can move there at once.
        self.cursor = self.cursor.max(now);
        let node = LISTS as u32 + slot;
        self.nodes[node as usize].expires_at = expires_at;
        let (list, start) = self.list_of(expires_at);
        self.append(list, node);
        self.wake = self.wake.min(start);
        self.count += 1;
    }

    /// Removes the timer of the transfer in `slot`. Its neighbours are kept for
    /// [`Timers::restore`].
    pub(crate) fn remove(&mut self, slot: u32) {
        let Node { before, after, .. } = self.nodes[LISTS + slot as usize];
        self.nodes[before as usize].after = after;
        self.nodes[after as usize].before = before;
        self.count -= 1;
    }

    /// Puts a removed timer back at its place. All changes since its removal were undone before.
    pub(crate) fn restore(&mut self, slot: u32) {
        let node = LISTS as u32 + slot;
        let Node { before, after, .. } = self.nodes[node as usize];
        self.nodes[before as usize].after = node;
        self.nodes[after as usize].before = node;
        self.count += 1;
    }

    /// Takes out the slot of the first timer that is due at `now`, by time and then by order of
    /// adding. Where none is, all lists up to `now` are passed down.
    pub(crate) fn pop(&mut self, now: u64) -> Option<u32> {
        let (_, slot) = self.peek(now)?;
        self.remove(slot);
        Some(slot)
    }

    /// The first timer that is due at `now`, by time and then by order of adding: when it is due,
    /// and its slot. Where none is, all lists up to `now` are passed down.
    pub(crate) fn peek(&mut self, now: u64) -> Option<(u64, u32)> {
        while now >= self.wake {
            let Some((level, list, start)) = self.first_list() else {
                self.wake = u64::MAX;
                break;
            };
            self.wake = start;
            if start > now {
                break;
            }
            self.cursor = self.cursor.max(start);
            let first = self.nodes[list as usize].after;
            if level == 0 {
                return Some((self.nodes[first as usize].expires_at, first - LISTS as u32));
            }
            self.pass_down(list);
        }
        None
    }

    /// When the next timer expires, in nanoseconds since the Unix epoch. Looks through one list:
    /// not for the hot path.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let mut level = 0;
        while level < LEVELS {
            let mut from = digit(self.cursor, level);
            while let Some(found) = self.marked_from(level, from) {
                let list = (list_base(level) + found) as u32;
                let mut node = self.nodes[list as usize].after;
                let mut earliest = None;
                while node != list {
                    let Node { expires_at, after, .. } = self.nodes[node as usize];
                    earliest = Some(earliest.map_or(expires_at, |time: u64| time.min(expires_at)));
                    node = after;
                }
                if earliest.is_some() {
                    return earliest;
                }
                from = found + 1;
            }
            level += 1;
        }
        None
    }

    /// The list in which a timer waits, and when the cursor reaches that list.
    fn list_of(&self, expires_at: u64) -> (u32, u64) {
        let mut level = LEVELS - 1;
        while level > 0 && digit(expires_at, level) == digit(self.cursor, level) {
            level -= 1;
        }
        let digit = digit(expires_at, level);
        ((list_base(level) + digit) as u32, start_of(expires_at, level))
    }

    fn append(&mut self, list: u32, node: u32) {
        let last = self.nodes[list as usize].before;
        self.nodes[last as usize].after = node;
        self.nodes[list as usize].before = node;
        let node = &mut self.nodes[node as usize];
        (node.before, node.after) = (last, list);
        self.marks[list as usize / 64] |= 1 << (list % 64);
    }

    /// Moves the timers of `list`, which the cursor has just reached, to finer lists.
    fn pass_down(&mut self, list: u32) {
        let mut node = self.nodes[list as usize].after;
        (self.nodes[list as usize].before, self.nodes[list as usize].after) = (list, list);
        self.unmark(list);
        while node != list {
            let Node { expires_at, after, .. } = self.nodes[node as usize];
            let (finer, _) = self.list_of(expires_at);
            debug_assert!(finer < list, "timers only move down");
            self.append(finer, node);
            node = after;
        }
    }

    fn unmark(&mut self, list: u32) {
        self.marks[list as usize / 64] &= !(1 << (list % 64));
    }

    /// Level, list and start of the first list that holds a timer. Marks of empty lists on the
    /// way are wiped.
    fn first_list(&mut self) -> Option<(usize, u32, u64)> {
        for level in 0..LEVELS {
            while let Some(found) = self.marked_from(level, digit(self.cursor, level)) {
                let list = (list_base(level) + found) as u32;
                let first = self.nodes[list as usize].after;
                if first != list {
                    let expires_at = self.nodes[first as usize].expires_at;
                    return Some((level, list, start_of(expires_at, level)));
                }
                self.unmark(list);
            }
        }
        None
    }

    /// The first digit of `level`, at least `from`, whose list is marked.
    fn marked_from(&self, level: usize, from: usize) -> Option<usize> {
        let base = list_base(level);
        let end = base + (1 << WIDTHS[level]);
        let mut bit = base + from;
        while bit < end {
            let word = self.marks[bit / 64] >> (bit % 64);
            if word != 0 {
                let found = bit + word.trailing_zeros() as usize;
                return (found < end).then(|| found - base);
            }
            bit = (bit / 64 + 1) * 64;
        }
        None
    }
}

/// Digit `level` of a time, 0 the finest.
fn digit(time: u64, level: usize) -> usize {
    let (mut rest, mut below) = if level < LEVELS_BELOW_SECOND {
        (time % NANOSECONDS_PER_SECOND, 0)
    } else {
        (time / NANOSECONDS_PER_SECOND, LEVELS_BELOW_SECOND)
    };
    while below < level {
        rest >>= WIDTHS[below];
        below += 1;
    }
    (rest & ((1 << WIDTHS[level]) - 1)) as usize
}

/// `time` with all digits below `level` zero.
fn start_of(time: u64, level: usize) -> u64 {
    let (second, nanosecond) = (time / NANOSECONDS_PER_SECOND, time % NANOSECONDS_PER_SECOND);
    let from = if level < LEVELS_BELOW_SECOND { 0 } else { LEVELS_BELOW_SECOND };
    let cut: u32 = WIDTHS[from..level].iter().sum();
    if level < LEVELS_BELOW_SECOND {
        second * NANOSECONDS_PER_SECOND + (nanosecond >> cut << cut)
    } else {
        (second >> cut << cut) * NANOSECONDS_PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// Pops all that is due at `now`.
    fn due(timers: &mut Timers, now: u64) -> Vec<u32> {
        core::iter::from_fn(|| timers.pop(now)).collect()
    }

    #[test]
    fn timers_expire_as_a_sorted_list_does() {
        for seed in 0..300 {
            let mut random = Pcg64Mcg::seed_from_u64(seed);
            let mut timers = Timers::new(200).unwrap();
            let mut twin: Vec<(u64, u64, u32)> = Vec::new();
            let mut free: Vec<u32> = (0..200).collect();
            let mut now: u64 = random.random_range(1..2_000_000_000_000_000_000);
            for added in 0..2_000_u64 {
                // Mostly nothing passes, sometimes a moment, sometimes weeks.
                now += match random.random_range(0..8) {
                    0 => random.random_range(0..2_000_000_000),
                    1 => {
                        random.random_range(0..3_000_000_000_000_000) >> random.random_range(0..40)
                    }
                    _ => 1,
                };
                twin.sort();
                let expected: Vec<u32> =
                    twin.iter().filter(|timer| timer.0 <= now).map(|timer| timer.2).collect();
                assert_eq!(due(&mut timers, now), expected, "seed {seed}");
                twin.retain(|timer| timer.0 > now);
                free.extend(&expected);
                assert_eq!(timers.next_due(), twin.first().map(|timer| timer.0), "seed {seed}");
                assert!(timers.sleeps_at(now));
                match random.random_range(0..4) {
                    0 if !twin.is_empty() => {
                        let (_, _, slot) = twin[random.random_range(0..twin.len())];
                        timers.remove(slot);
                        if random.random_range(0..2) == 0 {
                            timers.restore(slot);
                        } else {
                            twin.retain(|timer| timer.2 != slot);
                            free.push(slot);
                        }
                    }
                    _ => {
                        let Some(slot) = free.pop() else { continue };
                        let timeout =
                            random.random_range(1..=u32::MAX) >> random.random_range(0..32);
                        // Few different moments, so that many share one.
                        let at = now / 1_000_000_000 * 1_000_000_000 + 2_000_000_000;
                        let at = at + u64::from(timeout) * 1_000_000_000;
                        timers.add(slot, at, now);
                        twin.push((at, added, slot));
                    }
                }
                assert_eq!(timers.count, twin.len());
            }
        }
    }

    #[test]
    fn a_million_timers_of_one_nanosecond_expire_in_the_order_of_adding() {
        let mut timers = Timers::new(1_000_000).unwrap();
        let at = 1_700_000_000_123_456_789;
        for slot in 0..1_000_000 {
            // Each a second later, and a shorter wait: the wheel sees them at every level.
            timers.add(slot, at, at - (1_000_001 - u64::from(slot)) * 1_000_000_000);
            // The caller pops before it adds: that is what passes lists down.
            let now = at - (1_000_000 - u64::from(slot)) * 1_000_000_000;
            assert_eq!(timers.pop(now), None);
        }
        assert_eq!(timers.pop(at - 1), None);
        assert!(due(&mut timers, at).into_iter().eq(0..1_000_000));
    }

    #[test]
    fn the_latest_timestamp_can_be_waited_for() {
        let mut timers = Timers::new(2).unwrap();
        timers.add(0, i64::MAX as u64, 0);
        timers.add(1, 1, 0);
        assert_eq!(timers.next_due(), Some(1));
        assert_eq!(due(&mut timers, 1), [1]);
        assert_eq!(due(&mut timers, i64::MAX as u64 - 1), [] as [u32; 0]);
        assert_eq!(due(&mut timers, i64::MAX as u64), [0]);
    }
}
