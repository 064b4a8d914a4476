//! Commands from lines of text, for `ringfence apply`.
//!
//! ```text
//!   file or pipe ──input thread──▶ chunks ──TextSource──▶ intake
//!                     reads, may wait         splits, decodes
//! ```

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::OnceLock;
use std::thread;

use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded};

use super::{Intake, Progress, Source, SourceError};
use crate::Clock;
use crate::notice::TextNotice;
use ringfence_codec::text::{self, Decoder, Input, Line, Lines, Malformed};
use ringfence_ring::Bell;
use ringfence_types::{Command, Request};

/// Bytes that the input thread reads at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks that may lie between the input thread and the gateway.
const CHUNKS: usize = 8;
/// Lines that one step decodes at most before the other stages of the thread get their turn.
const LINES_A_STEP: usize = 64;

enum Chunk {
    Bytes(Vec<u8>),
    Failed(io::Error),
    End,
}

/// Reads an input that may block, on a thread of its own.
pub struct InputThread {
    chunks: Receiver<Chunk>,
    emptied: Sender<Vec<u8>>,
    bell: Arc<OnceLock<Bell>>,
}

impl InputThread {
    /// Memory of the chunks that are read, lie between the threads and are decoded, in bytes.
    pub const BUFFERS_BYTES: u64 = ((CHUNKS + 2) * CHUNK_BYTES) as u64;

    /// Starts reading `input`.
    ///
    /// The thread is not joined: where its input never ends it would never return.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(mut input: impl Read + Send + 'static) -> io::Result<InputThread> {
        let (chunk_sender, chunks) = bounded(CHUNKS);
        let (emptied, empty_receiver) = bounded::<Vec<u8>>(CHUNKS);
        let bell: Arc<OnceLock<Bell>> = Arc::default();
        let ring = Arc::clone(&bell);
        thread::Builder::new().name("ringfence-input".into()).spawn(move || {
            loop {
                let mut bytes = empty_receiver.try_recv().unwrap_or_default();
                bytes.resize(CHUNK_BYTES, 0);
                let chunk = match input.read(&mut bytes) {
                    Ok(0) => Chunk::End,
                    Ok(count) => {
                        bytes.truncate(count);
                        Chunk::Bytes(bytes)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Chunk::Failed(error),
                };
                let last = !matches!(chunk, Chunk::Bytes(_));
                if chunk_sender.send(chunk).is_err() {
                    return;
                }
                if let Some(bell) = ring.get() {
                    bell.ring();
                }
                if last {
                    return;
                }
            }
        })?;
        Ok(InputThread { chunks, emptied, bell })
    }
}

enum Pending {
    Nothing,
    /// The decoded batch waits for room in the ring.
    Batch,
    Notice(TextNotice),
}

/// Decodes lines into commands.
pub struct TextSource {
    input: InputThread,
    lines: Lines,
    decoder: Decoder,
    clock: Clock,
    batch: Vec<Command>,
    pending: Pending,
    chunk: Vec<u8>,
    /// Bytes of `chunk` that are used up.
    position: usize,
    ended: bool,
    failed: Option<io::Error>,
    malformed: u64,
}

impl TextSource {
    /// Decodes what `input` reads; the commands are stamped by `clock`.
    #[must_use]
    pub fn new(input: InputThread, clock: Clock) -> TextSource {
        let decoder = Decoder::new(match clock {
            Clock::System => text::Clock::System,
            Clock::Manual(_) => text::Clock::Manual,
        });
        TextSource {
            input,
            lines: Lines::new(),
            decoder,
            clock,
            batch: Vec::with_capacity(ringfence_types::BATCH_COMMANDS_MAX),
            pending: Pending::Nothing,
            chunk: Vec::new(),
            position: 0,
            ended: false,
            failed: None,
            malformed: 0,
        }
    }

