//! From engine to client: outcomes, what goes before them, and why a session ends.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::message::{self, Frames, HEADER_BYTES, MessageHeader, kind};
use super::{EngineHello, ErrorCode, Progress, Subscribed, Violation, hello, subscription};
use ringfence_types::{
    BATCH_COMMANDS_MAX, Body, CancelReason, Event, EventKind, Op, OrderStatus, Origin, Outcome,
    PendingStatus, QueueStatus, SettledBy, Side, Status, TimeInForce,
};

/// The head of a message of outcomes.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct OutcomesHead {
    /// Sequence of the first; the others follow without a gap.
    first_sequence: u64,
    reserved: u64,
}

/// The head of an error.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct ErrorHead {
    /// An [`ErrorCode`], by its number.
    code: u16,
    reserved: [u8; 6],
    /// By the code.
    value: u64,
}

const _: () = assert!(size_of::<OutcomesHead>() == 16);
const _: () = assert!(size_of::<ErrorHead>() == 16);

/// Longest text of an error, in bytes.
const ERROR_TEXT_BYTES_MAX: usize = 240;

/// Appends an error, the last message of a connection. `value` is a sequence, a version or a limit, by
/// the code, else 0. A text of more than 240 bytes is cut.
pub fn encode_error(code: ErrorCode, value: u64, text: &str, out: &mut Vec<u8>) {
    let boundary = |end: &usize| text.is_char_boundary(*end);
    let end = (0..=text.len().min(ERROR_TEXT_BYTES_MAX)).rfind(boundary).expect("0 is one");
    let text = &text[..end];
    let start = message::begin(kind::ERROR, 0, text.len() as u16, out);
    out.extend_from_slice(ErrorHead { code: code as u16, reserved: [0; 6], value }.as_bytes());
    out.extend_from_slice(text.as_bytes());
    out.resize(out.len().next_multiple_of(HEADER_BYTES), 0);
    message::end(start, out);
}

/// Encodes the replies to one session. Outcomes with consecutive sequences share a message.
///
/// The bytes that were appended to `out` may be sent once [`ReplyEncoder::finish`] was called;
/// until then nothing may be taken out of it.
#[derive(Debug, Default)]
pub struct ReplyEncoder {
    open: Option<OpenMessage>,
}

/// A message to which outcomes may still be added.
#[derive(Debug)]
struct OpenMessage {
    start: usize,
    next_sequence: u64,
    count: u16,
}

impl ReplyEncoder {
    /// An encoder with no message begun.
    #[must_use]
    pub fn new() -> ReplyEncoder {
        ReplyEncoder::default()
    }

    /// Appends the outcome of the command at `sequence`.
    pub fn outcome(&mut self, sequence: u64, outcome: &Outcome, out: &mut Vec<u8>) {
        let fits = |open: &OpenMessage| {
            open.next_sequence == sequence && usize::from(open.count) < BATCH_COMMANDS_MAX
        };
        if !self.open.as_ref().is_some_and(fits) {
            self.finish(out);
            let start = message::begin(kind::OUTCOMES, 0, 0, out);
            let head = OutcomesHead { first_sequence: sequence, reserved: 0 };
            out.extend_from_slice(head.as_bytes());
            self.open = Some(OpenMessage { start, next_sequence: sequence, count: 0 });
        }
        let open = self.open.as_mut().expect("it was just opened");
        open.next_sequence += 1;
        open.count += 1;
        // The number of the session means nothing to the client.
        out.extend_from_slice(Outcome { session: 0, ..*outcome }.as_bytes());
    }

    /// Appends an event: what a command brought about, or the body of a look-up. It goes before the
    /// outcome of its command.
    pub fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        self.finish(out);
        let start = message::begin(kind::EVENT, 0, 1, out);
        out.extend_from_slice(Event { session: 0, lead: 0, ..*event }.as_bytes());
        message::end(start, out);
    }

    /// Ends the message that is begun, if any.
    pub fn finish(&mut self, out: &mut [u8]) {
        if let Some(OpenMessage { start, count, .. }) = self.open.take() {
            let count_at = start + std::mem::offset_of!(MessageHeader, count);
            out[count_at..count_at + 2].copy_from_slice(&count.to_le_bytes());
            message::end(start, out);
        }
    }
}

/// Why the engine ends a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} (error {code})")]
pub struct ServerError {
    /// An [`ErrorCode`] by its number, or one that a later version added.
    pub code: u16,
    /// A sequence, a version or a limit, by the code, else 0.
    pub value: u64,
    /// For a person to read.
    pub text: String,
}

