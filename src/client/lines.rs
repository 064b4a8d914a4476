//! What `submit` reads and writes, with a session and without: lines in, lines out.

use std::io::{self, Read, Write};

use super::Answer;
use super::submit::SubmitError;
use ringfence_codec::text::{Line, Lines, encode_outcome};
use ringfence_types::OutcomeCounts;

/// How much is read at a time at most, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// Bytes of lines that gather before they are written.
const PRINT_BYTES: usize = 64 * 1024;

/// A piece of an input.
pub(super) enum Piece<'a> {
    /// A line, and its number from 1.
    Line(u64, Line<'a>),
    /// Everything that was read has been given: the input may pause now.
    Pause,
}

/// Gives each line of `input` to `take`, until that returns `None`, which this then returns too. Where
/// the input fails its last line may be cut off, and is dropped.
pub(super) fn each_line(
    mut input: impl Read,
    mut take: impl FnMut(Piece<'_>) -> Option<()>,
) -> Option<io::Result<()>> {
    let mut lines = Lines::new();
    let mut bytes = vec![0; READ_BYTES];
    loop {
        let mut chunk = match input.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => &bytes[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Some(Err(error)),
        };
        while let Some((number, line)) = lines.next(&mut chunk) {
            take(Piece::Line(number, line))?;
        }
        take(Piece::Pause)?;
    }
    if let Some((number, line)) = lines.finish() {
        take(Piece::Line(number, line))?;
    }
    Some(Ok(()))
}

/// Lines on their way to an output.
pub(super) struct Page<'a, W> {
    output: &'a mut W,
    /// Lines that are not yet written.
    pub(super) lines: Vec<u8>,
}

impl<'a, W: Write> Page<'a, W> {
    pub(super) fn new(output: &'a mut W) -> Page<'a, W> {
        Page { output, lines: Vec::with_capacity(2 * PRINT_BYTES) }
    }

    /// Adds the line of an answer, and counts it.
    pub(super) fn answer(&mut self, answer: &Answer, counts: &mut OutcomeCounts) {
        let Answer { sequence, outcome, bodies } = answer;
        counts.add(outcome.status);
        encode_outcome(*sequence, outcome, bodies, &mut self.lines);
    }

    pub(super) fn write_if_many(&mut self) -> Result<(), SubmitError> {
        if self.lines.len() < PRINT_BYTES { Ok(()) } else { self.write() }
    }

    pub(super) fn write(&mut self) -> Result<(), SubmitError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let written = self.output.write_all(&self.lines).and_then(|()| self.output.flush());
        self.lines.clear();
        written.map_err(SubmitError::Output)
    }
}
