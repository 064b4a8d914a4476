//! What a hello comes to: who may begin or resume a session, and what it is sent again. Pure.

use super::Limits;
use ringfence_codec::wire::{ClientHello, EngineHello, ErrorCode, Mode};
use ringfence_node::History;
use ringfence_types::{BATCH_COMMANDS_MAX, SessionRecord};

/// What the engine knows when a hello arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub history: History,
    /// Sequence of the last command that was taken in.
    pub last_sequence: u64,
    /// What is known of the session that the hello names.
    pub session: Option<SessionRecord>,
    /// Whether a new session would find a place.
    pub has_place: bool,
}

/// Why a connection ends, as the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it comes under.
    pub code: ErrorCode,
    /// A sequence, a version or a limit, by the code; else 0.
    pub value: u64,
    /// For people.
    pub text: String,
}

impl Refusal {
    /// A refusal without a value.
    pub(crate) fn new(code: ErrorCode, text: impl Into<String>) -> Refusal {
        Refusal { code, value: 0, text: text.into() }
    }

    pub(crate) fn with_value(self, value: u64) -> Refusal {
        Refusal { value, ..self }
    }
}

/// The answer to the hello of a client that is going to send commands, or why it gets none.
///
/// `resumes_after` of the answer is what the client asked for: where the log no longer reaches back
/// so far, who reads the log corrects it.
pub(crate) fn greet(
    hello: &ClientHello,
    known: &Known,
    limits: &Limits,
) -> Result<EngineHello, Refusal> {
    check_history(hello, known)?;
    if hello.last_sequence > known.last_sequence {
        let last = known.last_sequence;
        let text = format!("sequence {} is not reached: the last is {last}", hello.last_sequence);
        return Err(Refusal::new(ErrorCode::SequenceAhead, text).with_value(last));
    }
    let is_named = hello.session != 0;
    if is_named && known.session.is_none() {
        if hello.resume {
            return Err(Refusal::new(ErrorCode::UnknownSession, "this session is not known"));
        }
        if !known.has_place {
            return Err(Refusal::new(ErrorCode::SessionsFull, "the table of sessions is full"));
        }
    }
    let record = known.session.filter(|_| is_named);
    let wished = match hello.in_flight_commands_max {
        0 => limits.in_flight_commands,
        wished => wished.min(limits.in_flight_commands),
    };
    Ok(EngineHello {
        mode: Mode::Commands,
        batch_commands_max: BATCH_COMMANDS_MAX as u32,
        in_flight_commands_max: wished,
        idle_timeout_ms: limits.idle_timeout.as_millis() as u32,
        last_sequence: record.map_or(0, |record| record.last_sequence),
        journal: known.history.journal_id,
        epoch: known.history.epoch.into(),
        last_request: record.map_or(0, |record| record.last_request),
        is_known: record.is_some(),
        events: hello.events,
        resumes_after: if is_named { hello.last_sequence } else { 0 },
    })
}

/// Refuses a client that has another history in mind.
pub(crate) fn check_history(hello: &ClientHello, known: &Known) -> Result<(), Refusal> {
    if hello.journal == [0; 16] {
        return Ok(());
    }
    let History { journal_id, epoch } = known.history;
    let what = if hello.journal != journal_id {
        "journal"
    } else if hello.epoch != u32::from(epoch) {
        "epoch"
    } else {
        return Ok(());
    };
    let text = format!("another {what} than the client expects: sequences mean something else");
    Err(Refusal::new(ErrorCode::OtherHistory, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: History = History { journal_id: [7; 16], epoch: 2 };
    const RECORD: SessionRecord =
        SessionRecord { id: 5, last_request: 8, last_sequence: 90, last_timestamp: 1, reserved: 0 };

    fn hello() -> ClientHello {
        ClientHello { session: 5, last_sequence: 40, ..ClientHello::default() }
    }

    #[test]
    fn a_hello_is_answered_by_what_is_known() {
        let known =
            Known { history: HISTORY, last_sequence: 100, session: Some(RECORD), has_place: false };
        let unknown = Known { session: None, ..known };
        let fresh = Known { has_place: true, ..unknown };
        let resume = ClientHello { resume: true, ..hello() };
        let ahead = ClientHello { last_sequence: 101, ..hello() };
        let expects = ClientHello { journal: [7; 16], epoch: 2, ..hello() };
        let nameless = ClientHello { session: 0, ..hello() };
        //  the hello, what is known, the last request in the answer or the code of the refusal
        let cases = [
            ("known", &hello(), &known, Ok(8)),
            ("resumed", &resume, &known, Ok(8)),
            ("begun", &hello(), &fresh, Ok(0)),
            ("forgotten", &resume, &fresh, Err(ErrorCode::UnknownSession)),
            ("full", &hello(), &unknown, Err(ErrorCode::SessionsFull)),
            ("without a name", &nameless, &unknown, Ok(0)),
            ("ahead", &ahead, &known, Err(ErrorCode::SequenceAhead)),
            ("this history", &expects, &known, Ok(8)),
            (
                "another journal",
                &ClientHello { journal: [8; 16], ..expects.clone() },
                &known,
                Err(ErrorCode::OtherHistory),
            ),
            (
                "another epoch",
                &ClientHello { epoch: 1, ..expects.clone() },
                &known,
                Err(ErrorCode::OtherHistory),
            ),
        ];
        for (name, hello, known, expected) in cases {
            let answer = greet(hello, known, &Limits::default());
            let found = answer.map(|hello| hello.last_request).map_err(|refusal| refusal.code);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn the_answer_says_what_is_sent_again() {
        let known =
            Known { history: HISTORY, last_sequence: 100, session: Some(RECORD), has_place: true };
        let answer = greet(&hello(), &known, &Limits::default()).unwrap();
        assert_eq!((answer.last_sequence, answer.resumes_after), (90, 40));
        assert_eq!((answer.journal, answer.epoch, answer.is_known), ([7; 16], 2, true));
        let wish = ClientHello { in_flight_commands_max: 7, ..hello() };
        let answer = greet(&wish, &known, &Limits::default()).unwrap();
        assert_eq!(answer.in_flight_commands_max, 7);
    }
}
