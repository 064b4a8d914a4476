//! Lines into commands.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};

use super::Malformed;
use super::fields::{Fields, Name, Names};
use super::malformed::quoted;
use super::settlement;
use ringfence_types::{
    AMOUNT_MAX, Account, AccountFlags, AccountPolicy, BATCH_COMMANDS_MAX, Command, Frozen,
    LedgerPolicy, Lookup, Op, PairPolicy, PolicyLimits, TIMESTAMP_MAX, Transfer, TransferFlags,
};

/// What moves the engine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine: `advance_clock` is malformed.
    System,
    /// `advance_clock` alone.
    Manual,
}

/// What a line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Nothing: there is only white space.
    Blank,
    /// To run the commands that were put into the batch: 1 to [`BATCH_COMMANDS_MAX`] of one
    /// operation, unstamped.
    Batch,
    /// To move the clock.
    AdvanceClock {
        /// By how much, at most [`TIMESTAMP_MAX`].
        nanoseconds: u64,
    },
}

/// Decodes lines, one at a time.
///
/// ```
/// use ringfence_codec::text::{Clock, Decoder, Input};
/// let decoder = Decoder::new(Clock::System);
/// let mut batch = Vec::new();
/// let line = br#"{"op":"lookup_account","id":"7"}"#;
/// assert_eq!(decoder.decode(line, &mut batch), Ok(Input::Batch));
/// assert_eq!(batch[0].id(), 7);
/// let error = decoder.decode(br#"{"op":"lookup_account","ib":"7"}"#, &mut batch).unwrap_err();
/// assert_eq!(error.to_string(), "unknown field `ib` at column 24");
/// ```
#[derive(Debug, Clone)]
pub struct Decoder {
    clock: Clock,
}

impl Decoder {
    /// A decoder for an engine with this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Decoder {
        Decoder { clock }
    }

    /// Reads `line`, which has no line end, and puts its commands into `batch`, which is cleared
    /// first. They have their operation and body; the rest of the header is zero.
    ///
    /// # Errors
    ///
    /// What is wrong with the line; `batch` is then empty.
    pub fn decode(&self, line: &[u8], batch: &mut Vec<Command>) -> Result<Input, Malformed> {
        batch.clear();
        let line =
            str::from_utf8(line).map_err(|error| Malformed::not_utf8(line, error.valid_up_to()))?;
        let Some(start) = line.bytes().position(|byte| !byte.is_ascii_whitespace()) else {
            return Ok(Input::Blank);
        };
        let input = match line.as_bytes()[start] {
            b'{' => self.object(line, start, batch),
            b'[' => array(line, start, batch),
            _ => Err(neither(line, start)),
        };
        if input.is_err() {
            batch.clear();
        }
        input
    }

    fn object(
        &self,
        line: &str,
        start: usize,
        batch: &mut Vec<Command>,
    ) -> Result<Input, Malformed> {
        let mut fields = Fields::new(line, start);
        let mut parser = serde_json::Deserializer::from_str(line);
        if let Err(error) = fields.deserialize(&mut parser).and_then(|()| parser.end()) {
            return Err(fields
                .take_malformed()
                .unwrap_or_else(|| Malformed::not_json(line, &error)));
        }
        match operation(&fields, start)? {
            Operation::Command(op) => {
                batch.push(command(op, &fields, start)?);
                Ok(Input::Batch)
            }
            Operation::AdvanceClock => self.advance_clock(&fields, start),
        }
    }

    fn advance_clock(&self, fields: &Fields, start: usize) -> Result<Input, Malformed> {
        if self.clock == Clock::System {
            let op = fields.value(Name::Op).expect("it was read");
            return Err(op.malformed("`advance_clock` needs a manual clock".into()));
        }
        fields.allow(const { Names::of(&[Name::Op, Name::Nanoseconds]) })?;
        let Some(value) = fields.value(Name::Nanoseconds) else {
            return Err(missing(fields, start, "nanoseconds"));
        };
        let nanoseconds: u64 = value.integer()?;
        if nanoseconds > TIMESTAMP_MAX {
            let what = format!("field `nanoseconds` is more than {TIMESTAMP_MAX}");
            return Err(value.malformed(what));
        }
        Ok(Input::AdvanceClock { nanoseconds })
    }
}