/// What the engine sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<'a> {
    /// The first message.
    Hello(EngineHello),
    /// Outcomes of consecutive commands.
    Outcomes {
        /// Sequence of the first.
        first_sequence: u64,
        /// 1 to [`BATCH_COMMANDS_MAX`].
        outcomes: &'a [Outcome],
    },
    /// An event, which comes before the outcome of its command: the body of a look-up, or what the
    /// command brought about.
    Event(&'a Event),
    /// The last message: why the connection ends.
    Error(ServerError),
    /// A sign of life.
    Heartbeat,
    /// Whose the batch is whose outcomes follow.
    Origin(Origin),
    /// The answer to a request for a subscription.
    Subscribed(Subscribed),
    /// How far the subscription is.
    Progress(Progress),
    /// The bodies of consecutive commands of one batch.
    Commands {
        /// Their operation.
        op: Op,
        /// Sequence of the first.
        first_sequence: u64,
        /// Timestamp of the first, in nanoseconds.
        first_timestamp: u64,
        /// 1 to [`BATCH_COMMANDS_MAX`].
        bodies: &'a [Body],
    },
}

/// Decodes the stream of an engine.
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    frames: Frames,
    greeted: bool,
    violation: Option<Violation>,
}

impl ReplyDecoder {
    /// At the start of a stream.
    #[must_use]
    pub fn new() -> ReplyDecoder {
        ReplyDecoder::default()
    }

    /// Where the bytes go that arrive.
    pub fn frames(&mut self) -> &mut Frames {
        &mut self.frames
    }

    /// The next message, if it has wholly arrived.
    ///
    /// # Errors
    ///
    /// How the engine broke the protocol; from then on, always the same.
    pub fn next_reply(&mut self) -> Result<Option<Reply<'_>>, Violation> {
        if let Some(violation) = self.violation {
            return Err(violation);
        }
        let next = next(&mut self.frames, &mut self.greeted);
        if let Err(violation) = next {
            self.violation = Some(violation);
        }
        next
    }
}

fn next<'a>(frames: &'a mut Frames, greeted: &mut bool) -> Result<Option<Reply<'a>>, Violation> {
    let was_greeted = *greeted;
    let Some((header, body)) =
        frames.next(|header, rest| check_header(header, rest, was_greeted))?
    else {
        return Ok(None);
    };
    Ok(Some(match header.kind {
        kind::HELLO => {
            *greeted = true;
            Reply::Hello(hello::decode_engine(&header, body)?)
        }
        kind::OUTCOMES => {
            let (head, outcomes) = OutcomesHead::read_from_prefix(body).expect("length checked");
            let outcomes = <[Outcome]>::ref_from_bytes(outcomes)
                .expect("its length was checked, and messages lie aligned in the buffer");
            if head.reserved != 0 {
                return Err(Violation::ReservedNotZero("outcomes"));
            }
            for outcome in outcomes {
                check_outcome(outcome)?;
            }
            Reply::Outcomes { first_sequence: head.first_sequence, outcomes }
        }
        kind::EVENT => {
            let event = Event::ref_from_bytes(body)
                .expect("its length was checked, and messages lie aligned in the buffer");
            check_event(event)?;
            Reply::Event(event)
        }
        kind::ERROR => {
            let (head, padded) = ErrorHead::read_from_prefix(body).expect("length checked");
            let (text, padding) = padded.split_at(usize::from(header.count));
            if head.reserved != [0; 6] || padding.iter().any(|byte| *byte != 0) {
                return Err(Violation::ReservedNotZero("error"));
            }
            let text = String::from_utf8_lossy(text).into_owned();
            Reply::Error(ServerError { code: head.code, value: head.value, text })
        }
        kind::HEARTBEAT => Reply::Heartbeat,
        kind::ORIGIN => Reply::Origin(subscription::decode_origin(body)?),
        kind::SUBSCRIBE => Reply::Subscribed(subscription::decode_subscribed(body)?),
        kind::PROGRESS => Reply::Progress(subscription::decode_progress(body)),
        kind::COMMANDS => {
            let op = Op::from_number(header.op).expect("it was checked");
            let (first_sequence, first_timestamp, bodies) = subscription::decode_commands(body);
            Reply::Commands { op, first_sequence, first_timestamp, bodies }
        }
        _ => unreachable!("the header was checked"),
    }))
}

