//! Opening a session, and reading back what it has handed over before.

use ringfence_client::types::Origin;
use ringfence_client::{
    Answer, AsyncSession, ClientError, Delivered, EngineHello, ErrorCode, SessionOptions,
    session_id,
};
use tokio::sync::{mpsc, watch};

use super::worker::Worker;
use super::{Port, PortOptions};
use crate::engine::FOR_EVER;
use crate::tags::Memory;
use crate::together::Together;
use crate::{Context, EngineId, EngineOptions, Failure, Known, ask};

/// Sequences that are read back at most for requests that only their senders may repeat. What may
/// be unacknowledged is looked for without this limit.
const SEQUENCES_READ_BACK_MAX: u64 = 4 << 20;

/// Opens a session with the engine, reads back what it has handed over before, and serves it until
/// the port is dropped, the session is taken over, or the program is asked to stop.
///
/// # Errors
///
/// If the engine cannot be reached, or declines.
pub async fn open_port<H: Send + 'static>(
    options: PortOptions,
    context: &Context,
) -> Result<Port<H>, Failure> {
    let metrics = context.metrics.source(&options.name);
    let known = ask(&context.engine).await?;
    let opened = Opening::new(&options, &context.engine, &known).run().await?;
    opened.warn_of_few(&options);
    tracing::info!(
        source = options.name,
        last_request = opened.hello.last_request,
        remembered = opened.memory.requests(),
        "session {} with engine {}",
        options.session,
        known.id
    );
    let (offers, offered) = mpsc::channel(options.credit.min(1024));
    let (settle, settled) = Together::channel();
    let (end, ended) = watch::channel(None);
    let engine = EngineId::from(&opened.hello);
    let last_request = opened.hello.last_request;
    let worker = Worker::new(options, context, opened, offered, engine.clone());
    tokio::spawn(async move {
        end.send_replace(Some(worker.run().await));
    });
    Ok(Port { offers, settle, settled, ended, engine, last_request, metrics })
}

/// A session that stands.
pub(super) struct Opened {
    pub session: AsyncSession,
    pub hello: EngineHello,
    pub memory: Memory,
    /// The outcome log was read back to what comes after this sequence.
    begins_after: u64,
}

impl Opened {
    /// Says that fewer requests are known than `remember` promises, where the log does not reach
    /// back so far. Requests with offsets need none: the session knows the last.
    fn warn_of_few(&self, options: &PortOptions) {
        let (known, remember) = (self.memory.requests(), options.remember);
        let sent = self.hello.last_request.min(remember as u64);
        let is_few = (known as u64) < sent && self.begins_after > 0;
        if is_few && !options.by_offset {
            tracing::warn!(
                source = options.name,
                known,
                remember,
                "fewer requests are known than `remember` says: the outcome log was read back to \
                 sequence {}; an older message that comes again is executed again \
                 (--outcome-log-keep)",
                self.begins_after + 1
            );
        }
    }
}

struct Opening<'a> {
    options: &'a PortOptions,
    engine: &'a EngineOptions,
    known: &'a Known,
    memory: Memory,
    /// Answers of the batch that is being read back.
    partial: Vec<Answer>,
}

/// What one attempt came to.
enum Attempt {
    Opened(AsyncSession, EngineHello),
    /// The engine does not know the session.
    Unknown,
    /// The session's last command is this one, before the sequence to begin after.
    Ahead(u64),
}