/// What the field `op` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Command(Op),
    AdvanceClock,
}

/// The operation of an object that starts at byte `start`.
fn operation(fields: &Fields, start: usize) -> Result<Operation, Malformed> {
    let Some(value) = fields.value(Name::Op) else { return Err(missing(fields, start, "op")) };
    let Some(text) = value.string() else { return Err(value.must_be("a name")) };
    if text == "advance_clock" {
        return Ok(Operation::AdvanceClock);
    }
    match Op::ALL.into_iter().find(|op| op.is_public() && op.name() == text) {
        Some(op) => Ok(Operation::Command(op)),
        None => Err(value.malformed(format!("unknown op {}", quoted(&text)))),
    }
}

pub(super) fn missing(fields: &Fields, object_start: usize, name: &str) -> Malformed {
    Malformed::at_byte(fields.line(), object_start, format!("missing field `{name}`"))
}

/// A line that starts neither an object nor an array.
fn neither(line: &str, start: usize) -> Malformed {
    match serde_json::from_str::<IgnoredAny>(line) {
        Err(error) => Malformed::not_json(line, &error),
        Ok(_) => Malformed::at_byte(line, start, "neither an object nor an array".into()),
    }
}

fn array(line: &str, start: usize, batch: &mut Vec<Command>) -> Result<Input, Malformed> {
    let mut fields = Fields::new(line, start + 1);
    let mut parser = serde_json::Deserializer::from_str(line);
    let elements = Elements { fields: &mut fields, batch };
    match parser.deserialize_seq(elements).and_then(|()| parser.end()) {
        Err(error) => Err(match fields.take_malformed() {
            Some(malformed) => malformed,
            None if error.is_data() => {
                let what = "not a command object".into();
                Malformed::at_byte(line, fields.next_element_at(), what)
            }
            None => Malformed::not_json(line, &error),
        }),
        Ok(()) if batch.is_empty() => {
            Err(Malformed::at_byte(line, start, "batch of no commands".into()))
        }
        Ok(()) => Ok(Input::Batch),
    }
}

/// The elements of an array, each read and decoded before the next.
struct Elements<'b, 'a> {
    fields: &'b mut Fields<'a>,
    batch: &'b mut Vec<Command>,
}

impl<'de> Visitor<'de> for Elements<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of command objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Elements { fields, batch } = self;
        let mut batch_op = None;
        loop {
            fields.clear();
            let start = fields.next_element_at();
            if seq.next_element_seed(&mut *fields)?.is_none() {
                return Ok(());
            }
            match element(fields, start, &mut batch_op, batch.len()) {
                Ok(command) => batch.push(command),
                Err(malformed) => return Err(fields.set_malformed(malformed)),
            }
        }
    }
}

/// The command at `index` of a batch; its object starts at byte `start`.
fn element(
    fields: &Fields,
    start: usize,
    batch_op: &mut Option<Op>,
    index: usize,
) -> Result<Command, Malformed> {
    if index == BATCH_COMMANDS_MAX {
        let what = format!("batch of more than {BATCH_COMMANDS_MAX} commands");
        return Err(Malformed::at_byte(fields.line(), start, what));
    }
    let op_value = || fields.value(Name::Op).expect("it was read");
    let Operation::Command(op) = operation(fields, start)? else {
        return Err(op_value().malformed("`advance_clock` must stand alone".into()));
    };
    let first = *batch_op.get_or_insert(op);
    if op != first {
        let what = format!("batch mixes `{}` with `{}`", first.name(), op.name());
        return Err(op_value().malformed(what));
    }
    command(op, fields, start)
}

