//! The first message of each side.

use std::ops::RangeInclusive;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Violation;
use super::message::{self, HEADER_BYTES, MessageHeader, kind};

/// The version of the protocol that this program speaks.
pub const PROTOCOL_VERSION: u32 = 3;
/// Longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 512;

const MAGIC: [u8; 8] = *b"RINGFNCE";
/// Where the version lies behind the header, in every version.
const VERSION_AT: usize = 8;
/// Length of a hello of any version, in bytes, so that each side can name the version of the other.
const HELLO_BYTES: RangeInclusive<usize> = 48..=1024;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Mode {
    /// The client sends batches.
    #[default]
    Commands = 0,
    /// The client follows what happens.
    Subscription = 1,
}

impl Mode {
    fn from_number(number: u8) -> Result<Mode, Violation> {
        match number {
            0 => Ok(Mode::Commands),
            1 => Ok(Mode::Subscription),
            _ => Err(Violation::BadValue("mode")),
        }
    }
}

/// The first message of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientHello {
    /// What the connection is for.
    pub mode: Mode,
    /// Identity of the session; 0: without a name, so that it cannot be resumed.
    pub session: u128,
    /// Whether the engine must know the session already.
    pub resume: bool,
    /// The last outcome of this session that the client has dealt with; those after it are wanted.
    pub last_sequence: u64,
    /// The journal that the client expects; zeros for any.
    pub journal: [u8; 16],
    /// The epoch that it expects, where it expects a journal.
    pub epoch: u32,
    /// Most commands sent and not yet answered that it asks for; 0 for as many as the engine likes.
    pub in_flight_commands_max: u32,
    /// Whether it is told what its commands bring about besides their outcomes.
    pub events: bool,
    /// What proves who it is, at most [`TOKEN_BYTES_MAX`] bytes; empty for none.
    pub token: Vec<u8>,
}

/// The first message of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineHello {
    /// What the connection is for, repeated.
    pub mode: Mode,
    /// Most commands in one batch.
    pub batch_commands_max: u32,
    /// Most commands sent and not yet answered: with more the engine reads no further.
    pub in_flight_commands_max: u32,
    /// How long the client may be silent, in milliseconds.
    pub idle_timeout_ms: u32,
    /// Of a session: the sequence of its last command that was taken in. Of a subscription: that of
    /// the last command published. 0 if there is none.
    pub last_sequence: u64,
    /// Identity of the journal; zeros where the engine keeps none.
    pub journal: [u8; 16],
    /// How many repairs gave up commands that had been acknowledged.
    pub epoch: u32,
    /// The last request of the session that was taken in, 0 if there is none.
    pub last_request: u64,
    /// Whether the engine knew the session.
    pub is_known: bool,
    /// Whether events are sent.
    pub events: bool,
    /// The outcomes that are sent again begin after this sequence: the one that the client named,
    /// or a later one where the log no longer reaches back so far.
    pub resumes_after: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct ClientHelloBody {
    magic: [u8; 8],
    version: u32,
    in_flight_commands_max: u32,
    session: u128,
    journal: [u8; 16],
    last_sequence: u64,
    epoch: u32,
    mode: u8,
    resume: u8,
    events: u8,
    reserved: u8,
    reserved_more: u128,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct EngineHelloBody {
    magic: [u8; 8],
    version: u32,
    batch_commands_max: u32,
    in_flight_commands_max: u32,
    idle_timeout_ms: u32,
    last_sequence: u64,
    journal: [u8; 16],
    last_request: u64,
    epoch: u32,
    mode: u8,
    is_known: u8,
    events: u8,
    reserved: u8,
    resumes_after: u64,
    reserved_more: u64,
}

const _: () = assert!(size_of::<ClientHelloBody>() == 80);
const _: () = assert!(size_of::<EngineHelloBody>() == 80);
const _: () =
    assert!(HEADER_BYTES + size_of::<ClientHelloBody>() + TOKEN_BYTES_MAX <= *HELLO_BYTES.end());

/// Appends the hello of a client.
///
/// # Panics
///
/// If the token is longer than [`TOKEN_BYTES_MAX`].
pub fn encode_client_hello(hello: &ClientHello, out: &mut Vec<u8>) {
    assert!(hello.token.len() <= TOKEN_BYTES_MAX);
    let start = message::begin(kind::HELLO, 0, hello.token.len() as u16, out);
    let body = ClientHelloBody {
        magic: MAGIC,
        version: PROTOCOL_VERSION,
        in_flight_commands_max: hello.in_flight_commands_max,
        session: hello.session,
        journal: hello.journal,
        last_sequence: hello.last_sequence,
        epoch: hello.epoch,
        mode: hello.mode as u8,
        resume: u8::from(hello.resume),
        events: u8::from(hello.events),
        reserved: 0,
        reserved_more: 0,
    };
    out.extend_from_slice(body.as_bytes());
    out.extend_from_slice(&hello.token);
    out.resize(out.len() + hello.token.len().next_multiple_of(16) - hello.token.len(), 0);
    message::end(start, out);
}

/// Appends the hello of an engine.
pub fn encode_engine_hello(hello: &EngineHello, out: &mut Vec<u8>) {
    let start = message::begin(kind::HELLO, 0, 0, out);
    let body = EngineHelloBody {
        magic: MAGIC,
        version: PROTOCOL_VERSION,
        batch_commands_max: hello.batch_commands_max,
        in_flight_commands_max: hello.in_flight_commands_max,
        idle_timeout_ms: hello.idle_timeout_ms,
        last_sequence: hello.last_sequence,
        journal: hello.journal,
        last_request: hello.last_request,
        epoch: hello.epoch,
        mode: hello.mode as u8,
        is_known: u8::from(hello.is_known),
        events: u8::from(hello.events),
        reserved: 0,
        resumes_after: hello.resumes_after,
        reserved_more: 0,
    };
    out.extend_from_slice(body.as_bytes());
    message::end(start, out);
}

/// Checks the header of the first message; `body` is what has come of the rest. Anything but a
/// hello, of whatever version, is another protocol.
pub(super) fn check_header(header: &MessageHeader, body: &[u8]) -> Result<(), Violation> {
    let length = header.length as usize;
    let is_hello = header.kind == kind::HELLO
        && HELLO_BYTES.contains(&length)
        && length.is_multiple_of(HEADER_BYTES);
    if !is_hello {
        return Err(Violation::BadMagic);
    }
    match body.split_first_chunk() {
        // One of another version is waited for: its checksum tells if it is that.
        Some((magic, version)) if *magic == MAGIC && is_spoken(version) => {
            let token_bytes = usize::from(header.count);
            if token_bytes > TOKEN_BYTES_MAX {
                return Err(Violation::BadCount(header.count));
            }
            header.expect_body(body_bytes(token_bytes))
        }
        _ => Ok(()),
    }
}

/// Whether these bytes begin with the version of this program.
fn is_spoken(bytes: &[u8]) -> bool {
    bytes.starts_with(&PROTOCOL_VERSION.to_le_bytes())
}

/// Bytes behind the header of a hello with such a token.
fn body_bytes(token_bytes: usize) -> usize {
    size_of::<ClientHelloBody>() + token_bytes.next_multiple_of(HEADER_BYTES)
}

/// Checks magic and version, which lie at one place in every version. [`check_header`] has checked
/// the length of a hello of this one.
fn check_version(header: &MessageHeader, body: &[u8]) -> Result<(), Violation> {
    if body[..VERSION_AT] != MAGIC {
        return Err(Violation::BadMagic);
    }
    let version = body[VERSION_AT..VERSION_AT + 4].try_into().expect("a hello is longer");
    let version = u32::from_le_bytes(version);
    if version != PROTOCOL_VERSION {
        return Err(Violation::UnsupportedVersion(version));
    }
    if header.op != 0 {
        return Err(Violation::ReservedNotZero("header"));
    }
    Ok(())
}

fn flag(number: u8, name: &'static str) -> Result<bool, Violation> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Violation::BadValue(name)),
    }
}

