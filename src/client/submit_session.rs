//! A file of commands in a session: it goes on where it stopped when it is submitted again.
//!
//! ```text
//!   line n ──▶ request n, tag: hash of the line       taken in before ──▶ not sent, its answers come again
//! ```
//!
//! # Invariants
//!
//! * Each line takes effect once, however often the file is submitted, and the output is each time
//!   that of all lines.
//! * A file that was changed before a line that was taken in is refused.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use sha2::{Digest, Sha256};

use super::lines::{Page, Piece, each_line};
use super::submit::{SubmitError, SubmitReport};
use super::{Address, ClientError, Delivered, SessionOptions, SessionSender};
use ringfence_codec::text::{
    Clock, Decoder, Input, Line, Malformed, encode_event, encode_malformed,
};
use ringfence_types::{BATCH_COMMANDS_MAX, Command};

/// Lines that were read and are not yet answered.
const PROMISES_MAX: usize = 4096;

/// What a line is to be answered by.
enum Promise {
    /// The answers to a batch of so many commands.
    Answers {
        line: u64,
        tag: u128,
        commands: usize,
    },
    Malformed {
        line: u64,
        malformed: Malformed,
    },
    Failed(io::Error),
    Ended(ClientError),
    End,
}

/// Sends the commands of `input`, one batch a line, in the session that `options` name, and writes
/// an answer for each to `output`. A line that an earlier call with the same session sent is not
/// sent again, but its answers are written all the same.
///
/// Ends when the input has ended and everything is answered, or cannot be.
pub fn submit_session(
    input: impl Read + Send + 'static,
    output: &mut impl Write,
    address: &Address,
    options: SessionOptions,
) -> SubmitReport {
    let (deliver, delivered) = mpsc::channel();
    let started = SessionSender::start(address, options, move |it| drop(deliver.send(it)));
    let sender = match started {
        Ok(sender) => Arc::new(sender),
        Err(error) => return stopped(SubmitReport::default(), error.into()),
    };
    let taken_in = match delivered.recv() {
        Ok(Delivered::Connected(hello)) => hello.last_request,
        Ok(Delivered::Ended(error)) => return stopped(SubmitReport::default(), error.into()),
        _ => return stopped(SubmitReport::default(), ClientError::Ended.into()),
    };
    let (promise, promises) = mpsc::sync_channel(PROMISES_MAX);
    let reading = Arc::clone(&sender);
    // Not joined: where its input never ends it would never return.
    thread::spawn(move || Reading { sender: &reading, promises: &promise, taken_in }.run(input));
    let (page, report) = (Page::new(output), SubmitReport::default());
    let mut printing = Printing { page, delivered, next: None, report };
    let result = printing.run(&promises);
    let written = printing.page.write();
    let report = printing.report;
    match result.and(written) {
        Ok(()) => report,
        Err(error) => {
            let unanswered = sender.under_way() as u64;
            stopped(SubmitReport { unanswered, ..report }, error)
        }
    }
}

fn stopped(report: SubmitReport, error: SubmitError) -> SubmitReport {
    SubmitReport { stopped: Some(error), ..report }
}

/// What a line is recognised by: the first 16 bytes of its SHA-256.
fn tag_of(line: &[u8]) -> u128 {
    let hash = Sha256::digest(line.trim_ascii());
    u128::from_le_bytes(hash[..16].try_into().expect("sixteen bytes"))
}

/// Reads lines and sends them. `None` from a method: promises are no longer received.
struct Reading<'a> {
    sender: &'a SessionSender,
    promises: &'a SyncSender<Promise>,
    /// Number of the last line that was taken in before.
    taken_in: u64,
}