/// The command of an object that starts at byte `start`.
fn command(op: Op, fields: &Fields, start: usize) -> Result<Command, Malformed> {
    let of_id = |id| Command::of_lookup(op, Lookup { id, reserved: [0; 7] });
    match op {
        Op::CreateAccount => create_account(fields),
        Op::CreateTransfer => create_transfer(fields),
        Op::LookupAccount
        | Op::LookupTransfer
        | Op::LookupOrder
        | Op::CancelOrder
        | Op::CancelQueuedTransfer => id(fields).map(of_id),
        Op::LookupMarket => settlement::market_id(fields).map(of_id),
        Op::LookupQueue => settlement::account_id(fields).map(of_id),
        Op::SetAccountPolicy => set_account_policy(fields),
        Op::SetLedgerPolicy => set_ledger_policy(fields),
        Op::SetPairPolicy => set_pair_policy(fields),
        Op::CreateMarket => settlement::create_market(fields),
        Op::PlaceOrder => settlement::place_order(fields, start),
        Op::AmendOrder => settlement::amend_order(fields),
        Op::ResolveQueues => settlement::resolve_queues(fields),
        Op::RequeueTransfer => settlement::requeue_transfer(fields),
        Op::Pulse => unreachable!("it is not public"),
    }
}

fn create_account(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    const NAMES: Names = Names::of(&[
        Op,
        Id,
        DebitsPending,
        DebitsPosted,
        CreditsPending,
        CreditsPosted,
        UserData128,
        UserData64,
        UserData32,
        Ledger,
        Code,
        Flags,
        Timestamp,
    ]);
    fields.allow(NAMES)?;
    Ok(Command::create_account(Account {
        id: fields.integer(Id)?,
        debits_pending: fields.integer(DebitsPending)?,
        debits_posted: fields.integer(DebitsPosted)?,
        credits_pending: fields.integer(CreditsPending)?,
        credits_posted: fields.integer(CreditsPosted)?,
        user_data_128: fields.integer(UserData128)?,
        user_data_64: fields.integer(UserData64)?,
        user_data_32: fields.integer(UserData32)?,
        reserved: 0,
        ledger: fields.integer(Ledger)?,
        code: fields.integer(Code)?,
        flags: AccountFlags(fields.flags(|name| AccountFlags::from_name(name).map(|f| f.0))?),
        timestamp: fields.integer(Timestamp)?,
    }))
}

fn create_transfer(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    const NAMES: Names = Names::of(&[
        Op,
        Id,
        DebitAccountId,
        CreditAccountId,
        Amount,
        PendingId,
        UserData128,
        UserData64,
        UserData32,
        Timeout,
        Ledger,
        Code,
        Flags,
        Timestamp,
    ]);
    fields.allow(NAMES)?;
    let flags = fields.flags(|name| TransferFlags::from_name(name).map(|f| f.0))?;
    let flags = TransferFlags(flags);
    // A post that names no amount posts the whole.
    let whole = flags.has(TransferFlags::POST_PENDING_TRANSFER);
    Ok(Command::create_transfer(Transfer {
        id: fields.integer(Id)?,
        debit_account_id: fields.integer(DebitAccountId)?,
        credit_account_id: fields.integer(CreditAccountId)?,
        amount: fields.amount(Amount)?.unwrap_or(if whole { AMOUNT_MAX } else { 0 }),
        pending_id: fields.integer(PendingId)?,
        user_data_128: fields.integer(UserData128)?,
        user_data_64: fields.integer(UserData64)?,
        user_data_32: fields.integer(UserData32)?,
        timeout: fields.integer(Timeout)?,
        ledger: fields.integer(Ledger)?,
        code: fields.integer(Code)?,
        flags,
        timestamp: fields.integer(Timestamp)?,
    }))
}

fn id(fields: &Fields) -> Result<u128, Malformed> {
    fields.allow(const { Names::of(&[Name::Op, Name::Id]) })?;
    fields.integer(Name::Id)
}

