//! Where a listener is: exact across events and outcomes.

use std::fmt;
use std::str::FromStr;

/// Where a listener is: it has every outcome up to a sequence, and of the events that stand before
/// later outcomes those up to a number. Written `SEQUENCE`, or `SEQUENCE.EVENT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Every outcome up to this sequence.
    pub sequence: u64,
    /// Every event up to this number; 0: those alone that stand before these outcomes.
    pub event: u64,
}

impl Position {
    /// After an outcome and what stands before it.
    pub fn after(sequence: u64) -> Position {
        Position { sequence, event: 0 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            0 => write!(f, "{}", self.sequence),
            event => write!(f, "{}.{event}", self.sequence),
        }
    }
}

impl FromStr for Position {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Position, &'static str> {
        const WRONG: &str = "a position is SEQUENCE or SEQUENCE.EVENT";
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().ok()).flatten().ok_or(WRONG)
        };
        match text.split_once('.') {
            Some((sequence, event)) => {
                Ok(Position { sequence: number(sequence)?, event: number(event)? })
            }
            None => Ok(Position::after(number(text)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_and_read() {
        let cases = [("17", Position::after(17)), ("17.3", Position { sequence: 17, event: 3 })];
        for (text, position) in cases {
            assert_eq!(text.parse(), Ok(position));
            assert_eq!(position.to_string(), text);
        }
        for wrong in ["", ".", "1.", ".1", "-1", "+1", "1.2.3", "18446744073709551616", " 1"] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
        assert!(Position::after(17) < Position { sequence: 17, event: 3 });
        assert!(Position { sequence: 17, event: 3 } < Position::after(18));
    }
}