impl Reading<'_> {
    fn run(&self, input: impl Read) {
        let mut batch = Vec::with_capacity(BATCH_COMMANDS_MAX);
        let ended = each_line(input, |piece| match piece {
            Piece::Line(number, line) => self.line(number, line, &mut batch),
            Piece::Pause => Some(()),
        });
        if let Some(ended) = ended {
            self.promise(ended.map_or_else(Promise::Failed, |()| Promise::End));
        }
    }

    fn line(&self, number: u64, line: Line<'_>, batch: &mut Vec<Command>) -> Option<()> {
        let (decoded, tag) = match line {
            Line::Text(text) => (Decoder::new(Clock::System).decode(text, batch), tag_of(text)),
            Line::TooLong => (Err(Malformed::too_long()), 0),
        };
        match decoded {
            Ok(Input::Blank) => Some(()),
            Ok(Input::Batch) => {
                let commands = batch.len();
                self.promise(Promise::Answers { line: number, tag, commands })?;
                if number > self.taken_in
                    && let Err(error) = self.sender.send_numbered(batch, number, tag)
                {
                    self.promise(Promise::Ended(error))?;
                    return None;
                }
                Some(())
            }
            Ok(Input::AdvanceClock { .. }) => unreachable!("the clock is not manual"),
            Err(malformed) => self.promise(Promise::Malformed { line: number, malformed }),
        }
    }

    fn promise(&self, promise: Promise) -> Option<()> {
        self.promises.send(promise).ok()
    }
}

/// Writes what is delivered, in the order of the lines.
struct Printing<'a, W> {
    page: Page<'a, W>,
    delivered: Receiver<Delivered>,
    /// The answer that came last, and belongs to a later line.
    next: Option<Delivered>,
    report: SubmitReport,
}

impl<W: Write> Printing<'_, W> {
    fn run(&mut self, promises: &Receiver<Promise>) -> Result<(), SubmitError> {
        loop {
            let promise = match promises.try_recv() {
                Ok(promise) => promise,
                Err(_) => {
                    self.page.write()?;
                    promises.recv().map_err(|_| ClientError::Ended)?
                }
            };
            match promise {
                Promise::Answers { line, tag, commands } => self.answers(line, tag, commands)?,
                Promise::Malformed { line, malformed } => {
                    self.report.malformed += 1;
                    encode_malformed(line, &malformed.to_string(), &mut self.page.lines);
                }
                Promise::Failed(error) => return Err(SubmitError::Input(error)),
                // What stopped the session says more than that it has.
                Promise::Ended(error) => return Err(self.last_word().unwrap_or(error).into()),
                Promise::End => return Ok(()),
            }
            self.page.write_if_many()?;
        }
    }

    /// Writes the answers to the commands of a line.
    fn answers(&mut self, line: u64, tag: u128, commands: usize) -> Result<(), SubmitError> {
        let mut left = commands;
        while left > 0 {
            let delivered = match self.next.take() {
                Some(delivered) => delivered,
                None => self.deliver()?,
            };
            match delivered {
                Delivered::Event(event) => encode_event(&event, &mut self.page.lines),
                Delivered::Answer { number, answer, .. } if number == line => {
                    self.page.answer(&answer, &mut self.report.outcomes);
                    left -= 1;
                }
                Delivered::Replayed { origin, answer } if origin.request.number == line => {
                    if origin.request.tag != tag || origin.commands as usize != commands {
                        return Err(SubmitError::OtherInput { line });
                    }
                    self.page.answer(&answer, &mut self.report.outcomes);
                    left -= 1;
                }
                Delivered::Lost { number } if number == line => {
                    self.report.lost += left as u64;
                    left = 0;
                }
                // Answers of a later line: those of this one can no longer be had.
                later @ (Delivered::Answer { .. } | Delivered::Replayed { .. }) => {
                    self.next = Some(later);
                    self.report.lost += left as u64;
                    left = 0;
                }
                Delivered::Ended(error) => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn deliver(&mut self) -> Result<Delivered, SubmitError> {
        if let Ok(delivered) = self.delivered.try_recv() {
            return Ok(delivered);
        }
        self.page.write()?;
        Ok(self.delivered.recv().map_err(|_| ClientError::Ended)?)
    }

    /// Why the session ended, if it said so.
    fn last_word(&self) -> Option<ClientError> {
        self.delivered.try_iter().find_map(|delivered| match delivered {
            Delivered::Ended(error) => Some(error),
            _ => None,
        })
    }
}
