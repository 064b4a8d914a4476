//! A file of commands to a running engine, and its answers back as text.

use std::io::{self, Read, Write};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::thread::{self, JoinHandle};

use super::connection::HEARTBEAT;
use super::lines::{Page, Piece, each_line};
use super::{Client, ClientError, Received, Receiver, Sender};
use ringfence_codec::text::{
    Clock, Decoder, Input, Line, Malformed, encode_event, encode_malformed,
};
use ringfence_types::OutcomeCounts;
use ringfence_types::{BATCH_COMMANDS_MAX, Command};

/// The result of [`submit`].
#[derive(Debug, Default)]
pub struct SubmitReport {
    /// How many answers there were of each status.
    pub outcomes: OutcomeCounts,
    /// How many lines were malformed.
    pub malformed: u64,
    /// Commands that were sent, or were about to be, and have no answer: whether they were
    /// executed is unknown. 0 unless it was stopped.
    pub unanswered: u64,
    /// Commands that were executed, but whose outcomes can no longer be had: the outcome log begins
    /// later. Only in a session.
    pub lost: u64,
    /// Why it stopped before the end.
    pub stopped: Option<SubmitError>,
}

/// Why [`submit`] stopped before the end.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The input cannot be read. What was read before was answered.
    #[error("reading the input: {0}")]
    Input(#[source] io::Error),
    /// The output cannot be written.
    #[error("writing the output: {0}")]
    Output(#[source] io::Error),
    /// The input has another line than when the session was begun.
    #[error(
        "line {line} is not what this session sent as its request {line}: the input was changed"
    )]
    OtherInput {
        /// Number of the line, from 1.
        line: u64,
    },
    /// The session with the engine has ended.
    #[error(transparent)]
    Engine(#[from] ClientError),
}

/// From so many bytes on they are sent, though more could be gathered.
const SEND_BYTES: usize = 64 * 1024;
/// Most batches and malformed lines that are read and not yet printed.
const PROMISES_MAX: usize = 4096;

/// What has to be printed, in the order of the input.
#[derive(Debug)]
enum Promise {
    /// The answers to a batch of so many commands.
    Answers(usize),
    /// What is wrong with a line.
    Malformed { line_number: u64, malformed: Malformed },
    /// The input cannot be read further.
    Failed(io::Error),
    /// The input has ended.
    End,
}

/// Sends the NDJSON of `input` to the engine and prints one line for each command and for each
/// malformed line, in the order of the input, each as soon as it is known.
///
/// The input is read by a thread of its own. Where `submit` stops early that thread may still
/// wait for the input; it ends with the next line.
///
/// # Panics
///
/// If reading `input` panics.
pub fn submit(
    input: impl Read + Send + 'static,
    output: &mut impl Write,
    client: Client,
) -> SubmitReport {
    let (sender, receiver) = client.split();
    let (promise, promises) = mpsc::sync_channel(PROMISES_MAX);
    let reader = thread::spawn(move || read_and_send(input, sender, &promise));
    let mut printer =
        Printer { page: Page::new(output), receiver, report: SubmitReport::default() };
    let mut owed = 0;
    let result = printer.print(&promises, reader, &mut owed);
    let what_is_known = printer.page.write();
    let Printer { receiver, mut report, .. } = printer;
    if let Err(error) = result.and(what_is_known) {
        receiver.disconnect();
        let more = promises.try_iter().map(|promise| match promise {
            Promise::Answers(count) => count,
            _ => 0,
        });
        report.unanswered = (owed + more.sum::<usize>()) as u64;
        report.stopped = Some(error);
    }
    report
}

/// Prints what was promised.
struct Printer<'a, W> {
    page: Page<'a, W>,
    receiver: Receiver,
    report: SubmitReport,
}

