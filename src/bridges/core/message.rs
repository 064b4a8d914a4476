//! Messages into batches of commands.

use ringfence_client::types::{BATCH_COMMANDS_MAX, Body, Command, Header, Op};
use ringfence_codec::text::{Clock, Decoder, Input};
use zerocopy::FromBytes;

use crate::Identity;

/// Length of a record of the binary form: a header of 16 bytes, of which only the operation counts,
/// and the 128 bytes of the command's body.
const RECORD_BYTES: usize = 144;
/// Where the operation lies in the header of a record.
const OP_AT: usize = 14;

const _: () = assert!(size_of::<Header>() + size_of::<Body>() == RECORD_BYTES);
const _: () = assert!(std::mem::offset_of!(Header, op) == OP_AT);

/// Media types of one JSON value, besides none.
const JSON_TYPES: [&str; 5] =
    ["application/json", "", "text/json", "text/plain", "application/octet-stream"];
/// Media types of lines of JSON.
const JSON_LINES_TYPES: [&str; 2] = ["application/x-ndjson", "application/jsonl"];
/// Media type of records.
const RECORDS_TYPE: &str = "application/vnd.ringfence.commands";

/// A message as it comes from a broker. `H` is what its source needs to acknowledge it.
#[derive(Debug)]
pub struct Message<H> {
    /// Its body.
    pub body: Vec<u8>,
    /// What the body is.
    pub content_type: ContentType,
    /// What it is recognised by when it comes again.
    pub identity: Identity,
    /// Comes back in [`crate::Settled`].
    pub handle: H,
}

/// A message whose body its source has read already: one batch.
#[derive(Debug)]
pub struct Batch<H> {
    /// Its commands, as [`decode_batch`] read them.
    pub commands: Vec<Command>,
    /// Whether they were written as an array.
    pub is_array: bool,
    /// What the body was.
    pub content_type: ContentType,
    /// What it is recognised by when it comes again.
    pub identity: Identity,
    /// Comes back in [`crate::Settled`].
    pub handle: H,
}

/// A message on its way into the engine.
#[derive(Debug)]
pub enum Given<H> {
    /// As it came.
    Message(Message<H>),
    /// Read already.
    Batch(Batch<H>),
}

impl<H> Given<H> {
    pub(crate) fn identity(&self) -> &Identity {
        match self {
            Given::Message(message) => &message.identity,
            Given::Batch(batch) => &batch.identity,
        }
    }

    pub(crate) fn into_handle(self) -> H {
        match self {
            Given::Message(message) => message.handle,
            Given::Batch(batch) => batch.handle,
        }
    }
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentType {
    /// One JSON value: a command, or an array of commands of one operation.
    #[default]
    Json,
    /// Lines, each a JSON value as above: a batch each.
    JsonLines,
    /// Records of 144 bytes as the protocol's batches have them: one batch.
    Records,
}

impl ContentType {
    /// By its media type; parameters such as `charset` are passed over. JSON where nothing is said.
    ///
    /// # Errors
    ///
    /// If it is none of those that are read.
    pub fn parse(media_type: Option<&str>) -> Result<ContentType, Malformed> {
        let Some(text) = media_type else { return Ok(ContentType::Json) };
        let name = text.split(';').next().unwrap_or_default().trim();
        let is_one_of = |names: &[&str]| names.iter().any(|it| it.eq_ignore_ascii_case(name));
        if is_one_of(&JSON_TYPES) {
            return Ok(ContentType::Json);
        }
        if is_one_of(&JSON_LINES_TYPES) {
            return Ok(ContentType::JsonLines);
        }
        if is_one_of(&[RECORDS_TYPE]) {
            return Ok(ContentType::Records);
        }
        Err(Malformed {
            kind: "content-type",
            reason: format!(
                "content type `{}`: what is read is application/json, \
                     application/x-ndjson and application/vnd.ringfence.commands",
                name.to_ascii_lowercase()
            ),
            line: None,
            column: None,
            field: None,
        })
    }
}

/// Why a message is no batch. It goes to the dead letters with this in its headers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Malformed {
    /// For metrics: one of a few words.
    pub kind: &'static str,
    /// What is wrong, for a person.
    pub reason: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The column of the first character of what is wrong, from 1.
    pub column: Option<usize>,
    /// The field that is wrong.
    pub field: Option<String>,
}

impl Malformed {
    fn of(kind: &'static str, reason: impl Into<String>) -> Malformed {
        Malformed { kind, reason: reason.into(), line: None, column: None, field: None }
    }

    /// A header that says nothing that can be used.
    pub(crate) fn of_header(name: &str, why: &str) -> Malformed {
        Malformed::of("header", format!("header {name}: {why}"))
    }

