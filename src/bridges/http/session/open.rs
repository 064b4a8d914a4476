//! Opening a session, and reading back what it has handed over before.

use std::time::Duration;

use ringfence_client::{
    Answer, AsyncSession, AsyncSessionReceiver, ClientError, Delivered, EngineHello, ErrorCode,
    SessionOptions,
};
use ringfence_types::Origin;

use super::{Session, Trouble, code_of};

/// The engine is tried to be reached for as long as the bridge runs.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Sequences that are read back at most to know enough keys.
const SEQUENCES_READ_BACK_MAX: u64 = 4 << 20;

impl Session {
    /// Opens the session for the first time: begins further back in the log until enough keys are
    /// known.
    pub(super) async fn open(&self) -> Result<AsyncSessionReceiver, ClientError> {
        let last = self.setting.monitor.last_sequence().await;
        let mut window = 4 * self.setting.remember as u64;
        let mut after = last.saturating_sub(window);
        loop {
            let (session, hello) = match self.greet(after).await {
                Err(error) if after > 0 && code_of(&error) == Some(ErrorCode::UnknownSession) => {
                    // Nothing was sent before.
                    after = 0;
                    continue;
                }
                // Others have sent the commands since.
                Err(error) if last_of(&error).is_some_and(|last| last < after) => {
                    after = last_of(&error).map_or(0, |last| last.saturating_sub(window));
                    continue;
                }
                greeted => greeted?,
            };
            self.lock().keys.clear();
            let session = self.read_back(session, hello, after).await?;
            // Where the log does not reach back that far, nothing more can be had.
            let is_all = after == 0 || hello.resumes_after > after;
            let wanted = hello.last_request.min(self.setting.remember as u64);
            let is_enough = self.lock().keys.answered() as u64 >= wanted;
            if is_all || is_enough || window > SEQUENCES_READ_BACK_MAX {
                if !is_enough {
                    self.warn_of_few(hello.resumes_after.max(after));
                }
                let (sender, receiver) = session.split();
                let mut state = self.lock();
                state.sender = Some(sender);
                state.last_sequence = hello.last_sequence;
                return Ok(receiver);
            }
            window = window.saturating_mul(8);
            after = hello.last_sequence.saturating_sub(window);
        }
    }

    /// Says that keys are not known which `remember` promises: the log begins `after` a sequence.
    fn warn_of_few(&self, after: u64) {
        let known = self.lock().keys.answered();
        let remember = self.setting.remember;
        if after > 0 && known < remember {
            tracing::warn!(
                known,
                remember,
                "fewer keys are known than `remember` says, of one principal: the outcome log was \
                 read back to sequence {}; a request whose key is older is executed again \
                 (--outcome-log-keep)",
                after + 1
            );
        }
    }

    /// Opens the session again: the engine was away, or has `refused` a request and ended it.
    pub(super) async fn open_again(
        &self,
        refused: Option<&Trouble>,
    ) -> Result<AsyncSessionReceiver, ClientError> {
        let after = self.lock().last_sequence;
        let (session, hello) = self.greet(after).await?;
        let session = self.read_back(session, hello, after).await?;
        let (sender, receiver) = session.split();
        self.lock().go_on(sender, hello.last_request, refused);
        Ok(receiver)
    }

    async fn greet(&self, after: u64) -> Result<(AsyncSession, EngineHello), ClientError> {
        let engine = &self.setting.engine;
        let options = SessionOptions {
            session: self.setting.session,
            last_sequence: after,
            token: engine.token.clone(),
            tls: engine.tls.clone(),
            gathers: true,
            give_up_after: FOR_EVER,
            ..SessionOptions::default()
        };
        AsyncSession::start(&engine.address, &options).await
    }

    /// Takes in what was handed over after the sequence `after`.
    async fn read_back(
        &self,
        mut session: AsyncSession,
        mut hello: EngineHello,
        after: u64,
    ) -> Result<AsyncSession, ClientError> {
        let mut reading = Reading::default();
        let mut reached = after;
        while hello.resumes_after.max(reached) < hello.last_sequence {
            match session.receive().await? {
                Delivered::Connected(again) => hello = again,
                Delivered::Replayed { origin, answer } => {
                    reached = answer.sequence;
                    if let Some((answers, is_whole)) = reading.take(&origin, answer) {
                        let (number, tag) = (origin.request.number, origin.request.tag);
                        self.lock().replayed(number, tag, answers, is_whole);
                    }
                }
                _ => {}
            }
        }
        Ok(session)
    }
}

/// Sequence of the session's last command, where the engine refuses to begin after a later one.
fn last_of(error: &ClientError) -> Option<u64> {
    match error {
        ClientError::Refused { error: refused, .. }
            if code_of(error) == Some(ErrorCode::SequenceAhead) =>
        {
            Some(refused.value)
        }
        _ => None,
    }
}

/// Answers of the batch that is being read back.
#[derive(Default)]
struct Reading(Vec<Answer>);

impl Reading {
    /// Takes an answer; those of the batch, and whether that are all, after its last.
    fn take(&mut self, origin: &Origin, answer: Answer) -> Option<(Vec<Answer>, bool)> {
        if answer.sequence == origin.first_sequence {
            self.0.clear();
        }
        let is_last = answer.sequence == origin.last_sequence();
        self.0.push(answer);
        let answers = is_last.then(|| std::mem::take(&mut self.0))?;
        // The log may begin within the batch.
        let is_whole = answers.len() == origin.commands as usize;
        Some((answers, is_whole))
    }
}
