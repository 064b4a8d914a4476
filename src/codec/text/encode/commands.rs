//! Commands as input lines.

use super::json::{narrow, narrow_if_set, put, text, wide, wide_if_set};
use super::names::{KNOWN, account_flags, side, time_in_force, transfer_flags};
use ringfence_types::{
    Account, AccountFlags, AccountPolicy, Command, Frozen, LedgerPolicy, Market, Op, PairPolicy,
    PlaceOrder, PolicyLimits, Request, TimeInForce, Transfer, TransferFlags,
};

/// Appends `commands` as input lines, a line a batch: an array where the batch has more than one
/// command. Fields that are absent, zero or false are left out.
///
/// A bit of the flags that has no meaning has no name either, and is shown as `reserved_bit_N`.
///
/// # Panics
///
/// If the commands begin or end in the middle of a batch, or an operation is unknown: the journal
/// keeps whole batches, and its reader lets no other operations pass.
pub fn encode_commands(commands: &[Command], out: &mut Vec<u8>) {
    batches(commands, out, |_, out| put(out, b"{\"op\":\""));
}

/// As [`encode_commands`], but each object begins with its `sequence`, `first_sequence` for the
/// first, its `engine_timestamp`, and `session`, `request` and `tag` of its batch where that has any:
/// for people and programs that look into a journal.
///
/// # Panics
///
/// As [`encode_commands`].
pub fn encode_commands_with_sequence(
    first_sequence: u64,
    request: &Request,
    commands: &[Command],
    out: &mut Vec<u8>,
) {
    let mut sequence = first_sequence;
    batches(commands, out, |command, out| {
        wide(out, "{\"sequence\":", sequence);
        wide(out, ",\"engine_timestamp\":", command.header.timestamp);
        if request.is_named() {
            wide(out, ",\"session\":", request.session);
            wide(out, ",\"request\":", request.number);
        }
        if request.tag != 0 {
            wide(out, ",\"tag\":", request.tag);
        }
        put(out, b",\"op\":\"");
        sequence += 1;
    });
}

/// `open` begins the object of a command, up to its operation.
fn batches(commands: &[Command], out: &mut Vec<u8>, mut open: impl FnMut(&Command, &mut Vec<u8>)) {
    let mut expected_index = 0;
    for command in commands {
        let header = &command.header;
        assert_eq!(header.batch_index, expected_index, "a batch is written from its start");
        let is_array = header.batch_length > 1;
        if is_array {
            put(out, if header.batch_index == 0 { b"[" } else { b"," });
        }
        open(command, out);
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
        Op::SetAccountPolicy => account_policy_fields(body.account_policy(), out),
        Op::SetLedgerPolicy => ledger_policy_fields(body.ledger_policy(), out),
        Op::SetPairPolicy => pair_policy_fields(body.pair_policy(), out),
        Op::CreateMarket => market_fields(body.market(), out),
        Op::PlaceOrder => order_fields(body.order(), out),
        Op::AmendOrder => {
            let amendment = body.amendment();
            wide(out, ",\"id\":", amendment.id);
            wide_if_set(out, ",\"price\":", amendment.price);
            wide_if_set(out, ",\"quantity\":", amendment.quantity);
        }
        Op::LookupMarket => narrow(out, ",\"id\":", body.lookup().id as u32),
        Op::LookupQueue => wide(out, ",\"account_id\":", body.lookup().id),
        Op::ResolveQueues => narrow_if_set(out, ",\"ledger\":", body.resolve_queues().ledger),
        Op::RequeueTransfer => {
            let requeue = body.requeue();
            wide(out, ",\"id\":", requeue.id);
            if requeue.urgent != 0 {
                put(out, b",\"urgent\":true");
            }
        }
        Op::LookupAccount
        | Op::LookupTransfer
        | Op::LookupOrder
        | Op::CancelOrder
        | Op::CancelQueuedTransfer => {
            wide(out, ",\"id\":", body.lookup().id);
        }
        Op::Pulse => {}
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
        let (_, name) = known.expect(KNOWN);
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

fn market_fields(market: &Market, out: &mut Vec<u8>) {
    narrow(out, ",\"id\":", market.id);
    narrow_if_set(out, ",\"base_ledger\":", market.base_ledger);
    narrow_if_set(out, ",\"quote_ledger\":", market.quote_ledger);
    wide_if_set(out, ",\"lot\":", market.lot);
    wide_if_set(out, ",\"tick\":", market.tick);
    wide_if_set(out, ",\"base_account_id\":", market.base_account_id);
    wide_if_set(out, ",\"quote_account_id\":", market.quote_account_id);
    wide_if_set(out, ",\"fee_account_id\":", market.fee_account_id);
    wide_if_set(out, ",\"maker_fee\":", market.maker_fee);
    wide_if_set(out, ",\"taker_fee\":", market.taker_fee);
}

fn order_fields(order: &PlaceOrder, out: &mut Vec<u8>) {
    wide(out, ",\"id\":", order.id);
    narrow_if_set(out, ",\"market\":", order.market);
    text(out, ",\"side\":", side(order));
    if order.time_in_force != TimeInForce::Gtc as u8 {
        text(out, ",\"time_in_force\":", time_in_force(order));
    }
    if order.post_only != 0 {
        put(out, b",\"post_only\":true");
    }
    wide_if_set(out, ",\"base_account_id\":", order.base_account_id);
    wide_if_set(out, ",\"quote_account_id\":", order.quote_account_id);
    wide_if_set(out, ",\"price\":", order.price);
    wide_if_set(out, ",\"quantity\":", order.quantity);
    wide_if_set(out, ",\"budget\":", order.budget);
    narrow_if_set(out, ",\"timeout\":", order.timeout);
    wide_if_set(out, ",\"user_data_128\":", order.user_data_128);
}