    /// A body that is longer than allowed, in bytes.
    #[must_use]
    pub fn too_long(bytes: usize, bytes_max: usize) -> Malformed {
        Malformed::of("too-long", format!("body of {bytes} bytes, at most {bytes_max} are read"))
    }

    /// A message with an offset that has more than one batch: it has only one request number.
    #[must_use]
    pub fn several_batches() -> Malformed {
        Malformed::of(
            "several-batches",
            "a message of this source is one batch: one line, or an array",
        )
    }

    /// Name and value of the headers that a dead letter carries.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("ringfence-error", self.reason.clone())];
        headers.extend(self.line.map(|line| ("ringfence-error-line", line.to_string())));
        headers.extend(self.column.map(|column| ("ringfence-error-column", column.to_string())));
        headers.extend(self.field.clone().map(|field| ("ringfence-error-field", field)));
        headers
    }
}

/// The batches of a body: at least one.
///
/// # Errors
///
/// What is wrong with it; nothing of it is executed then.
pub(crate) fn decode(
    body: &[u8],
    content_type: ContentType,
) -> Result<Vec<Vec<Command>>, Malformed> {
    match content_type {
        // A value may stand on several lines: an end of line is white space to JSON.
        ContentType::Json => decode_json(body, None).map(|batch| vec![batch]),
        ContentType::JsonLines => lines(body),
        ContentType::Records => decode_records(body).map(|batch| vec![batch]),
    }
}

/// Reads a body that is one batch of at most `bytes_max` bytes; `None` where it is not: given as a
/// [`Message`], it comes back with what is wrong.
#[must_use]
pub fn decode_batch(
    body: &[u8],
    content_type: ContentType,
    bytes_max: usize,
) -> Option<Vec<Command>> {
    if body.len() > bytes_max {
        return None;
    }
    let mut batches = decode(body, content_type).ok()?.into_iter();
    batches.next().filter(|_| batches.len() == 0)
}

/// Whether a batch that was read from `body` was written as an array.
#[must_use]
pub fn is_array(body: &[u8], commands: &[Command]) -> bool {
    commands.len() > 1 || body.trim_ascii_start().first() == Some(&b'[')
}

/// The batch of a JSON value whose objects may leave out `op` where one is `implied`. A value may
/// stand on several lines.
///
/// # Errors
///
/// What is wrong with it.
pub fn decode_json(body: &[u8], implied: Option<Op>) -> Result<Vec<Command>, Malformed> {
    let decoder = Decoder::new(Clock::System);
    let decoder = match implied {
        Some(op) => decoder.with_op(op),
        None => decoder,
    };
    let mut batch = Vec::new();
    match json(&decoder, body, &mut batch)? {
        true => Ok(batch),
        false => Err(Malformed::of("empty", "the body is empty")),
    }
}

/// Whether there is a batch in `text`.
fn json(decoder: &Decoder, text: &[u8], batch: &mut Vec<Command>) -> Result<bool, Malformed> {
    match decoder.decode(text, batch) {
        Ok(Input::Batch) => Ok(true),
        Ok(Input::Blank) => Ok(false),
        Ok(Input::AdvanceClock { .. }) => unreachable!("the clock is not manual"),
        Err(error) => {
            let reason = error.to_string();
            let (line, column) = match error.column() {
                Some(column) => place(text, column),
                None => (1, None),
            };
            let reason = match error.column().zip(column).filter(|_| line > 1) {
                // It counts from the beginning of the value.
                Some((of_all, of_line)) => {
                    let place = format!(" at line {line}, column {of_line}");
                    reason.replace(&format!(" at column {of_all}"), &place)
                }
                None => reason,
            };
            let field = field_in(&reason);
            Err(Malformed { kind: "malformed", reason, line: Some(line), column, field })
        }
    }
}

/// Line and column of the `column`th character of a text with ends of lines in it.
fn place(text: &[u8], column: usize) -> (u64, Option<usize>) {
    let text = String::from_utf8_lossy(text);
    let (mut line, mut in_line) = (1, 1);
    for character in text.chars().take(column - 1) {
        in_line += 1;
        if character == '\n' {
            (line, in_line) = (line + 1, 1);
        }
    }
    (line, Some(in_line))
}

/// The field that an error speaks of: errors name it as "field `amount`".
fn field_in(reason: &str) -> Option<String> {
    let (_, rest) = reason.split_once("field `")?;
    Some(rest.split_once('`')?.0.to_owned())
}

