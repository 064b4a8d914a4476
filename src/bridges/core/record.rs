//! Outcomes and events as they leave for a broker.

use std::fmt::{self, Write};
use std::sync::Arc;

use ringfence_client::types::{Body, Event, Op, Origin, Outcome, Request};
use ringfence_codec::text::{encode_event, encode_outcome};

use crate::EngineId;
use crate::headers::{self, HEADERS, HeaderChoice};

/// How far a sink is: everything up to a sequence of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The engine whose sequence it is.
    pub engine: EngineId,
    /// The sequence.
    pub sequence: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.engine, self.sequence)
    }
}

impl std::str::FromStr for Position {
    type Err = String;

    /// Reads what `Display` writes: `ENGINE-ID:SEQUENCE`.
    fn from_str(text: &str) -> Result<Position, String> {
        let wrong = || format!("`{text}` is no position: ENGINE-ID:SEQUENCE");
        let (engine, sequence) = text.rsplit_once(':').ok_or_else(wrong)?;
        let sequence = sequence.parse().map_err(|_| wrong())?;
        Ok(Position { engine: EngineId::from_text(engine).ok_or_else(wrong)?, sequence })
    }
}

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// The outcome of a command.
    Outcome,
    /// What a command brought about besides.
    Event {
        /// Its number.
        number: u64,
    },
}

impl RecordKind {
    /// `outcome` or `event`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RecordKind::Outcome => "outcome",
            RecordKind::Event { .. } => "event",
        }
    }
}

/// Fields of a record for names and keys. They come from the command, which must have been asked
/// for; those of an account's or a transfer's creation alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields {
    /// The id that the command names.
    pub id: Option<u128>,
    /// The ledger that it names.
    pub ledger: Option<u32>,
    /// The account that pays; of an account's own commands, the account.
    pub account: Option<u128>,
}

/// An outcome or an event as it leaves for a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The engine.
    pub engine: EngineId,
    /// Sequence of the command.
    pub sequence: u64,
    /// Outcome or event.
    pub kind: RecordKind,
    /// The line of the text format, without its end.
    pub body: Vec<u8>,
    /// Operation of the command; of an event, `-`.
    pub op: &'static str,
    /// Status of the outcome, or type of the event.
    pub status: &'static str,
    /// In nanoseconds since the Unix epoch.
    pub timestamp: u64,
    /// For names and keys.
    pub fields: Fields,
    /// Whose batch it was; `None` where the batch says nothing of itself.
    pub origin: Option<Arc<Origin>>,
}

/// Content type of a record's body.
pub(crate) const BODY_TYPE: &str = "application/json";

impl Record {
    /// The record of an outcome. `bodies` are what a look-up found, `command` its command where
    /// that is known.
    pub(crate) fn outcome(
        engine: &EngineId,
        sequence: u64,
        outcome: &Outcome,
        bodies: &[Event],
        command: Option<&Body>,
    ) -> Record {
        let mut body = Vec::with_capacity(160);
        encode_outcome(sequence, outcome, bodies, &mut body);
        body.pop();
        let op = outcome.op();
        Record {
            engine: engine.clone(),
            sequence,
            kind: RecordKind::Outcome,
            body,
            op: op.name(),
            status: outcome.status().name(),
            timestamp: outcome.timestamp,
            fields: fields_of(op, outcome, command),
            origin: None,
        }
    }

    /// The record of a numbered event.
    pub(crate) fn event(engine: &EngineId, event: &Event) -> Record {
        let mut body = Vec::with_capacity(160);
        encode_event(event, &mut body);
        body.pop();
        Record {
            engine: engine.clone(),
            sequence: event.sequence,
            kind: RecordKind::Event { number: event.number },
            body,
            op: "-",
            status: event.kind().name(),
            timestamp: event.timestamp,
            fields: Fields::default(),
            origin: None,
        }
    }

    /// What recognises it: `ENGINE-ID:SEQUENCE`, of an event `ENGINE-ID:SEQUENCE:EVENT`.
    #[must_use]
    pub fn identity(&self) -> String {
        match self.kind {
            RecordKind::Outcome => format!("{}:{}", self.engine, self.sequence),
            RecordKind::Event { number } => {
                format!("{}:{}:{number}", self.engine, self.sequence)
            }
        }
    }