/// Reads the body of a client's message that [`check_header`] let pass.
pub(super) fn decode_client(header: &MessageHeader, body: &[u8]) -> Result<ClientHello, Violation> {
    check_version(header, body)?;
    let (hello, padded) = ClientHelloBody::read_from_prefix(body).expect("length checked");
    let (token, padding) = padded.split_at(header.count.into());
    let is_zero = hello.reserved == 0 && hello.reserved_more == 0;
    if !is_zero || padding.iter().any(|byte| *byte != 0) {
        return Err(Violation::ReservedNotZero("hello"));
    }
    Ok(ClientHello {
        mode: Mode::from_number(hello.mode)?,
        session: hello.session,
        resume: flag(hello.resume, "resume")?,
        last_sequence: hello.last_sequence,
        journal: hello.journal,
        epoch: hello.epoch,
        in_flight_commands_max: hello.in_flight_commands_max,
        events: flag(hello.events, "events")?,
        token: token.to_vec(),
    })
}

/// Reads the body of an engine's message that [`check_header`] let pass.
pub(super) fn decode_engine(header: &MessageHeader, body: &[u8]) -> Result<EngineHello, Violation> {
    check_version(header, body)?;
    if header.count != 0 {
        return Err(Violation::BadCount(header.count));
    }
    let hello = EngineHelloBody::read_from_bytes(body).expect("length checked");
    if hello.reserved != 0 || hello.reserved_more != 0 {
        return Err(Violation::ReservedNotZero("hello"));
    }
    Ok(EngineHello {
        mode: Mode::from_number(hello.mode)?,
        batch_commands_max: hello.batch_commands_max,
        in_flight_commands_max: hello.in_flight_commands_max,
        idle_timeout_ms: hello.idle_timeout_ms,
        last_sequence: hello.last_sequence,
        journal: hello.journal,
        epoch: hello.epoch,
        last_request: hello.last_request,
        is_known: flag(hello.is_known, "known")?,
        events: flag(hello.events, "events")?,
        resumes_after: hello.resumes_after,
    })
}