    /// How many lines were malformed so far.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Why the input could not be read to its end, if so.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// Hands on what waits. `false`: there is still no room for it.
    fn hand_on(
        &mut self,
        clock_ns: u64,
        intake: &mut Intake<TextNotice>,
    ) -> Result<bool, SourceError> {
        match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Batch => {
                let batch = &self.batch;
                if !intake.has_time_for(clock_ns, batch.len()) {
                    // What came before it is still processed.
                    self.failed = Some(io::Error::other("the clock has come to the end of time"));
                    self.stop();
                    return Ok(true);
                }
                let op = batch[0].op();
                let room =
                    intake.submit(op, 0, &Request::NONE, clock_ns, batch.len(), |index| {
                        &batch[index].body
                    })?;
                if room.is_none() {
                    self.pending = Pending::Batch;
                    return Ok(false);
                }
            }
            Pending::Notice(notice) => {
                if let Err(notice) = intake.notify(notice) {
                    self.pending = Pending::Notice(notice);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Gets the next chunk, if one is there.
    fn refill(&mut self) -> bool {
        match self.input.chunks.try_recv() {
            Ok(Chunk::Bytes(bytes)) => {
                let used = std::mem::replace(&mut self.chunk, bytes);
                self.position = 0;
                // A full channel means that the input thread has buffers enough.
                drop(self.input.emptied.try_send(used));
                true
            }
            Ok(Chunk::End) => {
                self.ended = true;
                true
            }
            Ok(Chunk::Failed(error)) => {
                // What came before it is still processed.
                self.failed = Some(error);
                self.ended = true;
                true
            }
            Err(TryRecvError::Empty) => false,
            Err(TryRecvError::Disconnected) => {
                panic!("the input thread ends only after it said so")
            }
        }
    }

    /// Decodes the next line into `pending`. `false`: there is none yet.
    fn next_line(&mut self, last_timestamp: u64) -> bool {
        let mut rest = &self.chunk[self.position..];
        let line = match self.lines.next(&mut rest) {
            Some(line) => Some(line),
            None if self.ended => self.lines.finish(),
            None => None,
        };
        let Some((number, line)) = line else {
            self.position = self.chunk.len();
            return false;
        };
        let decoded = match line {
            Line::Text(bytes) => self.decoder.decode(bytes, &mut self.batch),
            Line::TooLong => Err(Malformed::too_long()),
        };
        self.position = self.chunk.len() - rest.len();
        let decoded = decoded.and_then(|input| match input {
            Input::Blank => Ok(Pending::Nothing),
            Input::Batch => Ok(Pending::Batch),
            Input::AdvanceClock { nanoseconds } => self
                .clock
                .advance(nanoseconds, last_timestamp)
                .map(|clock_ns| Pending::Notice(TextNotice::Advanced { clock_ns }))
                .ok_or_else(Malformed::clock_out_of_range),
        });
        self.pending = decoded.unwrap_or_else(|error| {
            let error = error.to_string();
            Pending::Notice(TextNotice::Malformed { line: number, error })
        });
        if matches!(self.pending, Pending::Notice(TextNotice::Malformed { .. })) {
            self.malformed += 1;
        }
        true
    }
}

impl Source for TextSource {
    type Notice = TextNotice;

    fn step(&mut self, intake: &mut Intake<TextNotice>) -> Result<Progress, SourceError> {
        // The one reading of the clock in this turn; an `advance_clock` moves a manual one.
        let mut clock_ns = self.clock.read_ns();
        let mut progress = Progress::Idle;
        for _ in 0..LINES_A_STEP {
            if !self.hand_on(clock_ns, intake)? {
                return Ok(progress);
            }
            while !self.next_line(intake.last_timestamp()) {
                if self.ended {
                    return Ok(Progress::Ended);
                }
                if !self.refill() {
                    return Ok(progress);
                }
            }
            if let Clock::Manual(reading_ns) = self.clock {
                clock_ns = reading_ns;
            }
            progress = Progress::Worked;
        }
        Ok(progress)
    }

    fn stop(&mut self) {
        self.ended = true;
        self.chunk.clear();
        self.position = 0;
        self.lines = Lines::new();
    }

    fn attach(&mut self, own: Bell, _: Bell) {
        assert!(self.input.bell.set(own).is_ok(), "a source is attached once");
    }
}