    /// Content type of the body.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        BODY_TYPE
    }

    /// Name and value of its headers: those of Ringfence, and CloudEvents 1.0 attributes, whose
    /// names begin with `ce_`.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        self.chosen_headers(HeaderChoice::ALL)
    }

    /// Those of its [headers](Record::headers) that are chosen.
    #[must_use]
    pub fn chosen_headers(&self, choice: HeaderChoice) -> Vec<(&'static str, String)> {
        let mut headers = Vec::with_capacity(HEADERS.len());
        self.each_header(choice, |name, value| headers.push((name, value.to_owned())));
        headers
    }

    /// Tells name and value of each of its [headers](Record::headers) that is chosen, and keeps none
    /// of them.
    pub fn each_header(&self, choice: HeaderChoice, mut tell: impl FnMut(&'static str, &str)) {
        let mut text = String::with_capacity(128);
        let mut written = |header: usize, value: fmt::Arguments<'_>| {
            if choice.has(header) {
                text.clear();
                // Writing to memory does not fail.
                let _ = text.write_fmt(value);
                tell(HEADERS[header], &text);
            }
        };
        let Record { engine, sequence, op, status, .. } = self;
        written(headers::SEQUENCE, format_args!("{sequence}"));
        written(headers::OP, format_args!("{op}"));
        written(headers::STATUS, format_args!("{status}"));
        if let Some(Request { session, number, tag, .. }) =
            self.origin.as_ref().map(|it| it.request)
        {
            written(headers::SESSION, format_args!("{session}"));
            written(headers::REQUEST, format_args!("{number}"));
            written(headers::TAG, format_args!("{tag}"));
        }
        written(headers::SPEC_VERSION, format_args!("1.0"));
        match self.kind {
            RecordKind::Outcome => {
                let noun = op.strip_prefix("create_").unwrap_or(op);
                written(headers::ID, format_args!("{engine}:{sequence}"));
                written(headers::TYPE, format_args!("ringfence.{noun}.{status}"));
            }
            RecordKind::Event { number } => {
                written(headers::ID, format_args!("{engine}:{sequence}:{number}"));
                written(headers::TYPE, format_args!("ringfence.event.{status}"));
            }
        }
        written(headers::SOURCE, format_args!("/ringfence/{engine}"));
        written(headers::TIME, format_args!("{}", cloud_time(self.timestamp)));
    }

    /// The outcome of a transfer, for tests.
    #[cfg(test)]
    pub(crate) fn example() -> Record {
        use ringfence_client::types::{Command, Status, Transfer};
        let transfer = Transfer {
            id: 9000,
            debit_account_id: 2,
            credit_account_id: 1,
            ledger: 978,
            ..Transfer::default()
        };
        let command = Command::create_transfer(transfer);
        let outcome = Outcome::of(&command, Status::Created);
        let engine = EngineId::new([7; 16], 0);
        Record::outcome(&engine, 17, &outcome, &[], Some(&command.body))
    }
}

fn fields_of(op: Op, outcome: &Outcome, command: Option<&Body>) -> Fields {
    let id = op.has_id().then_some(outcome.id);
    let (ledger, account) = match (op, command) {
        (Op::CreateTransfer, Some(body)) => {
            let transfer = body.transfer();
            (Some(transfer.ledger), Some(transfer.debit_account_id))
        }
        (Op::CreateAccount, Some(body)) => (Some(body.account().ledger), Some(body.account().id)),
        (Op::LookupAccount | Op::LookupQueue, _) => (None, Some(outcome.id)),
        _ => (None, None),
    };
    Fields { id, ledger, account }
}

/// RFC 3339, with nanoseconds.
fn cloud_time(nanoseconds: u64) -> humantime::Rfc3339Timestamp {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(nanoseconds);
    humantime::format_rfc3339_nanos(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_position_name_engine_and_sequence() {
        let record = Record::example();
        let engine = "07".repeat(16);
        assert_eq!(record.identity(), format!("{engine}.0:17"));
        let position = Position { engine: record.engine, sequence: 17 };
        assert_eq!(position.to_string().parse(), Ok(position));
        assert!("17".parse::<Position>().is_err());
        assert!(format!("{engine}:17").parse::<Position>().is_err());
    }

    #[test]
    fn headers_are_those_of_ringfence_and_of_cloud_events() {
        let headers = Record::example().headers();
        let value = |name: &str| {
            let found = headers.iter().find(|(header, _)| *header == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(value("ringfence-sequence"), Some("17"));
        assert_eq!(value("ringfence-op"), Some("create_transfer"));
        assert_eq!(value("ringfence-status"), Some("created"));
        assert_eq!(value("ce_type"), Some("ringfence.transfer.created"));
        assert_eq!(value("ce_time"), Some("1970-01-01T00:00:00.000000000Z"));
        assert_eq!(value("ringfence-tag"), None);
    }

    #[test]
    fn a_sink_that_chooses_headers_sends_these_and_the_identity() {
        let config = "[engine]\nconnect = \"unix:x\"\n[[sink]]\nname = \"s\"\nprotocol = \"p\"\n\
                      headers = [\"ringfence-status\"]\n";
        let mut config = crate::Config::parse("bridge.toml", config).unwrap();
        let (_, _, mut keys) = config.sinks.pop().unwrap();
        let choice = HeaderChoice::configure(&mut keys);
        let headers = Record::example().chosen_headers(choice);
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["ringfence-status", "ce_id"]);
    }
}
