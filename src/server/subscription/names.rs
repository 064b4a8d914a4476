//! Named subscriptions: where they are, and which connection holds each name.
//!
//! ```text
//!   first holds the name ──▶ second takes it over ──▶ first is heard a last time ──▶ second begins
//! ```

use std::collections::HashMap;

use super::End;
use super::positions::Positions;
use ringfence_codec::wire::ErrorCode;

/// Named subscriptions: where they are, and who holds them.
#[derive(Debug)]
pub(super) struct Names {
    pub positions: Positions,
    holders: HashMap<u128, Holder>,
    connections: u64,
}

/// The connection that holds a name now.
#[derive(Debug, Clone, Copy)]
struct Holder {
    number: u64,
    /// The connection before it, until that one is heard for the last time: what it acknowledged
    /// before its name was taken over may still be on its way.
    before: Option<u64>,
}

impl Names {
    pub fn new(positions: Positions) -> Names {
        Names { positions, holders: HashMap::new(), connections: 0 }
    }

    /// Whether a connection holds `name`.
    pub fn is_held(&self, name: u128) -> bool {
        self.holders.contains_key(&name)
    }

    /// Gives `name` to another connection, which has the number that is returned.
    pub fn take_over(&mut self, name: u128) -> u64 {
        self.connections += 1;
        let number = self.connections;
        let held = self.holders.get(&name);
        let before = held.map(|holder| holder.before.unwrap_or(holder.number));
        self.holders.insert(name, Holder { number, before });
        number
    }

    /// Whether connection `number` holds `name` and the one before it is not heard to its end.
    pub fn has_one_before(&self, name: u128, number: u64) -> bool {
        let holder = self.holders.get(&name);
        holder.is_some_and(|holder| holder.number == number && holder.before.is_some())
    }

    /// What the connection before `number` has said and nobody has heard counts no more.
    pub fn forget_the_one_before(&mut self, name: u128, number: u64) {
        if let Some(holder) = self.holders.get_mut(&name)
            && holder.number == number
        {
            holder.before = None;
        }
    }

    /// Connection `number` ends, and nothing more of it is heard.
    pub fn let_go(&mut self, name: u128, number: u64) {
        match self.holders.get_mut(&name) {
            Some(holder) if holder.number == number => drop(self.holders.remove(&name)),
            Some(holder) if holder.before == Some(number) => holder.before = None,
            _ => {}
        }
    }

    /// Whether another connection waits for what `number` has said: what is read of it from now on
    /// is the last that counts.
    pub fn is_taken_over(&self, name: u128, number: u64) -> bool {
        self.holders.get(&name).is_some_and(|holder| holder.before == Some(number))
    }

    /// Remembers up to where connection `number` says that it has dealt with everything. With
    /// `is_last` everything was read of it after its name was [taken over](Names::is_taken_over).
    ///
    /// # Errors
    ///
    /// [`End::Error`] if another connection has taken the name over, or it was dropped.
    pub fn hear(
        &mut self,
        name: u128,
        number: u64,
        acknowledged: Option<u64>,
        is_last: bool,
    ) -> Result<(), End> {
        match self.holders.get_mut(&name) {
            Some(holder) if holder.number == number => self.store(name, acknowledged),
            Some(holder) if holder.before == Some(number) => {
                if !is_last {
                    // Taken over while it was read: it is read once more.
                    return self.store(name, acknowledged);
                }
                holder.before = None;
                self.store(name, acknowledged).and(Err(superseded()))
            }
            _ => Err(superseded()),
        }
    }

    fn store(&mut self, name: u128, acknowledged: Option<u64>) -> Result<(), End> {
        let Some(sequence) = acknowledged else { return Ok(()) };
        match self.positions.get(name) {
            Some(place) if place.is_dropped => {
                let text = "the subscription was too far behind, and its name was dropped";
                Err(End::error(ErrorCode::SubscriptionDropped, place.sequence, text))
            }
            Some(place) if place.sequence >= sequence => Ok(()),
            _ => {
                self.positions.put(name, sequence);
                Ok(())
            }
        }
    }
}

fn superseded() -> End {
    let text = "another connection has taken the subscription over";
    End::error(ErrorCode::SubscriptionSuperseded, 0, text)
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;
    use ringfence_node::History;

    const NAME: u128 = 5;

    fn names() -> Names {
        let folder = tempdir().unwrap();
        let mut positions = Positions::open(folder.path(), History::default()).unwrap();
        assert!(positions.put(NAME, 0));
        Names::new(positions)
    }

    fn place(names: &Names) -> u64 {
        names.positions.get(NAME).unwrap().sequence
    }

    #[test]
    fn what_was_said_before_the_name_was_taken_over_counts_and_nothing_later() {
        let mut names = names();
        let first = names.take_over(NAME);
        assert!(!names.has_one_before(NAME, first));
        names.hear(NAME, first, Some(3), false).unwrap();
        let second = names.take_over(NAME);
        assert!(names.has_one_before(NAME, second) && names.is_taken_over(NAME, first));
        // It was being read when that happened: it is read again.
        names.hear(NAME, first, Some(4), false).unwrap();
        assert!(names.has_one_before(NAME, second));
        assert!(names.hear(NAME, first, Some(7), true).is_err());
        assert!(!names.has_one_before(NAME, second));
        assert!(names.hear(NAME, first, Some(9), true).is_err());
        assert_eq!(place(&names), 7);
        names.hear(NAME, second, Some(8), false).unwrap();
        assert_eq!(place(&names), 8);
    }

    #[test]
    fn of_several_that_wait_the_last_one_gets_the_name_after_the_first_was_heard() {
        let mut names = names();
        let [first, second, third] = [(); 3].map(|()| names.take_over(NAME));
        // The one between never had it: it waits no longer, and says nothing.
        assert!(!names.has_one_before(NAME, second));
        assert!(names.hear(NAME, second, Some(9), false).is_err());
        names.let_go(NAME, second);
        assert!(names.has_one_before(NAME, third));
        assert!(names.hear(NAME, first, Some(2), true).is_err());
        assert!(!names.has_one_before(NAME, third));
        assert_eq!(place(&names), 2);
    }

    #[test]
    fn one_that_ends_or_is_given_up_holds_up_nobody() {
        let mut names = names();
        let [first, second] = [(); 2].map(|()| names.take_over(NAME));
        names.let_go(NAME, first);
        assert!(!names.has_one_before(NAME, second) && names.is_held(NAME));
        let third = names.take_over(NAME);
        names.forget_the_one_before(NAME, third);
        assert!(!names.has_one_before(NAME, third));
        assert!(names.hear(NAME, second, Some(9), true).is_err());
        names.let_go(NAME, third);
        assert!(!names.is_held(NAME));
        assert_eq!(place(&names), 0);
    }
}