fn lines(body: &[u8]) -> Result<Vec<Vec<Command>>, Malformed> {
    let mut batches = Vec::new();
    for (number, line) in (1..).zip(body.split(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut batch = Vec::new();
        match json(&Decoder::new(Clock::System), line, &mut batch) {
            Ok(true) => batches.push(batch),
            Ok(false) => {}
            Err(malformed) => return Err(Malformed { line: Some(number), ..malformed }),
        }
    }
    if batches.is_empty() {
        return Err(Malformed::of("empty", "the body is empty"));
    }
    Ok(batches)
}

/// The batch of a body of records of 144 bytes.
///
/// # Errors
///
/// What is wrong with it.
pub fn decode_records(body: &[u8]) -> Result<Vec<Command>, Malformed> {
    let wrong = |reason: String| Malformed::of("malformed", reason);
    if body.is_empty() {
        return Err(Malformed::of("empty", "the body is empty"));
    }
    if !body.len().is_multiple_of(RECORD_BYTES) {
        let bytes = body.len();
        return Err(wrong(format!("body of {bytes} bytes: records have {RECORD_BYTES}")));
    }
    if body.len() / RECORD_BYTES > BATCH_COMMANDS_MAX {
        return Err(wrong(format!("batch of more than {BATCH_COMMANDS_MAX} commands")));
    }
    let mut batch = Vec::with_capacity(body.len() / RECORD_BYTES);
    for (index, record) in body.chunks_exact(RECORD_BYTES).enumerate() {
        let number = record[OP_AT];
        let Some(op) = Op::from_number(number).filter(|op| op.is_public()) else {
            return Err(wrong(format!("record {index}: unknown operation {number}")));
        };
        if number != body[OP_AT] {
            return Err(wrong(format!("record {index}: a batch has one operation")));
        }
        let (_, command) = record.split_at(RECORD_BYTES - size_of::<Body>());
        let body = Body::read_from_bytes(command).expect("it has the length of a body");
        batch.push(Command { header: Header { op: op as u8, ..Header::default() }, body });
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::IntoBytes;

    const LOOK_UP: &str = r#"{"op":"lookup_account","id":"7"}"#;

    fn decoded(content_type: ContentType, body: &[u8]) -> Result<Vec<usize>, Malformed> {
        decode(body, content_type).map(|batches| batches.iter().map(Vec::len).collect())
    }

    #[test]
    fn bodies_become_batches() {
        let array = format!("[{LOOK_UP},\n{LOOK_UP}]");
        let lines = format!("{LOOK_UP}\r\n\n{array}\n").replace(",\n", ",");
        let record = Command::lookup_account(ringfence_client::types::Lookup {
            id: 7,
            ..Default::default()
        });
        let records = [record.as_bytes(), record.as_bytes()].concat();
        let cases = [
            ("one", ContentType::Json, LOOK_UP.as_bytes(), vec![1]),
            ("array", ContentType::Json, array.as_bytes(), vec![2]),
            ("lines", ContentType::JsonLines, lines.as_bytes(), vec![1, 2]),
            ("records", ContentType::Records, &records, vec![2]),
        ];
        for (name, content_type, body, batches) in cases {
            assert_eq!(decoded(content_type, body), Ok(batches), "{name}");
        }
        assert_eq!(decode(&records, ContentType::Records).unwrap()[0][1].id(), 7);
    }

    #[test]
    fn mistakes_are_named_with_line_column_and_field() {
        let bad = r#"{"op":"lookup_account","id":true}"#;
        let spread = "{\"op\":\"lookup_account\",\n \"id\":true}";
        let lines = format!("{LOOK_UP}\n{bad}");
        //  name        content type             body      line     column    field
        let cases = [
            ("one line", ContentType::Json, bad, Some(1), Some(29), Some("id")),
            ("two lines", ContentType::Json, spread, Some(2), Some(7), Some("id")),
            ("second of two", ContentType::JsonLines, &lines, Some(2), Some(29), Some("id")),
            ("empty", ContentType::Json, " ", None, None, None),
            ("records", ContentType::Records, "abc", None, None, None),
        ];
        for (name, content_type, body, line, column, field) in cases {
            let malformed = decode(body.as_bytes(), content_type).unwrap_err();
            assert_eq!(malformed.line, line, "{name}: {malformed}");
            assert_eq!(malformed.column, column, "{name}: {malformed}");
            let place = column.map_or(String::new(), |column| format!("column {column}"));
            assert!(malformed.reason.ends_with(&place), "{name}: {malformed}");
            assert_eq!(malformed.field.as_deref(), field, "{name}: {malformed}");
        }
    }

    #[test]
    fn media_types_are_known_with_and_without_parameters() {
        let parse = |text| ContentType::parse(Some(text)).ok();
        assert_eq!(ContentType::parse(None), Ok(ContentType::Json));
        assert_eq!(parse("application/json; charset=utf-8"), Some(ContentType::Json));
        assert_eq!(parse("Application/X-NDJSON"), Some(ContentType::JsonLines));
        assert_eq!(parse("application/vnd.ringfence.commands"), Some(ContentType::Records));
        assert_eq!(parse("application/xml"), None);
    }
}
