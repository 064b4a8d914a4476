//! Outcomes, bodies of look-ups and commands into lines.
//!
//! The lines are few and fixed, so they are written out by hand: keys are literals with their
//! quotes, and only the text of an error needs escapes.

use super::settlement;
use ringfence_types::{
    Account, AccountFlags, AccountPolicy, Command, Event, EventKind, Frozen, LedgerPolicy, Op,
    Outcome, PairPolicy, PendingStatus, PolicyLimits, QueueStatus, Transfer, TransferBody,
    TransferFlags,
};

/// Appends the line of `outcome`, which answers the command at `sequence`. `bodies` are what a
/// look-up found: one, or those of a market in their order.
///
/// # Panics
///
/// If the outcome's operation or status, or the kind of a body, has an unknown number: only the
/// engine writes them, and the wire's decoder lets no others pass.
pub fn encode_outcome(sequence: u64, outcome: &Outcome, bodies: &[Event], out: &mut Vec<u8>) {
    let op = outcome.op();
    put(out, br#"{"sequence":""#);
    number(out, sequence);
    put(out, br#"","op":""#);
    put(out, op.name().as_bytes());
    if op.has_market_id() {
        put(out, br#"","id":"#);
        number(out, outcome.id);
        put(out, br#","status":""#);
    } else if op.has_id() {
        put(out, br#"","id":""#);
        number(out, outcome.id);
        put(out, br#"","status":""#);
    } else {
        put(out, br#"","status":""#);
    }
    put(out, outcome.status().name().as_bytes());
    put(out, br#"","timestamp":""#);
    number(out, outcome.timestamp);
    put(out, b"\"");
    settlement::details(outcome, out);
    for event in bodies {
        match event.kind() {
            EventKind::AccountBody => {
                put(out, br#","account":"#);
                encode_account(event.body.account(), out);
            }
            EventKind::TransferBody => {
                put(out, br#","transfer":"#);
                transfer(event.body.transfer(), out);
            }
            _ => settlement::body(event, out),
        }
    }
    put(out, b"}\n");
}

/// Appends the answer to the malformed line `line_number`, with what is wrong with it.
pub fn encode_malformed(line_number: u64, error: &str, out: &mut Vec<u8>) {
    put(out, br#"{"line":"#);
    number(out, line_number);
    put(out, br#","status":"malformed","error":"#);
    serde_json::to_writer(&mut *out, error).expect("text can be written to memory");
    put(out, b"}\n");
}

/// Appends the answer to an `advance_clock`: the clock now reads `timestamp` nanoseconds.
pub fn encode_advance_clock(timestamp: u64, out: &mut Vec<u8>) {
    put(out, br#"{"op":"advance_clock","status":"ok","timestamp":""#);
    number(out, timestamp);
    put(out, b"\"}\n");
}

/// Appends `account` as look-ups show it: the object alone, no line end.
pub fn encode_account(account: &Account, out: &mut Vec<u8>) {
    put(out, b"{");
    wide(out, "\"id\":", account.id);
    wide(out, ",\"debits_pending\":", account.debits_pending);
    wide(out, ",\"debits_posted\":", account.debits_posted);
    wide(out, ",\"credits_pending\":", account.credits_pending);
    wide(out, ",\"credits_posted\":", account.credits_posted);
    wide(out, ",\"user_data_128\":", account.user_data_128);
    wide(out, ",\"user_data_64\":", account.user_data_64);
    narrow(out, ",\"user_data_32\":", account.user_data_32);
    narrow(out, ",\"ledger\":", account.ledger);
    narrow(out, ",\"code\":", account.code);
    put(out, b",\"flags\":");
    account_flags(account.flags, out);
    wide(out, ",\"timestamp\":", account.timestamp);
    put(out, b"}");
}

fn transfer(body: &TransferBody, out: &mut Vec<u8>) {
    let transfer = &body.transfer;
    put(out, b"{");
    wide(out, "\"id\":", transfer.id);
    wide(out, ",\"debit_account_id\":", transfer.debit_account_id);
    wide(out, ",\"credit_account_id\":", transfer.credit_account_id);
    wide(out, ",\"amount\":", transfer.amount);
    wide(out, ",\"pending_id\":", transfer.pending_id);
    wide(out, ",\"user_data_128\":", transfer.user_data_128);
    wide(out, ",\"user_data_64\":", transfer.user_data_64);
    narrow(out, ",\"user_data_32\":", transfer.user_data_32);
    narrow(out, ",\"timeout\":", transfer.timeout);
    narrow(out, ",\"ledger\":", transfer.ledger);
    narrow(out, ",\"code\":", transfer.code);
    put(out, b",\"flags\":");
    transfer_flags(transfer.flags, out);
    wide(out, ",\"timestamp\":", transfer.timestamp);
    if let Some(status) = PendingStatus::from_number(body.pending_status) {
        put(out, b",\"pending_status\":\"");
        put(out, status.name().as_bytes());
        put(out, b"\"");
    }
    if let Some(status) = QueueStatus::from_number(body.queue_status) {
        put(out, b",\"queue_status\":\"");
        put(out, status.name().as_bytes());
        put(out, b"\"");
    }
    put(out, b"}");
}

/// Appends `commands` as input lines, a line a batch: an array where the batch has more than one
/// command. Each object begins with its `sequence`, `first_sequence` for the first, and its
/// `engine_timestamp`; of the other fields those that are absent, zero or false are left out.
///
/// A bit of the flags that has no meaning has no name either, and is shown as `reserved_bit_N`.
///
/// # Panics
///
/// If the commands begin or end in the middle of a batch, or an operation is unknown: the journal
/// keeps whole batches, and its reader lets no other operations pass.
pub fn encode_commands(first_sequence: u64, commands: &[Command], out: &mut Vec<u8>) {
    let mut expected_index = 0;
    for (sequence, command) in (first_sequence..).zip(commands) {
        let header = &command.header;
        assert_eq!(header.batch_index, expected_index, "a batch is written from its start");
        let is_array = header.batch_length > 1;
        if is_array {
            put(out, if header.batch_index == 0 { b"[" } else { b"," });
        }
        wide(out, "{\"sequence\":", sequence);
        wide(out, ",\"engine_timestamp\":", header.timestamp);
        put(out, b",\"op\":\"");
        put(out, command.op().name().as_bytes());
        put(out, b"\"");
        fields(command, out);
        put(out, b"}");
        expected_index += 1;
        if command.ends_batch() {
            put(out, if is_array { b"]\n" } else { b"\n" });
            expected_index = 0;
        }
    }
    assert_eq!(expected_index, 0, "a batch is written to its end");
}

fn fields(command: &Command, out: &mut Vec<u8>) {
    let body = &command.body;
    match command.op() {
        Op::CreateAccount => account_fields(body.account(), out),
        Op::CreateTransfer => transfer_fields(body.transfer(), out),
        Op::LookupAccount | Op::LookupTransfer => wide(out, ",\"id\":", body.lookup().id),
        Op::SetAccountPolicy => account_policy_fields(body.account_policy(), out),
        Op::SetLedgerPolicy => ledger_policy_fields(body.ledger_policy(), out),
        Op::SetPairPolicy => pair_policy_fields(body.pair_policy(), out),
        Op::Pulse => {}
        _ => settlement::fields(command, out),
    }
}

fn account_fields(account: &Account, out: &mut Vec<u8>) {
    wide(out, ",\"id\":", account.id);
    wide_if_set(out, ",\"debits_pending\":", account.debits_pending);
    wide_if_set(out, ",\"debits_posted\":", account.debits_posted);
    wide_if_set(out, ",\"credits_pending\":", account.credits_pending);
    wide_if_set(out, ",\"credits_posted\":", account.credits_posted);
    wide_if_set(out, ",\"user_data_128\":", account.user_data_128);
    wide_if_set(out, ",\"user_data_64\":", account.user_data_64);
    narrow_if_set(out, ",\"user_data_32\":", account.user_data_32);
    narrow_if_set(out, ",\"ledger\":", account.ledger);
    narrow_if_set(out, ",\"code\":", account.code);
    if account.flags != AccountFlags::NONE {
        put(out, b",\"flags\":");
        account_flags(account.flags, out);
    }
    wide_if_set(out, ",\"timestamp\":", account.timestamp);
}

fn transfer_fields(transfer: &Transfer, out: &mut Vec<u8>) {
    wide(out, ",\"id\":", transfer.id);
    wide_if_set(out, ",\"debit_account_id\":", transfer.debit_account_id);
    wide_if_set(out, ",\"credit_account_id\":", transfer.credit_account_id);
    // Always: left out of a post it would mean the whole.
    wide(out, ",\"amount\":", transfer.amount);
    wide_if_set(out, ",\"pending_id\":", transfer.pending_id);
    wide_if_set(out, ",\"user_data_128\":", transfer.user_data_128);
    wide_if_set(out, ",\"user_data_64\":", transfer.user_data_64);
    narrow_if_set(out, ",\"user_data_32\":", transfer.user_data_32);
    narrow_if_set(out, ",\"timeout\":", transfer.timeout);
    narrow_if_set(out, ",\"ledger\":", transfer.ledger);
    narrow_if_set(out, ",\"code\":", transfer.code);
    if transfer.flags != TransferFlags::NONE {
        put(out, b",\"flags\":");
        transfer_flags(transfer.flags, out);
    }
    wide_if_set(out, ",\"timestamp\":", transfer.timestamp);
}

fn account_policy_fields(policy: &AccountPolicy, out: &mut Vec<u8>) {
    wide(out, ",\"account_id\":", policy.account_id);
    if policy.frozen != Frozen::None as u8 {
        let known = Frozen::NAMES.iter().find(|(frozen, _)| *frozen as u8 == policy.frozen);
        let (_, name) = known.expect("only known numbers enter the ring");
        put(out, b",\"frozen\":\"");
        put(out, name.as_bytes());
        put(out, b"\"");
    }
    let limits = policy.limits;
    if limits.has(PolicyLimits::DEBIT_AMOUNT_MAX) {
        wide(out, ",\"debit_amount_max\":", policy.debit_amount_max);
    }
    if limits.has(PolicyLimits::CREDIT_AMOUNT_MAX) {
        wide(out, ",\"credit_amount_max\":", policy.credit_amount_max);
    }
    if limits.has(PolicyLimits::DEBIT_RATE) {
        wide(out, ",\"debit_rate\":{\"count\":", policy.debit_rate_count);
        narrow(out, ",\"window_seconds\":", policy.debit_rate_window_seconds);
        put(out, b"}");
    }
    let (amount, count) = (PolicyLimits::DEBIT_SPEND_AMOUNT, PolicyLimits::DEBIT_SPEND_COUNT);
    if limits.has(amount.with(count)) {
        put(out, b",\"debit_spend\":{");
        if limits.has(amount) {
            wide(out, "\"amount\":", policy.debit_spend_amount);
        }
        if limits.has(count) {
            let key = if limits.has(amount) { ",\"count\":" } else { "\"count\":" };
            wide(out, key, policy.debit_spend_count);
        }
        narrow(out, ",\"window_seconds\":", policy.debit_spend_window_seconds);
        put(out, b"}");
    }
}

fn ledger_policy_fields(policy: &LedgerPolicy, out: &mut Vec<u8>) {
    narrow(out, ",\"ledger\":", policy.ledger);
    if policy.limits.has(PolicyLimits::AMOUNT_MAX) {
        wide(out, ",\"amount_max\":", policy.amount_max);
    }
    narrow_if_set(out, ",\"open_second\":", policy.open_second);
    narrow_if_set(out, ",\"close_second\":", policy.close_second);
    if policy.halted != 0 {
        put(out, b",\"halted\":true");
    }
}

fn pair_policy_fields(policy: &PairPolicy, out: &mut Vec<u8>) {
    wide(out, ",\"debit_account_id\":", policy.debit_account_id);
    wide(out, ",\"credit_account_id\":", policy.credit_account_id);
    if policy.blocked != 0 {
        put(out, b",\"blocked\":true");
    }
}

fn account_flags(flags: AccountFlags, out: &mut Vec<u8>) {
    names(out, flags.names(), flags.without(AccountFlags::KNOWN).0);
}

fn transfer_flags(flags: TransferFlags, out: &mut Vec<u8>) {
    names(out, flags.names(), flags.without(TransferFlags::KNOWN).0);
}

/// An array of the names of flags, and of the bits that have none.
fn names(out: &mut Vec<u8>, names: impl Iterator<Item = &'static str>, reserved: u16) {
    let mut opening: &[u8] = b"[\"";
    for name in names {
        put(out, opening);
        put(out, name.as_bytes());
        opening = b"\",\"";
    }
    for bit in (0..u16::BITS).filter(|bit| reserved & (1 << bit) != 0) {
        put(out, opening);
        put(out, b"reserved_bit_");
        number(out, bit);
        opening = b"\",\"";
    }
    put(out, if opening == b"[\"" { b"[]" } else { b"\"]" });
}

/// A field of more than 32 bits: a string, as many readers of JSON keep only 53 bits of a number.
/// `key` has quotes and colon.
pub(super) fn wide(out: &mut Vec<u8>, key: &str, value: impl itoa::Integer) {
    put(out, key.as_bytes());
    put(out, b"\"");
    number(out, value);
    put(out, b"\"");
}

pub(super) fn wide_if_set(
    out: &mut Vec<u8>,
    key: &str,
    value: impl itoa::Integer + Default + PartialEq,
) {
    if value != Default::default() {
        wide(out, key, value);
    }
}

/// A field of at most 32 bits: a number. `key` has quotes and colon.
pub(super) fn narrow(out: &mut Vec<u8>, key: &str, value: impl Into<u32>) {
    put(out, key.as_bytes());
    number(out, value.into());
}

pub(super) fn narrow_if_set(out: &mut Vec<u8>, key: &str, value: impl Into<u32>) {
    let value = value.into();
    if value != 0 {
        narrow(out, key, value);
    }
}

#[inline]
pub(super) fn number(out: &mut Vec<u8>, value: impl itoa::Integer) {
    put(out, itoa::Buffer::new().format(value).as_bytes());
}

#[inline]
pub(super) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}
