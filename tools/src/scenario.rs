//! Batches that can be run again: compared, shrunk to what matters, and printed.
//!
//! ```text
//!   batches ──▶ twin ────▶ answers ─┐
//!           └─▶ subject ──▶ answers ─┴─▶ first difference ──▶ shrink ──▶ lines to replay by hand
//! ```

use std::fmt::Write as _;

use ringfence::types::{
    Account, AccountPolicy, CancelReason, Command, Event, EventKind, Frozen, IdTime, LedgerPolicy,
    Market, Op, PairPolicy, PlaceOrder, PolicyLimits, Rules, SettledBy, Side, Status, TimeInForce,
    Transfer, stamp_batch,
};

use crate::twin::{Answer, Twin};

/// A stamped batch.
pub type Batch = Vec<Command>;

/// Something that answers commands as the twin does.
pub trait Subject {
    /// Answers whole, stamped batches, laid one after the other.
    fn apply(&mut self, commands: &[Command]) -> Vec<Answer>;

    /// Every account as a look-up shows it, in order of creation.
    fn accounts(&self) -> Vec<Account>;
}

impl Subject for Twin {
    fn apply(&mut self, commands: &[Command]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(commands.len());
        let mut rest = commands;
        while let Some(first) = rest.first() {
            let (batch, others) = rest.split_at(usize::from(first.header.batch_length));
            answers.extend(Twin::apply(self, batch));
            rest = others;
        }
        answers
    }

    fn accounts(&self) -> Vec<Account> {
        Twin::accounts(self)
    }
}

/// Whether both answer a batch alike. Returns the answers.
///
/// # Errors
///
/// What differs, for people.
pub fn compare_batch(
    twin: &mut Twin,
    subject: &mut impl Subject,
    batch: &[Command],
) -> Result<Vec<Answer>, String> {
    let expected = twin.apply(batch);
    let found = subject.apply(batch);
    if expected == found { Ok(expected) } else { Err(explain(batch, &expected, &found)) }
}

/// Whether both hold the same accounts.
///
/// # Errors
///
/// What differs, for people.
pub fn compare_accounts(twin: &Twin, subject: &impl Subject) -> Result<(), String> {
    let (expected, found) = (twin.accounts(), subject.accounts());
    if expected == found {
        return Ok(());
    }
    let mut text =
        format!("the twin holds {} accounts, the subject {}", expected.len(), found.len());
    if let Some((twins, subjects)) = expected.iter().zip(&found).find(|(a, b)| a != b) {
        let _ = write!(text, "\n  twin:    {twins:?}\n  subject: {subjects:?}");
    }
    Err(text)
}

fn explain(batch: &[Command], expected: &[Answer], found: &[Answer]) -> String {
    let mut text = String::new();
    if expected.len() != found.len() {
        let _ = writeln!(text, "{} commands, {} answers", batch.len(), found.len());
    }
    let differ = |(_, (twin, subject)): &(_, (&Answer, &Answer))| twin != subject;
    for (command, (twin, subject)) in batch.iter().zip(expected.iter().zip(found)).filter(differ) {
        let _ = writeln!(text, "{}", line_of(command));
        let _ = writeln!(text, "  twin:    {}", describe(twin));
        let _ = writeln!(text, "  subject: {}", describe(subject));
    }
    text
}

/// An answer for people.
#[must_use]
pub fn describe(answer: &Answer) -> String {
    let outcome = &answer.outcome;
    let mut text = format!("{} at {}", outcome.status().name(), outcome.timestamp);
    if outcome.detail != [0; 4] {
        let _ = write!(text, ", detail {:?}", outcome.detail);
    }
    if outcome.reserved != [0; 3] {
        let _ = write!(text, ", reserved {:?}", outcome.reserved);
    }
    let _ = write!(text, ", op {} id {} session {}", outcome.op, outcome.id, outcome.session);
    for event in &answer.events {
        let _ = write!(text, "\n           {}", describe_event(event));
    }
    text
}

/// What a numbered event tells, in a few words; `None` for the body of a look-up.
#[must_use]
pub fn tell(event: &Event) -> Option<String> {
    let body = &event.body;
    Some(match event.kind() {
        EventKind::TransferExpired => format!("transfer_expired {}", body.transfer_event().id),
        EventKind::TransferSettled => {
            let it = body.transfer_event();
            let by = SettledBy::from_number(it.by).map_or("?", SettledBy::name);
            format!("transfer_settled {} {by}", it.id)
        }
        EventKind::TransferDropped => {
            let it = body.transfer_event();
            let status = Status::from_number(it.status).map_or("?", Status::name);
            format!("transfer_dropped {} {status}", it.id)
        }
        EventKind::Trade => {
            let it = body.trade();
            format!(
                "trade {} with {}: {} at {}, fees {} and {}",
                it.taker_order_id,
                it.maker_order_id,
                it.quantity,
                it.price,
                it.taker_fee,
                it.maker_fee
            )
        }
        EventKind::OrderCancelled => {
            let it = body.cancellation();
            let reason = CancelReason::from_number(it.reason).map_or("?", CancelReason::name);
            format!("order_cancelled {} {reason} {}", it.id, it.remaining)
        }
        _ => return None,
    })
}

