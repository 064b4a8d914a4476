//! What a connection that follows the engine says and is told besides outcomes and events.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Violation;
use super::message::{self, MessageHeader, kind};
use ringfence_types::{BATCH_COMMANDS_MAX, Body, Op, Origin, Request};

/// Most ledgers and accounts together in the filter of a subscription.
pub const FILTER_ENTRIES_MAX: usize = 1024;

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// After this sequence.
    After(u64),
    /// From now on.
    Now,
    /// After what was acknowledged under the subscription's name.
    Acknowledged,
}

/// What a subscriber asks for. Filters are joined by "and", the values of one by "or"; an empty one
/// lets everything pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Where it begins.
    pub start: Start,
    /// The name under which the engine remembers what is acknowledged; 0: none.
    pub name: u128,
    /// Whether outcomes are sent.
    pub outcomes: bool,
    /// Whether numbered events are sent.
    pub events: bool,
    /// Whether the bodies of commands are sent.
    pub commands: bool,
    /// Whether what was refused is left out.
    pub only_successes: bool,
    /// Operations: bit *n* is operation *n*; 0: all.
    pub operations: u64,
    /// Ledgers.
    pub ledgers: Vec<u32>,
    /// Accounts.
    pub accounts: Vec<u128>,
}

impl Subscribe {
    /// All outcomes, and nothing else, without a name.
    #[must_use]
    pub fn outcomes(start: Start) -> Subscribe {
        Subscribe {
            start,
            name: 0,
            outcomes: true,
            events: false,
            commands: false,
            only_successes: false,
            operations: 0,
            ledgers: Vec::new(),
            accounts: Vec::new(),
        }
    }
}

/// The engine's answer to [`Subscribe`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Default,
)]
#[repr(C)]
pub struct Subscribed {
    /// What comes after this sequence is sent.
    pub after_sequence: u64,
    /// The oldest outcome that can be had.
    pub oldest_sequence: u64,
    /// The last command published.
    pub last_sequence: u64,
    /// Zero.
    pub reserved: u64,
}

