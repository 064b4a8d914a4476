//! Lines into commands.

mod commands;
mod orders;
mod policies;

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};

use super::Malformed;
use super::fields::Fields;
use super::malformed::{described, quoted};
use super::names::{Name, Names};
use commands::command;
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Op, TIMESTAMP_MAX};

/// What moves the engine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine: `advance_clock` and `pulse` are malformed.
    System,
    /// `advance_clock` alone, so that an exported journal gets its timestamps again. The engine's own
    /// `pulse` is then a command as well.
    Manual,
}

/// What a line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Nothing: there is only white space.
    Blank,
    /// To run the commands that were put into the batch: 1 to [`BATCH_COMMANDS_MAX`] of one
    /// operation, unstamped.
    Batch,
    /// To move the clock.
    AdvanceClock {
        /// By how much, at most [`TIMESTAMP_MAX`].
        nanoseconds: u64,
    },
}

/// Decodes lines, one at a time.
///
/// ```
/// use ringfence_codec::text::{Clock, Decoder, Input};
/// let decoder = Decoder::new(Clock::System);
/// let mut batch = Vec::new();
/// let line = br#"{"op":"lookup_account","id":"7"}"#;
/// assert_eq!(decoder.decode(line, &mut batch), Ok(Input::Batch));
/// assert_eq!(batch[0].id(), 7);
/// let error = decoder.decode(br#"{"op":"lookup_account","ib":"7"}"#, &mut batch).unwrap_err();
/// assert_eq!(error.to_string(), "unknown field `ib` at column 24");
/// ```
#[derive(Debug, Clone)]
pub struct Decoder {
    clock: Clock,
    /// Of objects that name none.
    op: Option<Op>,
}

impl Decoder {
    /// A decoder for an engine with this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Decoder {
        Decoder { clock, op: None }
    }

    /// As this one, for objects that may leave out `op`: then it is this.
    #[must_use]
    pub fn with_op(self, op: Op) -> Decoder {
        Decoder { op: Some(op), ..self }
    }

    /// Reads `line`, which has no line end, and puts its commands into `batch`, which is cleared
    /// first. They have their operation and body; the rest of the header is zero.
    ///
    /// # Errors
    ///
    /// What is wrong with the line; `batch` is then empty.
    pub fn decode(&self, line: &[u8], batch: &mut Vec<Command>) -> Result<Input, Malformed> {
        batch.clear();
        let line =
            str::from_utf8(line).map_err(|error| Malformed::not_utf8(line, error.valid_up_to()))?;
        let Some(start) = line.bytes().position(|byte| !byte.is_ascii_whitespace()) else {
            return Ok(Input::Blank);
        };
        let input = match line.as_bytes()[start] {
            b'{' => self.object(line, start, batch),
            b'[' => array(line, start, self.op, batch),
            _ => Err(neither(line, start)),
        };
        if input.is_err() {
            batch.clear();
        }
        input
    }

    fn object(
        &self,
        line: &str,
        start: usize,
        batch: &mut Vec<Command>,
    ) -> Result<Input, Malformed> {
        let mut fields = Fields::new(line, start);
        if !fields.read_usual() {
            let mut parser = serde_json::Deserializer::from_str(line);
            if let Err(error) = fields.deserialize(&mut parser).and_then(|()| parser.end()) {
                return Err(fields
                    .take_malformed()
                    .unwrap_or_else(|| Malformed::not_json(line, &error)));
            }
        }
        match operation(&fields, start, self.op)? {
            Operation::Command(op) => {
                batch.push(command(op, &fields, start)?);
                Ok(Input::Batch)
            }
            Operation::AdvanceClock => self.advance_clock(&fields, start),
            Operation::Pulse => {
                batch.push(self.pulse(&fields)?);
                Ok(Input::Batch)
            }
        }
    }

    fn pulse(&self, fields: &Fields) -> Result<Command, Malformed> {
        if self.clock == Clock::System {
            let op = fields.value(Name::Op).expect("it was read");
            return Err(op.malformed("unknown op `pulse`".into()));
        }
        fields.allow(const { Names::of(&[Name::Op]) })?;
        Ok(Command::pulse())
    }

    fn advance_clock(&self, fields: &Fields, start: usize) -> Result<Input, Malformed> {
        if self.clock == Clock::System {
            let op = fields.value(Name::Op).expect("it was read");
            return Err(
                op.malformed("`advance_clock` needs a manual clock (apply --clock manual)".into())
            );
        }
        fields.allow(const { Names::of(&[Name::Op, Name::Nanoseconds]) })?;
        let Some(value) = fields.value(Name::Nanoseconds) else {
            return Err(fields.missing(start, Name::Nanoseconds));
        };
        let nanoseconds: u64 = value.integer()?;
        if nanoseconds > TIMESTAMP_MAX {
            let what = format!("field `nanoseconds` is more than {TIMESTAMP_MAX}");
            return Err(value.malformed(what));
        }
        Ok(Input::AdvanceClock { nanoseconds })
    }
}

