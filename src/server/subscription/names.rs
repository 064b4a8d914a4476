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

    /// Connection `number` ends, after it was heard for the last time.
    pub fn let_go(&mut self, name: u128, number: u64) {
        if self.holders.get(&name).is_some_and(|holder| holder.number == number) {
            self.holders.remove(&name);
        }
    }

    /// Everything is read that connection `number` has said so far: remembers up to where it has
    /// dealt with everything.
    ///
    /// # Errors
    ///
    /// [`End::Error`] if another connection has taken the name over, or it was dropped.
    pub fn hear(&mut self, name: u128, number: u64, acknowledged: Option<u64>) -> Result<(), End> {
        match self.holders.get_mut(&name) {
            Some(holder) if holder.number == number => self.store(name, acknowledged),
            Some(holder) if holder.before == Some(number) => {
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
