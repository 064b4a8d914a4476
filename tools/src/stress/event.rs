//! Values that tell when they are torn, and the order in which they must come.

/// Set in the key of an event that no stage may ever see: its claim was given up.
const GIVEN_UP: u64 = 1 << 63;
/// Bits of a key that count the values of one producer.
const NUMBER_BITS: u32 = 40;

/// Two cache lines, all of which follow from the key: half of one event and half of another, or a
/// slot that nobody has written, cannot pass for an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    words: [u64; 16],
}

impl Event {
    /// The value `number` of producer `producer`.
    pub fn new(producer: usize, number: u64) -> Self {
        Self::of_key((producer as u64) << NUMBER_BITS | number)
    }

    /// A value that must stay unseen.
    pub fn given_up() -> Self {
        Self::of_key(GIVEN_UP)
    }

    /// What stage `stage` makes of this event.
    pub fn passed(&self, stage: u64) -> Self {
        Self::of_key(self.words[0] ^ (stage + 1) << 56)
    }

    fn of_key(key: u64) -> Self {
        // An odd factor mixes a key into each word in another way.
        let word = |index: u64| (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 + 2 * index);
        let mut words: [u64; 16] = core::array::from_fn(|index| word(index as u64));
        words[0] = key;
        Self { words }
    }

    fn is_whole(&self) -> bool {
        *self == Self::of_key(self.words[0])
    }
}

/// What one stage has seen: each producer's values from 0 on, none twice, none left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Sequence that the next value has at least.
    sequence: u64,
    /// Values seen of each producer.
    pub seen: Vec<u64>,
}

impl Order {
    /// Of a stage that has seen nothing of `producers` producers.
    pub fn new(producers: usize) -> Self {
        Self { sequence: 0, seen: vec![0; producers] }
    }

    /// The stage sees `event` at `sequence`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn see(&mut self, sequence: u64, event: &Event) -> Result<(), String> {
        if !event.is_whole() {
            return Err(format!("torn or unwritten at sequence {sequence}: {event:x?}"));
        }
        if sequence < self.sequence {
            return Err(format!("sequence {sequence} again, {} comes next", self.sequence));
        }
        self.sequence = sequence + 1;
        let key = event.words[0];
        let (producer, number) = (key >> NUMBER_BITS, key & ((1 << NUMBER_BITS) - 1));
        let expected = usize::try_from(producer).ok().and_then(|index| self.seen.get_mut(index));
        match expected {
            Some(expected) if *expected == number => *expected += 1,
            Some(expected) => {
                return Err(format!(
                    "value {number} of producer {producer} at sequence {sequence}, \
                     where {expected} comes next"
                ));
            }
            None => return Err(format!("a claim that was given up, at sequence {sequence}")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Order};

    #[test]
    fn whatever_is_not_next_is_noticed() {
        let mut torn = Event::new(1, 0);
        torn.words[15] = Event::new(0, 1).words[15];
        //  name                sequence event                      complaint
        let cases = [
            ("torn", 7, torn, "torn or unwritten"),
            ("unwritten", 7, Event::default(), "torn or unwritten"),
            ("given up", 7, Event::given_up(), "given up"),
            ("of another lane", 7, Event::new(1, 0).passed(0), "given up"),
            ("twice", 7, Event::new(0, 0), "where 1 comes next"),
            ("left out", 7, Event::new(0, 2), "where 1 comes next"),
            ("sequence again", 6, Event::new(1, 0), "sequence 6 again"),
        ];
        let mut order = Order::new(2);
        order.see(6, &Event::new(0, 0)).unwrap();
        for (name, sequence, event, complaint) in cases {
            let found = order.clone().see(sequence, &event).unwrap_err();
            assert!(found.contains(complaint), "{name}: {found}");
        }
        order.see(9, &Event::new(1, 0)).unwrap();
        assert_eq!(order.seen, [1, 1]);
    }
}
