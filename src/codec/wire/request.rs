//! From client to engine: hellos, batches of commands, subscriptions.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::message::{self, BATCH_HEAD_BYTES, Frames, MessageHeader, kind};
use super::{ClientHello, Mode, Subscribe, Violation, hello, subscription};
use ringfence_types::{
    AccountPolicy, BATCH_COMMANDS_MAX, Body, Command, LedgerPolicy, Op, PolicyLimits, Request,
};

/// What stands between the header of a batch and its bodies.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct BatchHead {
    number: u64,
    reserved: u64,
    tag: u128,
}

const _: () = assert!(size_of::<BatchHead>() == BATCH_HEAD_BYTES);

/// Appends `commands` as one batch. Of their headers only the operation is sent, of `request` number
/// and tag: the session is that of the connection.
///
/// # Panics
///
/// If they are none, more than [`BATCH_COMMANDS_MAX`], or of more than one operation.
pub fn encode_batch(commands: &[Command], request: &Request, out: &mut Vec<u8>) {
    assert!((1..=BATCH_COMMANDS_MAX).contains(&commands.len()));
    let op = commands[0].header.op;
    let start = message::begin(kind::BATCH, op, commands.len() as u16, out);
    let head = BatchHead { number: request.number, reserved: 0, tag: request.tag };
    out.extend_from_slice(head.as_bytes());
    for command in commands {
        assert_eq!(command.header.op, op, "a batch is of one operation");
        out.extend_from_slice(command.body.as_bytes());
    }
    message::end(start, out);
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// The first message.
    Hello(ClientHello),
    /// One batch.
    Batch {
        /// Number and tag, and the session of the hello.
        request: Request,
        /// What it asks for.
        op: Op,
        /// 1 to [`BATCH_COMMANDS_MAX`].
        bodies: &'a [Body],
    },
    /// What is to be followed.
    Subscribe(Subscribe),
    /// Everything up to this sequence was dealt with.
    Acknowledge(u64),
    /// A sign of life.
    Heartbeat,
}

impl ClientMessage<'_> {
    /// The commands of a batch, not yet stamped, for the session that waits for their outcomes.
    /// Other messages have none.
    pub fn commands(&self, session: u16) -> impl ExactSizeIterator<Item = Command> + '_ {
        let (op, bodies) = match *self {
            ClientMessage::Batch { op, bodies, .. } => (op as u8, bodies),
            _ => (0, &[][..]),
        };
        let header = ringfence_types::Header { session, op, ..Default::default() };
        bodies.iter().map(move |body| Command { header, body: *body })
    }
}

/// What may come next.
#[derive(Debug, Clone, Copy, Default)]
enum Phase {
    #[default]
    Hello,
    Commands {
        session: u128,
    },
    Subscription {
        has_subscribed: bool,
    },
}

/// Decodes the stream of a client.
#[derive(Debug, Default)]
pub struct RequestDecoder {
    frames: Frames,
    phase: Phase,
    violation: Option<Violation>,
}

impl RequestDecoder {
    /// At the start of a stream.
    #[must_use]
    pub fn new() -> RequestDecoder {
        RequestDecoder::default()
    }

    /// Where the bytes go that arrive.
    pub fn frames(&mut self) -> &mut Frames {
        &mut self.frames
    }

    /// The next message, if it has wholly arrived.
    ///
    /// # Errors
    ///
    /// How the client broke the protocol; from then on, always the same.
    pub fn next_message(&mut self) -> Result<Option<ClientMessage<'_>>, Violation> {
        if let Some(violation) = self.violation {
            return Err(violation);
        }
        let next = next(&mut self.frames, &mut self.phase);
        if let Err(violation) = next {
            self.violation = Some(violation);
        }
        next
    }
}

fn next<'a>(
    frames: &'a mut Frames,
    phase: &mut Phase,
) -> Result<Option<ClientMessage<'a>>, Violation> {
    let was = *phase;
    let Some((header, body)) = frames.next(|header, rest| check_header(header, rest, was))? else {
        return Ok(None);
    };
    Ok(Some(match header.kind {
        kind::HELLO => {
            let hello = hello::decode_client(&header, body)?;
            *phase = match hello.mode {
                Mode::Commands => Phase::Commands { session: hello.session },
                Mode::Subscription => Phase::Subscription { has_subscribed: false },
            };
            ClientMessage::Hello(hello)
        }
        kind::BATCH => {
            let Phase::Commands { session } = was else { unreachable!("the header was checked") };
            decode_batch(&header, body, session)?
        }
        kind::SUBSCRIBE => {
            *phase = Phase::Subscription { has_subscribed: true };
            ClientMessage::Subscribe(subscription::decode_subscribe(&header, body)?)
        }
        kind::ACKNOWLEDGE => ClientMessage::Acknowledge(subscription::decode_acknowledge(body)?),
        _ => ClientMessage::Heartbeat,
    }))
}

fn decode_batch<'a>(
    header: &MessageHeader,
    body: &'a [u8],
    session: u128,
) -> Result<ClientMessage<'a>, Violation> {
    let op = Op::from_number(header.op).expect("it was checked");
    let (head, bodies) = BatchHead::read_from_prefix(body).expect("length checked");
    if head.reserved != 0 {
        return Err(Violation::ReservedNotZero("batch"));
    }
    if (session == 0) != (head.number == 0) {
        return Err(Violation::BadValue("number"));
    }
    let bodies = <[Body]>::ref_from_bytes(bodies)
        .expect("its length was checked, and messages lie aligned in the buffer");
    for body in bodies {
        check_body(op, body)?;
    }
    let request = Request { session, tag: head.tag, number: head.number, reserved: 0 };
    Ok(ClientMessage::Batch { request, op, bodies })
}

