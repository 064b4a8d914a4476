//! Opening a session with a name, and reading back what it has handed over before.
//!
//! ```text
//!   after ─resume─▶ replayed, batch by batch ─▶ enough is known? ─no─▶ further back
//! ```

use ringfence_client::types::Origin;
use ringfence_client::{
    Answer, AsyncSession, ClientError, Delivered, EngineHello, ErrorCode, SessionOptions,
};

use super::{EngineOptions, FOR_EVER};
use crate::code_of;

/// Sequences that are read back at most for requests that only their senders may repeat.
const SEQUENCES_READ_BACK_MAX: u64 = 4 << 20;

/// A batch that a session has handed over before.
#[derive(Debug)]
pub struct Replayed {
    /// Whose it is.
    pub origin: Origin,
    /// Its answers, in the order of the commands.
    pub answers: Vec<Answer>,
    /// Whether that are all: the log may begin within the batch.
    pub is_whole: bool,
}

/// A session that stands, and has handed over what it had.
#[derive(Debug)]
pub struct Resumed {
    /// The session.
    pub session: AsyncSession,
    /// What the engine said of it.
    pub hello: EngineHello,
    /// The outcome log was read back to what comes after this sequence.
    pub begins_after: u64,
    /// Whether to ask for more is of no use: the log does not reach back further.
    pub is_all: bool,
}

/// Opens a session with the engine, as `options` say but for how to connect, and gives `take` each
/// batch that it handed over after their [`SessionOptions::last_sequence`].
///
/// # Errors
///
/// As [`AsyncSession::start`].
pub async fn resume(
    engine: &EngineOptions,
    options: SessionOptions,
    mut take: impl FnMut(Replayed),
) -> Result<Resumed, ClientError> {
    let after = options.last_sequence;
    let (token, tls) = (engine.token.clone(), engine.tls.clone());
    let options = SessionOptions { token, tls, give_up_after: FOR_EVER, ..options };
    let (mut session, mut hello) = AsyncSession::start(&engine.address, &options).await?;
    let mut begins_after = hello.resumes_after.max(after);
    let (mut reached, mut batch) = (begins_after, Vec::new());
    while reached < hello.last_sequence {
        match session.receive().await? {
            Delivered::Connected(again) => {
                // A new connection goes on after what came by the one before, unless the log has
                // lost what was to come next.
                if again.resumes_after > reached {
                    (begins_after, reached) = (again.resumes_after, again.resumes_after);
                }
                hello = again;
            }
            Delivered::Replayed { origin, answer } => {
                reached = answer.sequence;
                if reached == origin.first_sequence {
                    batch.clear();
                }
                batch.push(answer);
                if reached == origin.last_sequence() {
                    let answers = std::mem::take(&mut batch);
                    let is_whole = answers.len() == origin.commands as usize;
                    take(Replayed { origin, answers, is_whole });
                }
            }
            _ => {}
        }
    }
    let is_all = after == 0 || begins_after > after;
    Ok(Resumed { session, hello, begins_after, is_all })
}

/// How far back in the log a session is opened, until enough is known of what it has handed over.
#[derive(Debug)]
pub struct LookBack {
    window: u64,
    after: u64,
}

impl LookBack {
    /// Begins `window` sequences before `last`, the engine's last one.
    #[must_use]
    pub fn new(last: u64, window: u64) -> LookBack {
        LookBack { window, after: last.saturating_sub(window) }
    }

    /// The sequence after which the session is to hand over what it has.
    #[must_use]
    pub fn after(&self) -> u64 {
        self.after
    }

    /// Whether this is as far as is looked for what only senders may repeat.
    #[must_use]
    pub fn is_far(&self) -> bool {
        self.window > SEQUENCES_READ_BACK_MAX
    }

    /// Begins further back from `last`, the session's last sequence.
    pub fn go_further(&mut self, last: u64) {
        self.window = self.window.saturating_mul(8);
        self.after = last.saturating_sub(self.window);
    }