fn set_account_policy(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    const NAMES: Names =
        Names::of(&[Op, AccountId, Frozen, DebitAmountMax, CreditAmountMax, DebitRate, DebitSpend]);
    fields.allow(NAMES)?;
    let mut policy = AccountPolicy {
        account_id: fields.integer(AccountId)?,
        frozen: frozen(fields)?,
        ..AccountPolicy::default()
    };
    let mut limits = PolicyLimits::default();
    if let Some(amount) = fields.amount(DebitAmountMax)? {
        policy.debit_amount_max = amount;
        limits = limits.with(PolicyLimits::DEBIT_AMOUNT_MAX);
    }
    if let Some(amount) = fields.amount(CreditAmountMax)? {
        policy.credit_amount_max = amount;
        limits = limits.with(PolicyLimits::CREDIT_AMOUNT_MAX);
    }
    let names = const { Names::of(&[Count, WindowSeconds]) };
    if let Some(rate) = fields.object(DebitRate, "debit_rate.", names)? {
        let Some(count) = rate.value(Count) else {
            let object = fields.value(DebitRate).expect("it was read");
            return Err(object.malformed("missing field `debit_rate.count`".into()));
        };
        policy.debit_rate_count = count.integer()?;
        policy.debit_rate_window_seconds = rate.integer(WindowSeconds)?;
        limits = limits.with(PolicyLimits::DEBIT_RATE);
    }
    let names = const { Names::of(&[Amount, Count, WindowSeconds]) };
    if let Some(spend) = fields.object(DebitSpend, "debit_spend.", names)? {
        if !spend.has(Amount) && !spend.has(Count) {
            let object = fields.value(DebitSpend).expect("it was read");
            let what = "field `debit_spend` has neither `amount` nor `count`";
            return Err(object.malformed(what.into()));
        }
        if let Some(amount) = spend.amount(Amount)? {
            policy.debit_spend_amount = amount;
            limits = limits.with(PolicyLimits::DEBIT_SPEND_AMOUNT);
        }
        if let Some(count) = spend.value(Count) {
            policy.debit_spend_count = count.integer()?;
            limits = limits.with(PolicyLimits::DEBIT_SPEND_COUNT);
        }
        policy.debit_spend_window_seconds = spend.integer(WindowSeconds)?;
    }
    Ok(Command::set_account_policy(AccountPolicy { limits, ..policy }))
}

fn frozen(fields: &Fields) -> Result<u8, Malformed> {
    let Some(value) = fields.value(Name::Frozen) else { return Ok(Frozen::None as u8) };
    let Some(text) = value.string() else { return Err(value.must_be("a name")) };
    match Frozen::NAMES.iter().find(|(_, name)| *name == text) {
        Some((frozen, _)) => Ok(*frozen as u8),
        None => Err(value.malformed(format!("unknown name {} in field `frozen`", quoted(&text)))),
    }
}

fn set_ledger_policy(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    const NAMES: Names = Names::of(&[Op, Ledger, AmountMax, OpenSecond, CloseSecond, Halted]);
    fields.allow(NAMES)?;
    let amount_max = fields.amount(AmountMax)?;
    let limits = amount_max.map_or(PolicyLimits::default(), |_| PolicyLimits::AMOUNT_MAX);
    Ok(Command::set_ledger_policy(LedgerPolicy {
        amount_max: amount_max.unwrap_or(0),
        ledger: fields.integer(Ledger)?,
        open_second: fields.integer(OpenSecond)?,
        close_second: fields.integer(CloseSecond)?,
        halted: fields.boolean(Halted)?,
        limits,
        ..LedgerPolicy::default()
    }))
}

fn set_pair_policy(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    fields.allow(const { Names::of(&[Op, DebitAccountId, CreditAccountId, Blocked]) })?;
    Ok(Command::set_pair_policy(PairPolicy {
        debit_account_id: fields.integer(DebitAccountId)?,
        credit_account_id: fields.integer(CreditAccountId)?,
        blocked: fields.boolean(Blocked)?,
        ..PairPolicy::default()
    }))
}