/// How far a subscription is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Default,
)]
#[repr(C)]
pub struct Progress {
    /// Everything up to here was looked at, and what passes the filter was sent.
    pub sequence: u64,
    /// The last command published.
    pub last_sequence: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct SubscribeHead {
    after_sequence: u64,
    reserved: u64,
    name: u128,
    wants: u8,
    only_successes: u8,
    start: u8,
    reserved_more: u8,
    ledgers: u16,
    accounts: u16,
    operations: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Acknowledge {
    sequence: u64,
    reserved: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct OriginBody {
    first_sequence: u64,
    first_timestamp: u64,
    session: u128,
    tag: u128,
    number: u64,
    commands: u32,
    op: u8,
    reserved: [u8; 3],
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct CommandsHead {
    first_sequence: u64,
    first_timestamp: u64,
}

const _: () = assert!(size_of::<SubscribeHead>() == 48);
const _: () = assert!(size_of::<Subscribed>() == 32);
const _: () = assert!(size_of::<Acknowledge>() == 16);
const _: () = assert!(size_of::<OriginBody>() == 64);
const _: () = assert!(size_of::<Progress>() == 16);

const WANTS_OUTCOMES: u8 = 1;
const WANTS_EVENTS: u8 = 2;
const WANTS_COMMANDS: u8 = 4;

fn append(kind: u8, op: u8, count: u16, parts: &[&[u8]], out: &mut Vec<u8>) {
    let start = message::begin(kind, op, count, out);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    message::end(start, out);
}

/// Appends a request for a subscription.
///
/// # Panics
///
/// If it names more than [`FILTER_ENTRIES_MAX`] ledgers and accounts.
pub fn encode_subscribe(subscribe: &Subscribe, out: &mut Vec<u8>) {
    let entries = subscribe.ledgers.len() + subscribe.accounts.len();
    assert!(entries <= FILTER_ENTRIES_MAX);
    let (start, after_sequence) = match subscribe.start {
        Start::After(sequence) => (0, sequence),
        Start::Now => (1, 0),
        Start::Acknowledged => (2, 0),
    };
    let want = |wanted: bool, bit: u8| if wanted { bit } else { 0 };
    let head = SubscribeHead {
        after_sequence,
        reserved: 0,
        name: subscribe.name,
        wants: want(subscribe.outcomes, WANTS_OUTCOMES)
            | want(subscribe.events, WANTS_EVENTS)
            | want(subscribe.commands, WANTS_COMMANDS),
        only_successes: u8::from(subscribe.only_successes),
        start,
        reserved_more: 0,
        ledgers: subscribe.ledgers.len() as u16,
        accounts: subscribe.accounts.len() as u16,
        operations: subscribe.operations,
    };
    let ledgers = subscribe.ledgers.iter().map(|&ledger| u128::from(ledger));
    let filter: Vec<u128> = ledgers.chain(subscribe.accounts.iter().copied()).collect();
    let parts = [head.as_bytes(), filter.as_bytes()];
    append(kind::SUBSCRIBE, 0, entries as u16, &parts, out);
}

/// Appends the answer to a request for a subscription.
pub fn encode_subscribed(subscribed: &Subscribed, out: &mut Vec<u8>) {
    append(kind::SUBSCRIBE, 0, 0, &[subscribed.as_bytes()], out);
}

/// Appends an acknowledgement: everything up to `sequence` was dealt with.
pub fn encode_acknowledge(sequence: u64, out: &mut Vec<u8>) {
    let body = Acknowledge { sequence, reserved: 0 };
    append(kind::ACKNOWLEDGE, 0, 0, &[body.as_bytes()], out);
}

/// Appends a sign of life.
pub fn encode_heartbeat(out: &mut Vec<u8>) {
    append(kind::HEARTBEAT, 0, 0, &[], out);
}

/// Appends whose the batch is whose outcomes follow.
pub fn encode_origin(origin: &Origin, out: &mut Vec<u8>) {
    let body = OriginBody {
        first_sequence: origin.first_sequence,
        first_timestamp: origin.first_timestamp,
        session: origin.request.session,
        tag: origin.request.tag,
        number: origin.request.number,
        commands: origin.commands,
        op: origin.op,
        reserved: [0; 3],
    };
    append(kind::ORIGIN, 0, 0, &[body.as_bytes()], out);
}

/// Appends how far a subscription is.
pub fn encode_progress(progress: &Progress, out: &mut Vec<u8>) {
    append(kind::PROGRESS, 0, 0, &[progress.as_bytes()], out);
}

/// Appends the bodies of consecutive commands of one batch.
///
/// # Panics
///
/// If they are none or more than [`BATCH_COMMANDS_MAX`].
pub fn encode_commands<'a>(
    op: Op,
    first_sequence: u64,
    first_timestamp: u64,
    bodies: impl ExactSizeIterator<Item = &'a Body>,
    out: &mut Vec<u8>,
) {
    assert!((1..=BATCH_COMMANDS_MAX).contains(&bodies.len()));
    let start = message::begin(kind::COMMANDS, op as u8, bodies.len() as u16, out);
    out.extend_from_slice(CommandsHead { first_sequence, first_timestamp }.as_bytes());
    bodies.for_each(|body| out.extend_from_slice(body.as_bytes()));
    message::end(start, out);
}

/// Checks the header of what a client says in a subscription.
pub(super) fn check_client_header(
    header: &MessageHeader,
    has_subscribed: bool,
) -> Result<(), Violation> {
    match header.kind {
        kind::SUBSCRIBE if !has_subscribed => {
            if header.op != 0 {
                return Err(Violation::ReservedNotZero("header"));
            }
            let entries = usize::from(header.count);
            if entries > FILTER_ENTRIES_MAX {
                return Err(Violation::BadCount(header.count));
            }
            header.expect_body(size_of::<SubscribeHead>() + entries * size_of::<u128>())
        }
        kind::ACKNOWLEDGE if has_subscribed => {
            header.expect_no_records()?;
            header.expect_body(size_of::<Acknowledge>())
        }
        other => Err(Violation::UnexpectedMessage(other)),
    }
}

/// Reads a request for a subscription whose header was checked.
pub(super) fn decode_subscribe(
    header: &MessageHeader,
    body: &[u8],
) -> Result<Subscribe, Violation> {
    let (head, entries) = SubscribeHead::read_from_prefix(body).expect("length checked");
    if head.reserved != 0 || head.reserved_more != 0 {
        return Err(Violation::ReservedNotZero("subscribe"));
    }
    if head.wants & !(WANTS_OUTCOMES | WANTS_EVENTS | WANTS_COMMANDS) != 0 {
        return Err(Violation::BadValue("wants"));
    }
    if head.only_successes > 1 {
        return Err(Violation::BadValue("only_successes"));
    }
    let start = match head.start {
        0 => Start::After(head.after_sequence),
        _ if head.after_sequence != 0 => return Err(Violation::BadValue("after_sequence")),
        1 => Start::Now,
        2 if head.name == 0 => return Err(Violation::BadValue("name")),
        2 => Start::Acknowledged,
        _ => return Err(Violation::BadValue("start")),
    };
    if usize::from(head.ledgers) + usize::from(head.accounts) != usize::from(header.count) {
        return Err(Violation::BadCount(header.count));
    }
    let (ledgers, accounts) = entries.split_at(usize::from(head.ledgers) * size_of::<u128>());
    let values = |bytes: &[u8]| -> Vec<u128> {
        let entries = bytes.chunks_exact(size_of::<u128>());
        entries.map(|entry| u128::read_from_bytes(entry).expect("it has 16 bytes")).collect()
    };
    let ledgers: Result<Vec<u32>, _> = values(ledgers).into_iter().map(u32::try_from).collect();
    Ok(Subscribe {
        start,
        name: head.name,
        outcomes: head.wants & WANTS_OUTCOMES != 0,
        events: head.wants & WANTS_EVENTS != 0,
        commands: head.wants & WANTS_COMMANDS != 0,
        only_successes: head.only_successes == 1,
        operations: head.operations,
        ledgers: ledgers.map_err(|_| Violation::BadValue("ledger"))?,
        accounts: values(accounts),
    })
}

/// Reads an acknowledgement whose header was checked: the sequence.
pub(super) fn decode_acknowledge(body: &[u8]) -> Result<u64, Violation> {
    let body = Acknowledge::read_from_bytes(body).expect("length checked");
    if body.reserved != 0 {
        return Err(Violation::ReservedNotZero("acknowledge"));
    }
    Ok(body.sequence)
}

/// Bytes that follow the header of a message of this kind from the engine, if it is one of this
/// file.
pub(super) fn engine_body_bytes(header: &MessageHeader) -> Result<Option<usize>, Violation> {
    let bytes = match header.kind {
        kind::COMMANDS => {
            if Op::from_number(header.op).is_none() {
                return Err(Violation::BadOp(header.op));
            }
            let bodies = header.expect_count()? * size_of::<Body>();
            return Ok(Some(size_of::<CommandsHead>() + bodies));
        }
        kind::SUBSCRIBE => size_of::<Subscribed>(),
        kind::ORIGIN => size_of::<OriginBody>(),
        kind::PROGRESS => size_of::<Progress>(),
        kind::HEARTBEAT => 0,
        _ => return Ok(None),
    };
    header.expect_no_records()?;
    Ok(Some(bytes))
}

/// Reads whose a batch is.
pub(super) fn decode_origin(body: &[u8]) -> Result<Origin, Violation> {
    let body = OriginBody::read_from_bytes(body).expect("length checked");
    if body.reserved != [0; 3] {
        return Err(Violation::ReservedNotZero("origin"));
    }
    if Op::from_number(body.op).is_none() {
        return Err(Violation::BadOp(body.op));
    }
    if !(1..=BATCH_COMMANDS_MAX as u32).contains(&body.commands) {
        return Err(Violation::BadValue("commands"));
    }
    let OriginBody { session, tag, number, .. } = body;
    Ok(Origin {
        request: Request { session, tag, number, reserved: 0 },
        first_sequence: body.first_sequence,
        first_timestamp: body.first_timestamp,
        commands: body.commands,
        op: body.op,
        ..Origin::default()
    })
}

/// Reads the answer to a request for a subscription.
pub(super) fn decode_subscribed(body: &[u8]) -> Result<Subscribed, Violation> {
    let body = Subscribed::read_from_bytes(body).expect("length checked");
    if body.reserved != 0 {
        return Err(Violation::ReservedNotZero("subscribed"));
    }
    Ok(body)
}

/// Reads how far a subscription is.
pub(super) fn decode_progress(body: &[u8]) -> Progress {
    Progress::read_from_bytes(body).expect("length checked")
}

/// Reads the bodies of commands: sequence and timestamp of the first, and the bodies.
pub(super) fn decode_commands(body: &[u8]) -> (u64, u64, &[Body]) {
    let (head, bodies) = CommandsHead::read_from_prefix(body).expect("length checked");
    let bodies = <[Body]>::ref_from_bytes(bodies)
        .expect("its length was checked, and messages lie aligned in the buffer");
    (head.first_sequence, head.first_timestamp, bodies)
}