fn check_header(header: &MessageHeader, rest: &[u8], phase: Phase) -> Result<(), Violation> {
    match phase {
        Phase::Hello => hello::check_header(header, rest),
        _ if header.kind == kind::HEARTBEAT => {
            header.expect_no_records()?;
            header.expect_body(0)
        }
        Phase::Commands { .. } => check_batch_header(header),
        Phase::Subscription { has_subscribed } => {
            subscription::check_client_header(header, has_subscribed)
        }
    }
}

fn check_batch_header(header: &MessageHeader) -> Result<(), Violation> {
    if header.kind != kind::BATCH {
        return Err(Violation::UnexpectedMessage(header.kind));
    }
    if !Op::from_number(header.op).is_some_and(Op::is_public) {
        return Err(Violation::BadOp(header.op));
    }
    header.expect_body(BATCH_HEAD_BYTES + header.expect_count()? * size_of::<Body>())
}

/// Refuses values that are not defined, except unknown flags: the engine answers those with a status.
fn check_body(op: Op, body: &Body) -> Result<(), Violation> {
    let reserved_is_zero = match op {
        Op::CreateAccount => body.account().reserved == 0,
        Op::CreateTransfer => true,
        Op::LookupAccount
        | Op::LookupTransfer
        | Op::LookupOrder
        | Op::LookupQueue
        | Op::CancelOrder
        | Op::CancelQueuedTransfer => body.lookup().reserved == [0; 7],
        Op::LookupMarket => {
            if u32::try_from(body.lookup().id).is_err() {
                return Err(Violation::BadValue("id"));
            }
            body.lookup().reserved == [0; 7]
        }
        Op::CreateMarket => {
            let market = body.market();
            market.reserved == 0 && market.reserved_more == [0; 2]
        }
        Op::PlaceOrder => {
            check_numbers(op, body)?;
            let order = body.order();
            order.reserved == [0; 5] && order.reserved_more == 0
        }
        Op::AmendOrder => body.amendment().reserved == [0; 6],
        Op::ResolveQueues => {
            let body = body.resolve_queues();
            body.reserved == [0; 3] && body.reserved_more == [0; 7]
        }
        Op::RequeueTransfer => {
            check_numbers(op, body)?;
            let requeue = body.requeue();
            requeue.reserved == [0; 15] && requeue.reserved_more == [0; 6]
        }
        Op::SetAccountPolicy => {
            check_numbers(op, body)?;
            let policy = body.account_policy();
            check_account_policy(policy)?;
            policy.reserved == [0; 6] && policy.reserved_more == [0; 4]
        }
        Op::SetLedgerPolicy => {
            check_numbers(op, body)?;
            let policy = body.ledger_policy();
            check_ledger_policy(policy)?;
            policy.reserved == [0; 2] && policy.reserved_more == [0; 6]
        }
        Op::SetPairPolicy => {
            check_numbers(op, body)?;
            let policy = body.pair_policy();
            policy.reserved == [0; 15] && policy.reserved_more == [0; 5]
        }
        Op::Pulse => unreachable!("it is not public"),
    };
    if reserved_is_zero { Ok(()) } else { Err(Violation::ReservedNotZero(op.name())) }
}

fn check_numbers(op: Op, body: &Body) -> Result<(), Violation> {
    let wrong = body.number_without_meaning(op);
    wrong.map_or(Ok(()), |(name, _)| Err(Violation::BadValue(name)))
}

/// A limit that is not set has no value, so that equal policies are equal bytes.
fn check_account_policy(policy: &AccountPolicy) -> Result<(), Violation> {
    if policy.limits.0 & !PolicyLimits::KNOWN.0 != 0 {
        return Err(Violation::BadValue("limits"));
    }
    let (amount, count) = (PolicyLimits::DEBIT_SPEND_AMOUNT, PolicyLimits::DEBIT_SPEND_COUNT);
    let values = [
        ("debit_amount_max", PolicyLimits::DEBIT_AMOUNT_MAX, policy.debit_amount_max),
        ("credit_amount_max", PolicyLimits::CREDIT_AMOUNT_MAX, policy.credit_amount_max),
        ("debit_rate_count", PolicyLimits::DEBIT_RATE, policy.debit_rate_count.into()),
        (
            "debit_rate_window_seconds",
            PolicyLimits::DEBIT_RATE,
            policy.debit_rate_window_seconds.into(),
        ),
        ("debit_spend_amount", amount, policy.debit_spend_amount),
        ("debit_spend_count", count, policy.debit_spend_count.into()),
        (
            "debit_spend_window_seconds",
            amount.with(count),
            policy.debit_spend_window_seconds.into(),
        ),
    ];
    for (name, limit, value) in values {
        if value != 0 && !policy.limits.has(limit) {
            return Err(Violation::BadValue(name));
        }
    }
    Ok(())
}

fn check_ledger_policy(policy: &LedgerPolicy) -> Result<(), Violation> {
    if policy.limits.0 & !PolicyLimits::AMOUNT_MAX.0 != 0 {
        return Err(Violation::BadValue("limits"));
    }
    if policy.amount_max != 0 && !policy.limits.has(PolicyLimits::AMOUNT_MAX) {
        return Err(Violation::BadValue("amount_max"));
    }
    Ok(())
}