fn describe_event(event: &Event) -> String {
    let body = &event.body;
    let body = match event.kind() {
        EventKind::AccountBody => format!("{:?}", body.account()),
        EventKind::TransferBody => format!("{:?}", body.transfer()),
        EventKind::OrderBody => format!("{:?}", body.order()),
        EventKind::MarketBody => format!("{:?}", body.market()),
        EventKind::BidsBody | EventKind::AsksBody => format!("{:?}", body.levels()),
        EventKind::QueueBody => format!("{:?}", body.queue()),
        EventKind::TransferExpired | EventKind::TransferSettled | EventKind::TransferDropped => {
            format!("{:?}", body.transfer_event())
        }
        EventKind::Trade => format!("{:?}", body.trade()),
        EventKind::OrderCancelled => format!("{:?}", body.cancellation()),
    };
    let Event { number, sequence, timestamp, session, lead, .. } = event;
    let kind = event.kind().name();
    format!("{kind} {number} of {sequence} (−{lead}) at {timestamp}, session {session}: {body}")
}

/// Runs batches through a fresh twin and a fresh subject; tells where they part first, in an answer
/// or, at the end, in an account.
pub fn first_difference<S: Subject>(
    rules: &Rules,
    batches: &[Batch],
    new_subject: &impl Fn(&Rules) -> S,
) -> Option<String> {
    let mut twin = Twin::new(rules);
    let mut subject = new_subject(rules);
    let mut part = || {
        for batch in batches {
            compare_batch(&mut twin, &mut subject, batch)?;
        }
        compare_accounts(&twin, &subject)
    };
    part().err()
}

/// Drops batches and commands for as long as `fails` still holds of what is left. Time stays as it
/// was for every batch that is left, as far as it can.
#[must_use]
pub fn shrink(batches: &[Batch], fails: impl Fn(&[Batch]) -> bool) -> Vec<Batch> {
    let mut kept = drop_pieces(batches, |kept| fails(&restamp(kept)));
    for index in 0..kept.len() {
        let batch = kept[index].clone();
        kept[index] = drop_pieces(&batch, |commands| {
            let mut tried = kept.clone();
            tried[index] = commands.to_vec();
            !commands.is_empty() && fails(&restamp(&tried))
        });
    }
    // What is left of a batch may make another one needless.
    let kept = drop_pieces(&kept, |kept| fails(&restamp(kept)));
    restamp(&kept)
}

/// Drops ever smaller pieces of `whole` while `fails` holds of the rest.
fn drop_pieces<T: Clone>(whole: &[T], fails: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut kept = whole.to_vec();
    let mut length = kept.len().div_ceil(2);
    while length > 0 && !kept.is_empty() {
        let mut start = 0;
        let mut dropped = false;
        while start < kept.len() {
            let end = (start + length).min(kept.len());
            let mut tried = kept[..start].to_vec();
            tried.extend_from_slice(&kept[end..]);
            if fails(&tried) {
                kept = tried;
                dropped = true;
            } else {
                start = end;
            }
        }
        length = if length == 1 && dropped { 1 } else { length / 2 };
    }
    kept
}

/// The same batches, stamped as a gateway would whose clock reads what it read then.
fn restamp(batches: &[Batch]) -> Vec<Batch> {
    let mut previous = 0;
    let mut stamped = batches.to_vec();
    for batch in stamped.iter_mut().filter(|batch| !batch.is_empty()) {
        let clock_ns = batch[0].header.timestamp;
        previous = stamp_batch(batch, previous, clock_ns);
    }
    stamped
}