/// What the field `op` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Command(Op),
    AdvanceClock,
    Pulse,
}

/// The operation of an object that starts at byte `start`; `implied` where it names none.
fn operation(fields: &Fields, start: usize, implied: Option<Op>) -> Result<Operation, Malformed> {
    let Some(value) = fields.value(Name::Op) else {
        return match implied {
            Some(op) => Ok(Operation::Command(op)),
            None => Err(fields.missing(start, Name::Op)),
        };
    };
    let Some(text) = value.string() else { return Err(value.must_be("a name")) };
    if text == "advance_clock" {
        return Ok(Operation::AdvanceClock);
    }
    match Op::ALL.into_iter().find(|op| op.name() == text) {
        Some(Op::Pulse) => Ok(Operation::Pulse),
        Some(op) if op.is_public() => Ok(Operation::Command(op)),
        Some(_) | None => Err(value.malformed(format!("unknown op {}", quoted(&text)))),
    }
}

/// Why a line is malformed that starts neither an object nor an array.
fn neither(line: &str, start: usize) -> Malformed {
    match serde_json::from_str::<IgnoredAny>(line) {
        Err(_) => {
            let first = line[start..].chars().next().expect("the line is not blank");
            let what = format!("expected `{{` or `[`, not {}", described(first));
            Malformed::at_byte(line, start, what)
        }
        Ok(_) => Malformed::at_byte(line, start, "neither an object nor an array".into()),
    }
}

fn array(
    line: &str,
    start: usize,
    implied: Option<Op>,
    batch: &mut Vec<Command>,
) -> Result<Input, Malformed> {
    let mut fields = Fields::new(line, start + 1);
    let mut parser = serde_json::Deserializer::from_str(line);
    let elements = Elements { fields: &mut fields, implied, batch };
    match parser.deserialize_seq(elements).and_then(|()| parser.end()) {
        Err(error) => Err(match fields.take_malformed() {
            Some(malformed) => malformed,
            None if error.is_data() => {
                let what = "not a command object".into();
                Malformed::at_byte(line, fields.next_element_at(), what)
            }
            None => Malformed::not_json(line, &error),
        }),
        Ok(()) if batch.is_empty() => {
            Err(Malformed::at_byte(line, start, "batch of no commands".into()))
        }
        Ok(()) => Ok(Input::Batch),
    }
}

/// The elements of an array, each read and decoded before the next.
struct Elements<'b, 'a> {
    fields: &'b mut Fields<'a>,
    implied: Option<Op>,
    batch: &'b mut Vec<Command>,
}

impl<'de> Visitor<'de> for Elements<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of command objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Elements { fields, implied, batch } = self;
        let mut batch_op = None;
        loop {
            fields.clear();
            let start = fields.next_element_at();
            if seq.next_element_seed(&mut *fields)?.is_none() {
                return Ok(());
            }
            match element(fields, start, implied, &mut batch_op, batch.len()) {
                Ok(command) => batch.push(command),
                Err(malformed) => return Err(fields.set_malformed(malformed)),
            }
        }
    }
}

/// The command at `index` of a batch; its object starts at byte `start`.
fn element(
    fields: &Fields,
    start: usize,
    implied: Option<Op>,
    batch_op: &mut Option<Op>,
    index: usize,
) -> Result<Command, Malformed> {
    if index == BATCH_COMMANDS_MAX {
        let what = format!("batch of more than {BATCH_COMMANDS_MAX} commands");
        return Err(Malformed::at_byte(fields.line(), start, what));
    }
    let op_value = fields.value(Name::Op);
    // Without a value the object itself is wrong.
    let wrong = |what: String| match op_value {
        Some(value) => value.malformed(what),
        None => Malformed::at_byte(fields.line(), start, what),
    };
    let Operation::Command(op) = operation(fields, start, implied)? else {
        let text = op_value.and_then(|value| value.string()).unwrap_or_default();
        return Err(wrong(format!("`{text}` must stand alone")));
    };
    let first = *batch_op.get_or_insert(op);
    if op != first {
        return Err(wrong(format!("batch mixes `{}` with `{}`", first.name(), op.name())));
    }
    command(op, fields, start)
}
