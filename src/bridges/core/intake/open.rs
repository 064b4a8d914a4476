//! Opening a session, and reading back what it has handed over before.

use ringfence_client::{AsyncSession, EngineHello, SessionOptions, session_id};
use tokio::sync::{mpsc, watch};

use super::worker::Worker;
use super::{Port, PortOptions};
use crate::tags::Memory;
use crate::together::Together;
use crate::{
    Context, EngineId, EngineOptions, Failure, Known, LookBack, Replayed, Resumed, ask, resume,
};

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
    let opened = open(&options, &context.engine, &known).await?;
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

/// Opens the session: begins further back in the log until enough is known.
async fn open(
    options: &PortOptions,
    engine: &EngineOptions,
    known: &Known,
) -> Result<Opened, Failure> {
    let mut memory = Memory::new(options.remember);
    // Requests with offsets need nothing read back.
    let window = if options.by_offset { 0 } else { 4 * options.remember as u64 };
    let mut look_back = LookBack::new(known.last_sequence, window);
    loop {
        memory.clear();
        let session = SessionOptions {
            session: session_id(&options.session),
            last_sequence: look_back.after(),
            ..SessionOptions::default()
        };
        let Resumed { session, hello, begins_after, is_all } =
            match resume(engine, session, |batch| remember(&mut memory, batch)).await {
                Err(error) if look_back.is_corrected_by(&error) => continue,
                resumed => resumed?,
            };
        // What may be unacknowledged is looked for however far back it is.
        let wanted = if look_back.is_far() { 2 * options.credit } else { options.remember };
        let is_enough = memory.requests() as u64 >= hello.last_request.min(wanted as u64);
        if options.by_offset || is_all || is_enough {
            return Ok(Opened { session, hello, memory, begins_after });
        }
        look_back.go_further(hello.last_sequence);
    }
}

fn remember(memory: &mut Memory, batch: Replayed) {
    let tag = batch.origin.request.tag;
    if tag != 0 {
        // Of what is not whole it is no longer known what it did.
        let answers = if batch.is_whole { batch.answers } else { Vec::new() };
        memory.answer(tag, answers.into());
    }
}