    /// Whether the engine refuses the session only because of where it was to begin: then it begins
    /// elsewhere the next time.
    pub fn is_corrected_by(&mut self, error: &ClientError) -> bool {
        let ClientError::Refused { error: refused, .. } = error else { return false };
        match code_of(error) {
            // Nothing was sent before.
            Some(ErrorCode::UnknownSession) if self.after > 0 => self.after = 0,
            // The session's last command, before the sequence to begin after: others have sent the
            // commands since.
            Some(ErrorCode::SequenceAhead) if refused.value < self.after => {
                self.after = refused.value.saturating_sub(self.window);
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    use ringfence_client::types::{Outcome, Request, Status};
    use ringfence_client::{Address, ServerError, Token};
    use ringfence_codec::wire::{ReplyEncoder, encode_engine_hello, encode_origin};

    fn refused(code: ErrorCode, value: u64) -> ClientError {
        let error = ServerError { code: code as u16, value, text: String::new() };
        ClientError::Refused { address: "unix:none".parse().unwrap(), error }
    }

    #[test]
    fn it_goes_further_back_each_time_and_ends() {
        let mut look_back = LookBack::new(1 << 30, 4096);
        assert_eq!((look_back.after(), look_back.is_far()), ((1 << 30) - 4096, false));
        let mut times = 0;
        while !look_back.is_far() {
            look_back.go_further(1 << 30);
            times += 1;
        }
        assert_eq!((times, look_back.after()), (4, (1 << 30) - (4096 << 12)));
        look_back.go_further(100);
        assert_eq!(look_back.after(), 0);
    }

    #[test]
    fn a_refusal_of_the_place_is_corrected_and_no_other() {
        let mut look_back = LookBack::new(10_000, 1_000);
        assert!(look_back.is_corrected_by(&refused(ErrorCode::SequenceAhead, 5_000)));
        assert_eq!(look_back.after(), 4_000);
        assert!(!look_back.is_corrected_by(&refused(ErrorCode::SequenceAhead, 5_000)));
        assert!(!look_back.is_corrected_by(&refused(ErrorCode::Superseded, 0)));
        assert!(look_back.is_corrected_by(&refused(ErrorCode::UnknownSession, 0)));
        assert_eq!(look_back.after(), 0);
        assert!(!look_back.is_corrected_by(&refused(ErrorCode::UnknownSession, 0)));
    }

    /// What an engine says in one connection: where the session resumes, and the outcomes of
    /// batches of one command that it hands over. The session's last command is 9.
    struct Said(u64, &'static [u64]);

    fn say(stream: &mut UnixStream, Said(resumes_after, outcomes): &Said) {
        // The hello, which comes with one write.
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let hello = EngineHello {
            batch_commands_max: 8192,
            in_flight_commands_max: 100,
            idle_timeout_ms: 30_000,
            last_sequence: 9,
            last_request: 9,
            resumes_after: *resumes_after,
            ..EngineHello::default()
        };
        let (mut bytes, mut encoder) = (Vec::new(), ReplyEncoder::new());
        encode_engine_hello(&hello, &mut bytes);
        for &sequence in *outcomes {
            let request = Request { session: 5, number: sequence, ..Request::NONE };
            let (first_sequence, commands) = (sequence, 1);
            let origin = Origin { request, first_sequence, commands, op: 1, ..Origin::default() };
            encoder.finish(&mut bytes);
            encode_origin(&origin, &mut bytes);
            let status = Status::Created as u16;
            encoder.outcome(sequence, &Outcome { status, op: 1, ..Outcome::default() }, &mut bytes);
        }
        encoder.finish(&mut bytes);
        stream.write_all(&bytes).unwrap();
    }

    /// Resumes a session after 5 with an engine that says this, one connection after the other: the
    /// batches, where it was read back to, and whether that is all there is.
    async fn resumed(connections: Vec<Said>) -> (Vec<u64>, u64, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let engine = std::thread::spawn(move || {
            let mut last = None;
            for said in &connections {
                drop(last);
                let mut stream = listener.accept().unwrap().0;
                say(&mut stream, said);
                last = Some(stream);
            }
            last
        });
        let address = Address::Unix(path);
        let options = EngineOptions { address, token: Token::default(), tls: None };
        let session = SessionOptions { session: 5, last_sequence: 5, ..SessionOptions::default() };
        let mut batches = Vec::new();
        let take = |batch: Replayed| batches.push(batch.origin.first_sequence);
        let resumed = resume(&options, session, take).await.unwrap();
        drop(engine.join().unwrap());
        (batches, resumed.begins_after, resumed.is_all)
    }

    #[tokio::test]
    async fn a_connection_that_is_lost_meanwhile_changes_nothing() {
        let whole = resumed(vec![Said(5, &[6, 7, 9])]).await;
        assert_eq!(whole, (vec![6, 7, 9], 5, false));
        assert_eq!(resumed(vec![Said(5, &[6]), Said(6, &[7, 9])]).await, whole);
        assert_eq!(resumed(vec![Said(5, &[6, 7]), Said(7, &[]), Said(7, &[9])]).await, whole);
    }

    #[tokio::test]
    async fn where_the_log_begins_later_that_is_all_there_is() {
        assert_eq!(resumed(vec![Said(7, &[9])]).await, (vec![9], 7, true));
        // It lost what was to come next while there was no connection.
        assert_eq!(resumed(vec![Said(5, &[6]), Said(8, &[9])]).await, (vec![6, 9], 8, true));
        assert_eq!(resumed(vec![Said(9, &[])]).await, (vec![], 9, true));
    }
}