/// The batches as lines that can be replayed by hand with a manual clock. Flags without a name,
/// which the text format cannot say, are printed as `bit_N`.
#[must_use]
pub fn lines_of(rules: &Rules, batches: &[Batch]) -> String {
    let capacities = &rules.capacities;
    let mut text = format!(
        "# --clock manual --accounts {} --transfers {} --policies {} --markets {} --orders {}",
        capacities.accounts,
        capacities.transfers,
        capacities.policies,
        capacities.markets,
        capacities.orders
    );
    if rules.retention_ns > 0 {
        let _ = write!(text, " --retention {}ns", rules.retention_ns);
    }
    if rules.id_time == IdTime::Ulid as u32 {
        text.push_str(" --id-time ulid");
    }
    text.push('\n');
    let mut previous = 0;
    for batch in batches {
        let first = batch[0].header.timestamp;
        if first > previous + 1 {
            let step_ns = first - previous;
            let _ = writeln!(text, "{{\"op\":\"advance_clock\",\"nanoseconds\":{step_ns}}}");
        }
        let lines: Vec<String> = batch.iter().map(line_of).collect();
        let _ = writeln!(text, "[{}]", lines.join(","));
        previous = batch[batch.len() - 1].header.timestamp;
    }
    text
}

/// Writes the fields of one command that are not zero.
struct Fields(String);

impl Fields {
    fn number(&mut self, name: &str, value: impl Into<u128>) -> &mut Fields {
        let value = value.into();
        if value != 0 {
            let _ = write!(self.0, ",\"{name}\":\"{value}\"");
        }
        self
    }

    fn flags(&mut self, bits: u16, name_of: impl Fn(u16) -> Option<&'static str>) -> &mut Fields {
        let names: Vec<String> = (0..16)
            .filter(|bit| bits & (1 << bit) != 0)
            .map(|bit| name_of(1 << bit).map_or(format!("\"bit_{bit}\""), |n| format!("\"{n}\"")))
            .collect();
        if !names.is_empty() {
            let _ = write!(self.0, ",\"flags\":[{}]", names.join(","));
        }
        self
    }
}

/// One command as one JSON object.
#[must_use]
pub fn line_of(command: &Command) -> String {
    let mut fields = Fields(format!("{{\"op\":\"{}\"", command.op().name()));
    match command.op() {
        Op::CreateAccount => account_fields(&mut fields, command.body.account()),
        Op::CreateTransfer => transfer_fields(&mut fields, command.body.transfer()),
        Op::LookupAccount | Op::LookupTransfer => {
            fields.number("id", command.id());
        }
        Op::SetAccountPolicy => account_policy_fields(&mut fields, command.body.account_policy()),
        Op::SetLedgerPolicy => ledger_policy_fields(&mut fields, command.body.ledger_policy()),
        Op::SetPairPolicy => pair_policy_fields(&mut fields, command.body.pair_policy()),
        Op::CreateMarket => market_fields(&mut fields, command.body.market()),
        Op::PlaceOrder => order_fields(&mut fields, command.body.order()),
        Op::AmendOrder => {
            let amendment = command.body.amendment();
            fields
                .number("id", amendment.id)
                .number("price", amendment.price)
                .number("quantity", amendment.quantity);
        }
        Op::LookupQueue => {
            fields.number("account_id", command.body.lookup().id);
        }
        Op::LookupOrder | Op::LookupMarket | Op::CancelOrder | Op::CancelQueuedTransfer => {
            fields.number("id", command.id());
        }
        Op::RequeueTransfer => {
            let requeue = command.body.requeue();
            fields.number("id", requeue.id);
            let _ = write!(fields.0, ",\"urgent\":{}", requeue.urgent != 0);
        }
        Op::ResolveQueues => {
            fields.number("ledger", command.body.resolve_queues().ledger);
        }
        Op::Pulse => {}
    }
    fields.0.push('}');
    fields.0
}

fn account_fields(fields: &mut Fields, account: &Account) {
    use ringfence::types::AccountFlags as Flags;
    let name_of = |bit| Flags::NAMES.iter().find(|(flag, _)| flag.0 == bit).map(|named| named.1);
    fields
        .number("id", account.id)
        .number("debits_pending", account.debits_pending)
        .number("debits_posted", account.debits_posted)
        .number("credits_pending", account.credits_pending)
        .number("credits_posted", account.credits_posted)
        .number("user_data_128", account.user_data_128)
        .number("user_data_64", account.user_data_64)
        .number("user_data_32", account.user_data_32)
        .number("ledger", account.ledger)
        .number("code", account.code)
        .flags(account.flags.0, name_of)
        .number("timestamp", account.timestamp);
}

