//! Commands written as input lines, and read back.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::encoded;
use crate::text::{
    Clock, Decoder, Exporter, Input, encode_commands, encode_commands_with_sequence,
};
use ringfence_types::*;

#[test]
fn commands_are_printed_as_input_lines_that_keep_their_batches() {
    let transfer = Transfer { id: 5, flags: TransferFlags(1 << 15 | 1), ..Transfer::default() };
    let lookup = Lookup { id: 1, ..Lookup::default() };
    let mut batch = [Command::create_transfer(transfer); 2];
    let last = stamp_batch(&mut batch, 0, 100);
    let mut single = [Command::lookup_account(lookup)];
    let last = stamp_batch(&mut single, last, 0);
    let mut pulse = [Command::pulse()];
    stamp_batch(&mut pulse, last, 0);
    let commands = [&batch[..], &single, &pulse].concat();
    let expected = concat!(
        r#"[{"sequence":"7","engine_timestamp":"100","op":"create_transfer","id":"5","amount":"0","flags":["linked","reserved_bit_15"]},"#,
        r#"{"sequence":"8","engine_timestamp":"101","op":"create_transfer","id":"5","amount":"0","flags":["linked","reserved_bit_15"]}]"#,
        "\n",
        r#"{"sequence":"9","engine_timestamp":"102","op":"lookup_account","id":"1"}"#,
        "\n",
        r#"{"sequence":"10","engine_timestamp":"103","op":"pulse"}"#,
        "\n",
    );
    let none = Request::NONE;
    assert_eq!(encoded(|out| encode_commands_with_sequence(7, &none, &commands, out)), expected);
    let request = Request { session: 1 << 100, tag: 5, number: 6, reserved: 0 };
    let expected = concat!(
        r#"{"sequence":"9","engine_timestamp":"102","session":"1267650600228229401496703205376","#,
        r#""request":"6","tag":"5","op":"lookup_account","id":"1"}"#,
        "\n",
    );
    assert_eq!(encoded(|out| encode_commands_with_sequence(9, &request, &single, out)), expected);
}

/// A command whose fields are each zero, small or anything, with equal odds.
fn any_command(op: Op, random: &mut Pcg64) -> Command {
    let mut wide = || match random.random_range(0..3) {
        0 => 0,
        1 => random.random_range(0..10),
        _ => random.random::<u128>(),
    };
    match op {
        Op::CreateAccount => Command::create_account(Account {
            id: wide(),
            debits_pending: wide(),
            debits_posted: wide(),
            credits_pending: wide(),
            credits_posted: wide(),
            user_data_128: wide(),
            user_data_64: wide() as u64,
            user_data_32: wide() as u32,
            reserved: 0,
            ledger: wide() as u32,
            code: wide() as u16,
            flags: AccountFlags(wide() as u16),
            timestamp: wide() as u64,
        }),
        Op::CreateTransfer => Command::create_transfer(Transfer {
            id: wide(),
            debit_account_id: wide(),
            credit_account_id: wide(),
            amount: wide(),
            pending_id: wide(),
            user_data_128: wide(),
            user_data_64: wide() as u64,
            user_data_32: wide() as u32,
            timeout: wide() as u32,
            ledger: wide() as u32,
            code: wide() as u16,
            flags: TransferFlags(wide() as u16),
            timestamp: wide() as u64,
        }),
        op if op.names_an_id_alone() => {
            let id = if op.has_market_id() { wide() as u32 as u128 } else { wide() };
            Command::of_lookup(op, Lookup { id, reserved: [0; 7] })
        }
        Op::CreateMarket => Command::create_market(Market {
            id: wide() as u32,
            base_ledger: wide() as u32,
            quote_ledger: wide() as u32,
            lot: wide() as u64,
            tick: wide() as u64,
            base_account_id: wide(),
            quote_account_id: wide(),
            fee_account_id: wide(),
            maker_fee: wide() as u64,
            taker_fee: wide() as u64,
            ..Market::default()
        }),
        Op::PlaceOrder => Command::place_order(PlaceOrder {
            id: wide(),
            market: wide() as u32,
            side: wide() as u8 % 2 + 1,
            time_in_force: wide() as u8 % 4,
            post_only: wide() as u8 & 1,
            base_account_id: wide(),
            quote_account_id: wide(),
            price: wide() as u64,
            quantity: wide() as u64,
            budget: wide(),
            timeout: wide() as u32,
            user_data_128: wide(),
            ..PlaceOrder::default()
        }),
        Op::AmendOrder => Command::amend_order(AmendOrder {
            id: wide(),
            price: wide() as u64,
            quantity: wide() as u64,
            ..AmendOrder::default()
        }),
        Op::ResolveQueues => Command::resolve_queues(ResolveQueues {
            ledger: wide() as u32,
            ..ResolveQueues::default()
        }),
        Op::RequeueTransfer => Command::requeue_transfer(RequeueTransfer {
            id: wide(),
            urgent: wide() as u8 & 1,
            ..RequeueTransfer::default()
        }),
        Op::SetAccountPolicy => {
            let limits = PolicyLimits(wide() as u8 & PolicyLimits::KNOWN.0);
            let mut value = |limit| if limits.has(limit) { wide() } else { 0 };
            let spend = PolicyLimits::DEBIT_SPEND_AMOUNT.with(PolicyLimits::DEBIT_SPEND_COUNT);
            let policy = AccountPolicy {
                debit_amount_max: value(PolicyLimits::DEBIT_AMOUNT_MAX),
                credit_amount_max: value(PolicyLimits::CREDIT_AMOUNT_MAX),
                debit_spend_amount: value(PolicyLimits::DEBIT_SPEND_AMOUNT),
                debit_spend_count: value(PolicyLimits::DEBIT_SPEND_COUNT) as u64,
                debit_rate_count: value(PolicyLimits::DEBIT_RATE) as u64,
                debit_spend_window_seconds: value(spend) as u32,
                debit_rate_window_seconds: value(PolicyLimits::DEBIT_RATE) as u32,
                limits,
                ..AccountPolicy::default()
            };
            Command::set_account_policy(AccountPolicy {
                account_id: wide(),
                frozen: wide() as u8 % 4,
                ..policy
            })
        }
        Op::SetLedgerPolicy => {
            let limited = wide().is_multiple_of(2);
            Command::set_ledger_policy(LedgerPolicy {
                amount_max: if limited { wide() } else { 0 },
                ledger: wide() as u32,
                open_second: wide() as u32,
                close_second: wide() as u32,
                halted: wide() as u8 & 1,
                limits: PolicyLimits(limited as u8),
                ..LedgerPolicy::default()
            })
        }
        Op::SetPairPolicy => Command::set_pair_policy(PairPolicy {
            debit_account_id: wide(),
            credit_account_id: wide(),
            blocked: wide() as u8 & 1,
            ..PairPolicy::default()
        }),
        Op::Pulse => Command::pulse(),
        op => unreachable!("{op:?} names an id alone"),
    }
}

