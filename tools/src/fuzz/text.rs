//! Lines of NDJSON.
//!
//! # Invariants, checked for each input
//!
//! * Lines and what they decode to do not depend on how the input is cut.
//! * A line gives a whole batch or none of it; a batch, written again, decodes to itself.

use ringfence::codec::text::{Clock, Decoder, Input, Line, Lines, encode_commands};
use ringfence::types::{BATCH_COMMANDS_MAX, Command};

use super::Mode;
use super::wire::batches_of_each_op;

/// What became of one line: its number, and its commands or what is wrong with it.
type Read = (u64, Result<(Input, Vec<Command>), String>);

/// An input of `ringfence apply`; with the switch of the mode the clock is a manual one.
pub fn run(input: &[u8]) {
    let Some((mode, text)) = Mode::split(input) else { return };
    let clock = if mode.switch() { Clock::Manual } else { Clock::System };
    let decoder = Decoder::new(clock);
    let whole = read(&decoder, text, usize::MAX);
    assert_eq!(whole, read(&decoder, text, mode.piece_bytes()), "it depends on the cuts");
    for (number, read) in whole {
        if let Ok((Input::Batch, batch)) = read {
            check_batch(&decoder, number, batch);
        }
    }
}

fn read(decoder: &Decoder, text: &[u8], piece_bytes: usize) -> Vec<Read> {
    let (mut lines, mut reads) = (Lines::new(), Vec::new());
    for mut piece in text.chunks(piece_bytes.min(text.len().max(1))) {
        while let Some((number, line)) = lines.next(&mut piece) {
            reads.push((number, decode(decoder, line)));
        }
    }
    reads.extend(lines.finish().map(|(number, line)| (number, decode(decoder, line))));
    reads
}

fn decode(decoder: &Decoder, line: Line<'_>) -> Result<(Input, Vec<Command>), String> {
    let Line::Text(line) = line else { return Err("too long".to_owned()) };
    let mut batch = vec![Command::pulse()];
    let decoded = decoder.decode(line, &mut batch).map_err(|malformed| malformed.to_string());
    assert!(decoded.is_ok() || batch.is_empty(), "a malformed line leaves no command");
    decoded.map(|input| (input, batch))
}

/// The batch of line `number`, written again.
fn check_batch(decoder: &Decoder, number: u64, mut batch: Vec<Command>) {
    assert!((1..=BATCH_COMMANDS_MAX).contains(&batch.len()), "line {number}");
    let length = batch.len() as u16;
    let mut placed = batch.clone();
    for (index, command) in (0..).zip(&mut placed) {
        (command.header.batch_index, command.header.batch_length) = (index, length);
    }
    let mut line = Vec::new();
    encode_commands(&placed, &mut line);
    assert_eq!(line.pop(), Some(b'\n'));
    assert!(!line.contains(&b'\n'), "line {number}: one batch is one line");
    let mut again = Vec::new();
    let read = decoder.decode(&line, &mut again);
    let line = String::from_utf8_lossy(&line);
    assert_eq!(read, Ok(Input::Batch), "line {number}, written again: {line}");
    batch.iter_mut().chain(&mut again).for_each(|command| command.header.session = 0);
    assert_eq!(batch, again, "line {number}, written again: {line}");
}

/// One line for each operation, and lines that are none.
#[must_use]
pub fn corpus() -> Vec<(String, Vec<u8>)> {
    let mut corpus = Vec::new();
    for mut batch in batches_of_each_op() {
        let length = batch.len() as u16;
        for (index, command) in (0..).zip(&mut batch) {
            (command.header.batch_index, command.header.batch_length) = (index, length);
        }
        let mut line = Vec::new();
        encode_commands(&batch, &mut line);
        corpus.push((batch[0].op().name().to_owned(), Mode::MENDS.input(&line)));
    }
    let manual =
        b"\x03{\"op\":\"advance_clock\",\"nanoseconds\":\"1000\"}\r\n{\"op\":\"pulse\"}\n\n";
    corpus.push(("clock".to_owned(), manual.to_vec()));
    corpus
}