/// Checks a header. An error may come before the hello: it may be about the client's.
fn check_header(header: &MessageHeader, rest: &[u8], greeted: bool) -> Result<(), Violation> {
    if !greeted && header.kind != kind::ERROR {
        return hello::check_header(header, rest);
    }
    if let Some(bytes) = subscription::engine_body_bytes(header)? {
        return header.expect_body(bytes);
    }
    if header.op != 0 {
        return Err(Violation::ReservedNotZero("header"));
    }
    header.expect_body(match header.kind {
        kind::OUTCOMES => size_of::<OutcomesHead>() + header.expect_count()? * size_of::<Outcome>(),
        kind::EVENT if header.count != 1 => return Err(Violation::BadCount(header.count)),
        kind::EVENT => size_of::<Event>(),
        kind::ERROR => {
            let text_bytes = usize::from(header.count);
            if text_bytes > ERROR_TEXT_BYTES_MAX {
                return Err(Violation::BadLength(header.length));
            }
            size_of::<ErrorHead>() + text_bytes.next_multiple_of(HEADER_BYTES)
        }
        other => return Err(Violation::UnexpectedMessage(other)),
    })
}

/// Refuses numbers without a name: outcomes are printed later.
fn check_outcome(outcome: &Outcome) -> Result<(), Violation> {
    if Op::from_number(outcome.op).is_none() {
        return Err(Violation::BadOp(outcome.op));
    }
    if Status::from_number(outcome.status).is_none() {
        return Err(Violation::BadValue("status"));
    }
    if outcome.reserved != [0; 3] || outcome.session != 0 {
        return Err(Violation::ReservedNotZero("outcome"));
    }
    Ok(())
}

/// Refuses what could not be printed later, and what should be zero.
fn check_event(event: &Event) -> Result<(), Violation> {
    let Some(kind) = EventKind::from_number(event.kind) else {
        return Err(Violation::BadValue("kind"));
    };
    let zero = |number: u64| number == 0;
    let in_head = event.session == 0 && event.lead == 0 && event.reserved == 0;
    if !in_head || event.reserved_more != 0 {
        return Err(Violation::ReservedNotZero("event"));
    }
    if zero(event.number) == kind.is_numbered() {
        return Err(Violation::BadValue("event"));
    }
    let known =
        |is_known: bool, name| if is_known { Ok(()) } else { Err(Violation::BadValue(name)) };
    let body = &event.body;
    let reserved_is_zero = match kind {
        EventKind::AccountBody => body.as_bytes()[128..].iter().all(|&byte| byte == 0),
        EventKind::TransferBody => {
            let body = body.transfer();
            let (pending, queue) = (body.pending_status, body.queue_status);
            known(pending == 0 || PendingStatus::from_number(pending).is_some(), "pending_status")?;
            known(queue == 0 || QueueStatus::from_number(queue).is_some(), "queue_status")?;
            body.reserved == [0; 14] && body.reserved_more == 0
        }
        EventKind::OrderBody => {
            let body = body.order();
            let order = &body.order;
            known(Side::from_number(order.side).is_some(), "side")?;
            known(TimeInForce::from_number(order.time_in_force).is_some(), "time_in_force")?;
            known(order.post_only <= 1, "post_only")?;
            known(OrderStatus::from_number(body.order_status).is_some(), "order_status")?;
            body.reserved == [0; 7] && order.reserved == [0; 5] && order.reserved_more == 0
        }
        EventKind::MarketBody => {
            let body = body.market();
            let market = &body.market;
            body.reserved == [0; 3] && market.reserved == 0 && market.reserved_more == [0; 2]
        }
        EventKind::BidsBody | EventKind::AsksBody => true,
        EventKind::QueueBody => body.queue().reserved == 0 && body.queue().reserved_more == [0; 7],
        EventKind::TransferExpired | EventKind::TransferSettled | EventKind::TransferDropped => {
            let body = body.transfer_event();
            let (settles, drops) =
                (kind == EventKind::TransferSettled, kind == EventKind::TransferDropped);
            known(SettledBy::from_number(body.by).is_some() == settles, "by")?;
            known(Status::from_number(body.status).is_some() == drops, "status")?;
            known(settles || body.by == 0, "by")?;
            known(drops || body.status == 0, "status")?;
            body.reserved == [0; 13] && body.reserved_more == [0; 8]
        }
        EventKind::Trade => body.trade().reserved == [0; 3] && body.trade().reserved_more == [0; 4],
        EventKind::OrderCancelled => {
            let body = body.cancellation();
            known(CancelReason::from_number(body.reason).is_some(), "reason")?;
            body.reserved == [0; 7] && body.reserved_more == [0; 8]
        }
    };
    if reserved_is_zero { Ok(()) } else { Err(Violation::ReservedNotZero("event")) }
}