impl<W: Write> Printer<'_, W> {
    /// Prints until the input has ended and everything is answered. `owed` is then, and after an
    /// error, how many answers are missing of the batch whose turn it is.
    fn print(
        &mut self,
        promises: &mpsc::Receiver<Promise>,
        reader: JoinHandle<()>,
        owed: &mut usize,
    ) -> Result<(), SubmitError> {
        loop {
            match self.next_promise(promises)? {
                Some(Promise::Answers(count)) => {
                    *owed = count;
                    while *owed > 0 {
                        *owed -= usize::from(self.print_next()?);
                    }
                }
                Some(Promise::Malformed { line_number, malformed }) => {
                    self.report.malformed += 1;
                    encode_malformed(line_number, &malformed.to_string(), &mut self.page.lines);
                    self.page.write_if_many()?;
                }
                Some(Promise::Failed(error)) => return Err(SubmitError::Input(error)),
                Some(Promise::End) => return Ok(()),
                None => {
                    // It ends without a last promise only by a panic, which goes on here.
                    let panic = reader.join().expect_err("the reader ends with a promise");
                    std::panic::resume_unwind(panic)
                }
            }
        }
    }

    /// The next promise; everything is written before it is waited for. `None`: the thread that
    /// reads has panicked.
    fn next_promise(
        &mut self,
        promises: &mpsc::Receiver<Promise>,
    ) -> Result<Option<Promise>, SubmitError> {
        match promises.try_recv() {
            Ok(promise) => Ok(Some(promise)),
            Err(TryRecvError::Disconnected) => Ok(None),
            Err(TryRecvError::Empty) => {
                self.page.write()?;
                loop {
                    match promises.recv_timeout(HEARTBEAT) {
                        Ok(promise) => return Ok(Some(promise)),
                        Err(RecvTimeoutError::Disconnected) => return Ok(None),
                        Err(RecvTimeoutError::Timeout) => self.receiver.say_heartbeat(),
                    }
                }
            }
        }
    }

    /// The next event or answer, and whether it was an answer; everything is written before it is
    /// waited for.
    fn print_next(&mut self) -> Result<bool, SubmitError> {
        let received = match self.receiver.try_receive()? {
            Some(received) => received,
            None => {
                self.page.write()?;
                self.receiver.receive()?
            }
        };
        let is_answer = match received {
            Received::Event(event) => {
                encode_event(&event, &mut self.page.lines);
                false
            }
            Received::Answer(answer) => {
                self.page.answer(&answer, &mut self.report.outcomes);
                true
            }
        };
        self.page.write_if_many()?;
        Ok(is_answer)
    }
}

/// Reads the input to its end, sends its batches and promises what is to be printed of it. Ends
/// early where promises are no longer received.
fn read_and_send(input: impl Read, sender: Sender, promises: &SyncSender<Promise>) {
    let mut outbox = Outbox { sender, promises };
    let decoder = Decoder::new(Clock::System);
    let mut batch = Vec::with_capacity(BATCH_COMMANDS_MAX);
    let ended = each_line(input, |piece| match piece {
        Piece::Line(number, line) => outbox.line(number, line, &decoder, &mut batch),
        Piece::Pause => {
            // What the input gave so far is sent.
            outbox.flush();
            Some(())
        }
    });
    if let Some(ended) = ended {
        outbox.finish();
        outbox.promise(ended.map_or_else(Promise::Failed, |()| Promise::End));
    }
}

/// Sends batches and passes promises on. `None` from a method: promises are no longer received.
struct Outbox<'a> {
    sender: Sender,
    promises: &'a SyncSender<Promise>,
}

impl Outbox<'_> {
    fn line(
        &mut self,
        line_number: u64,
        line: Line,
        decoder: &Decoder,
        batch: &mut Vec<Command>,
    ) -> Option<()> {
        let decoded = match line {
            Line::Text(text) => decoder.decode(text, batch),
            Line::TooLong => Err(Malformed::too_long()),
        };
        match decoded {
            Ok(Input::Blank) => Some(()),
            Ok(Input::Batch) => {
                self.promise(Promise::Answers(batch.len()))?;
                let unsent = self.sender.push(batch).expect("the decoder gives batches");
                if unsent >= SEND_BYTES {
                    self.flush();
                }
                Some(())
            }
            Ok(Input::AdvanceClock { .. }) => unreachable!("the clock is not manual"),
            Err(malformed) => self.promise(Promise::Malformed { line_number, malformed }),
        }
    }

    /// Sends what was gathered.
    fn flush(&mut self) {
        // An error is left to the receiver: it may find the engine's reason, and knows which commands
        // are unanswered. Until then batches are promised, though none can be sent.
        drop(self.sender.flush());
    }

    fn finish(&mut self) {
        // As in `flush`.
        drop(self.sender.finish());
    }

    fn promise(&mut self, promise: Promise) -> Option<()> {
        match self.promises.try_send(promise) {
            Ok(()) => Some(()),
            Err(TrySendError::Disconnected(_)) => None,
            Err(TrySendError::Full(promise)) => {
                // Before waiting for answers, send what is to be answered.
                self.flush();
                self.promises.send(promise).ok()
            }
        }
    }
}