impl<'a> Opening<'a> {
    fn new(options: &'a PortOptions, engine: &'a EngineOptions, known: &'a Known) -> Opening<'a> {
        let memory = Memory::new(options.remember);
        Opening { options, engine, known, memory, partial: Vec::new() }
    }

    /// Begins further back in the log until enough is read back.
    async fn run(mut self) -> Result<Opened, Failure> {
        let last = self.known.last_sequence;
        let mut window = 4 * self.options.remember as u64;
        let back = |last: u64, window: u64| match self.options.by_offset {
            true => last,
            false => last.saturating_sub(window),
        };
        let mut after = back(last, window);
        loop {
            match self.attempt(after).await? {
                Attempt::Unknown if after > 0 => after = 0,
                // Others have sent the commands since.
                Attempt::Ahead(last) if last < after => after = back(last, window),
                Attempt::Ahead(last) => {
                    let said = format!("the engine refuses to begin after {after}, at {last}");
                    return Err(Failure::last(said));
                }
                Attempt::Unknown => return Err(Failure::last("the engine refuses a new session")),
                Attempt::Opened(session, hello) => {
                    if self.is_enough(&hello, after, window) {
                        let begins_after = hello.resumes_after.max(after);
                        let memory = self.memory;
                        return Ok(Opened { session, hello, memory, begins_after });
                    }
                    window = window.saturating_mul(8);
                    after = hello.last_sequence.saturating_sub(window);
                }
            }
        }
    }

    fn is_enough(&self, hello: &EngineHello, after: u64, window: u64) -> bool {
        // Where the log does not reach back that far, nothing more can be had.
        let is_all = self.options.by_offset || after == 0 || hello.resumes_after > after;
        let wanted = match window > SEQUENCES_READ_BACK_MAX {
            true => 2 * self.options.credit,
            false => self.options.remember,
        };
        is_all || self.memory.requests() as u64 >= hello.last_request.min(wanted as u64)
    }

    /// Opens the session, and reads what it handed over after the sequence `after`.
    async fn attempt(&mut self, after: u64) -> Result<Attempt, Failure> {
        self.memory.clear();
        self.partial.clear();
        let options = SessionOptions {
            session: session_id(&self.options.session),
            last_sequence: after,
            token: self.engine.token.clone(),
            tls: self.engine.tls.clone(),
            give_up_after: FOR_EVER,
            ..SessionOptions::default()
        };
        match self.read_all_back(&options, after).await {
            Ok((session, hello)) => Ok(Attempt::Opened(session, hello)),
            Err(error) => refused(&error).ok_or_else(|| error.into()),
        }
    }

    /// Opens the session, and reads to the end what it handed over.
    async fn read_all_back(
        &mut self,
        options: &SessionOptions,
        after: u64,
    ) -> Result<(AsyncSession, EngineHello), ClientError> {
        let (mut session, mut hello) = AsyncSession::start(&self.engine.address, options).await?;
        let mut sequence = hello.resumes_after.max(after);
        while sequence < hello.last_sequence {
            match session.receive().await? {
                // A new connection goes on after what came by the one before.
                Delivered::Connected(again) => {
                    sequence = sequence.max(again.resumes_after);
                    hello = again;
                }
                Delivered::Replayed { origin, answer } => {
                    sequence = answer.sequence;
                    self.read_back(&origin, answer);
                }
                _ => {}
            }
        }
        Ok((session, hello))
    }

    fn read_back(&mut self, origin: &Origin, answer: Answer) {
        if answer.sequence == origin.first_sequence {
            self.partial.clear();
        }
        let sequence = answer.sequence;
        self.partial.push(answer);
        if sequence == origin.last_sequence() && origin.request.tag != 0 {
            let mut answers = std::mem::take(&mut self.partial);
            if answers.len() != origin.commands as usize {
                // The log begins within the batch: what it did is no longer known.
                answers.clear();
            }
            self.memory.answer(origin.request.tag, answers.into());
        }
    }
}

/// What an attempt has come to that the engine refused with a code that says how to go on.
fn refused(error: &ClientError) -> Option<Attempt> {
    let ClientError::Refused { error, .. } = error else { return None };
    match ErrorCode::from_number(error.code) {
        Some(ErrorCode::UnknownSession) => Some(Attempt::Unknown),
        Some(ErrorCode::SequenceAhead) => Some(Attempt::Ahead(error.value)),
        _ => None,
    }
}