#[test]
fn printed_commands_decode_to_themselves() {
    let seed = 0xc0dec;
    let mut random = Pcg64::seed_from_u64(seed);
    let decoder = Decoder::new(Clock::Manual);
    let mut decoded = Vec::new();
    for round in 0..3000 {
        let op = Op::ALL[round % Op::ALL.len()];
        let length = if op == Op::Pulse { 1 } else { random.random_range(1..4) };
        let mut batch: Vec<_> = (0..length).map(|_| any_command(op, &mut random)).collect();
        stamp_batch(&mut batch, 0, 1000);
        let line = encoded(|out| encode_commands(&batch, out));
        let result = decoder.decode(line.trim_end().as_bytes(), &mut decoded);
        assert_eq!(result, Ok(Input::Batch), "seed {seed}: {line}");
        for (command, decoded) in batch.iter().zip(&decoded) {
            assert_eq!(command.body, decoded.body, "seed {seed}: {line}");
            assert_eq!(command.header.op, decoded.header.op, "seed {seed}: {line}");
        }
        assert_eq!(batch.len(), decoded.len());
    }
}

#[test]
fn an_export_sets_the_clock_only_where_it_was_not_the_next_nanosecond() {
    let lookup = Command::lookup_account(Lookup { id: 1, ..Lookup::default() });
    let mut exporter = Exporter::after(10);
    //  commands, their clock, lines
    let cases = [
        (2, 11, ""),
        (1, 0, ""),
        (3, 15, "{\"op\":\"advance_clock\",\"nanoseconds\":\"2\"}\n"),
        (
            1,
            TIMESTAMP_MAX - 1,
            "{\"op\":\"advance_clock\",\"nanoseconds\":\"9223372036854775789\"}\n",
        ),
    ];
    let mut last = 10;
    for (length, clock_ns, expected) in cases {
        let mut batch = vec![lookup; length];
        last = stamp_batch(&mut batch, last, clock_ns);
        let commands = encoded(|out| encode_commands(&batch, out));
        let lines = encoded(|out| exporter.batch(&batch, out));
        assert_eq!(lines, format!("{expected}{commands}"));
    }
}