fn transfer_fields(fields: &mut Fields, transfer: &Transfer) {
    use ringfence::types::TransferFlags as Flags;
    let name_of = |bit| Flags::NAMES.iter().find(|(flag, _)| flag.0 == bit).map(|named| named.1);
    fields
        .number("id", transfer.id)
        .number("debit_account_id", transfer.debit_account_id)
        .number("credit_account_id", transfer.credit_account_id);
    // A post without an amount means the whole, so 0 has to be said.
    let _ = write!(fields.0, ",\"amount\":\"{}\"", transfer.amount);
    fields
        .number("pending_id", transfer.pending_id)
        .number("user_data_128", transfer.user_data_128)
        .number("user_data_64", transfer.user_data_64)
        .number("user_data_32", transfer.user_data_32)
        .number("timeout", transfer.timeout)
        .number("ledger", transfer.ledger)
        .number("code", transfer.code)
        .flags(transfer.flags.0, name_of)
        .number("timestamp", transfer.timestamp);
}

fn market_fields(fields: &mut Fields, market: &Market) {
    fields
        .number("id", market.id)
        .number("base_ledger", market.base_ledger)
        .number("quote_ledger", market.quote_ledger)
        .number("lot", market.lot)
        .number("tick", market.tick)
        .number("base_account_id", market.base_account_id)
        .number("quote_account_id", market.quote_account_id)
        .number("fee_account_id", market.fee_account_id)
        .number("maker_fee", market.maker_fee)
        .number("taker_fee", market.taker_fee);
}

fn order_fields(fields: &mut Fields, order: &PlaceOrder) {
    fields.number("id", order.id).number("market", order.market);
    if let Some(side) = Side::from_number(order.side) {
        let _ = write!(fields.0, ",\"side\":\"{}\"", side.name());
    }
    if let Some(time_in_force) = TimeInForce::from_number(order.time_in_force) {
        let _ = write!(fields.0, ",\"time_in_force\":\"{}\"", time_in_force.name());
    }
    let _ = write!(fields.0, ",\"post_only\":{}", order.post_only != 0);
    fields
        .number("base_account_id", order.base_account_id)
        .number("quote_account_id", order.quote_account_id)
        .number("price", order.price)
        .number("quantity", order.quantity)
        .number("budget", order.budget)
        .number("timeout", order.timeout)
        .number("user_data_128", order.user_data_128);
}

fn account_policy_fields(fields: &mut Fields, policy: &AccountPolicy) {
    fields.number("account_id", policy.account_id);
    if let Some(frozen) = Frozen::from_number(policy.frozen) {
        let named = Frozen::NAMES.iter().find(|(value, _)| *value == frozen);
        let _ = write!(fields.0, ",\"frozen\":\"{}\"", named.map_or("?", |named| named.1));
    }
    let text = &mut fields.0;
    let limits = policy.limits;
    if limits.has(PolicyLimits::DEBIT_AMOUNT_MAX) {
        let _ = write!(text, ",\"debit_amount_max\":\"{}\"", policy.debit_amount_max);
    }
    if limits.has(PolicyLimits::CREDIT_AMOUNT_MAX) {
        let _ = write!(text, ",\"credit_amount_max\":\"{}\"", policy.credit_amount_max);
    }
    if limits.has(PolicyLimits::DEBIT_RATE) {
        let (count, window) = (policy.debit_rate_count, policy.debit_rate_window_seconds);
        let _ =
            write!(text, ",\"debit_rate\":{{\"count\":\"{count}\",\"window_seconds\":{window}}}");
    }
    let has_amount = limits.has(PolicyLimits::DEBIT_SPEND_AMOUNT);
    let has_count = limits.has(PolicyLimits::DEBIT_SPEND_COUNT);
    if has_amount || has_count {
        text.push_str(",\"debit_spend\":{");
        if has_amount {
            let _ = write!(text, "\"amount\":\"{}\",", policy.debit_spend_amount);
        }
        if has_count {
            let _ = write!(text, "\"count\":\"{}\",", policy.debit_spend_count);
        }
        let _ = write!(text, "\"window_seconds\":{}}}", policy.debit_spend_window_seconds);
    }
}

fn ledger_policy_fields(fields: &mut Fields, policy: &LedgerPolicy) {
    fields
        .number("ledger", policy.ledger)
        .number("open_second", policy.open_second)
        .number("close_second", policy.close_second);
    if policy.limits.has(PolicyLimits::AMOUNT_MAX) {
        let _ = write!(fields.0, ",\"amount_max\":\"{}\"", policy.amount_max);
    }
    let _ = write!(fields.0, ",\"halted\":{}", policy.halted != 0);
}

fn pair_policy_fields(fields: &mut Fields, policy: &PairPolicy) {
    fields
        .number("debit_account_id", policy.debit_account_id)
        .number("credit_account_id", policy.credit_account_id);
    let _ = write!(fields.0, ",\"blocked\":{}", policy.blocked != 0);
}
