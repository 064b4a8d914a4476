//! What text costs, with `serde_json` alone on the same bytes beside it: read the ratio, not the time.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringfence::codec::text::{Clock, Decoder, encode_outcome};
use ringfence::types::{Op, Outcome, Status};
use serde::Deserialize;

const BATCH_COMMANDS: u64 = 100;

/// A transfer of [`line`] with its numbers as numbers, read by `serde_json` alone.
#[derive(Deserialize)]
#[expect(dead_code, reason = "what is timed is that they are read")]
struct Numbers<'a> {
    op: &'a str,
    id: u128,
    debit_account_id: u128,
    credit_account_id: u128,
    amount: u128,
    ledger: u32,
    code: u16,
}

/// A transfer of [`line`] with its wide numbers as strings, left as they are.
#[derive(Deserialize)]
#[expect(dead_code, reason = "what is timed is that they are read")]
struct Strings<'a> {
    op: &'a str,
    id: &'a str,
    debit_account_id: &'a str,
    credit_account_id: &'a str,
    amount: &'a str,
    ledger: u32,
    code: u16,
}

/// One batch of transfers.
fn line(quote: &str) -> String {
    let transfers: Vec<_> = (0..BATCH_COMMANDS)
        .map(|index| {
            let (id, amount) = (1_000_000 + index, 1 + index * 7919 % 100_000);
            let (debit, credit) = (1 + index * 31 % 10_000, 1 + index * 17 % 9_999);
            format!(
                r#"{{"op":"create_transfer","id":{quote}{id}{quote},"debit_account_id":{quote}{debit}{quote},"credit_account_id":{quote}{credit}{quote},"amount":{quote}{amount}{quote},"ledger":978,"code":7}}"#
            )
        })
        .collect();
    format!("[{}]", transfers.join(","))
}

/// Regressing `decoder` against its `serde_json` means that reading input takes a larger part of
/// `apply`, whose first stage it is.
fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec/decode");
    group.throughput(Throughput::Elements(BATCH_COMMANDS));
    let numbers = line("");
    group.bench_function(BenchmarkId::new("serde_json", "numbers"), |b| {
        b.iter(|| serde_json::from_slice::<Vec<Numbers>>(black_box(numbers.as_bytes())).unwrap());
    });
    let strings = line("\"");
    group.bench_function(BenchmarkId::new("serde_json", "strings"), |b| {
        b.iter(|| serde_json::from_slice::<Vec<Strings>>(black_box(strings.as_bytes())).unwrap());
    });
    let decoder = Decoder::new(Clock::System);
    let mut batch = Vec::new();
    for (name, line) in [("numbers", &numbers), ("strings", &strings)] {
        group.bench_function(BenchmarkId::new("decoder", name), |b| {
            b.iter(|| decoder.decode(black_box(line.as_bytes()), &mut batch).unwrap());
        });
    }
    group.finish();
}

/// Regressing this means that every answered command costs more to print.
fn encode(c: &mut Criterion) {
    let outcomes: Vec<_> = (0..BATCH_COMMANDS)
        .map(|index| Outcome {
            id: 1_000_000 + u128::from(index),
            timestamp: 1_700_000_000_000_000_000 + index,
            status: Status::Created as u16,
            op: Op::CreateTransfer as u8,
            ..Outcome::default()
        })
        .collect();
    let mut group = c.benchmark_group("codec/encode");
    group.throughput(Throughput::Elements(BATCH_COMMANDS));
    let mut lines = Vec::new();
    group.bench_function("outcomes", |b| {
        b.iter(|| {
            lines.clear();
            for (sequence, outcome) in (1_000_000..).zip(black_box(&outcomes)) {
                encode_outcome(sequence, outcome, &[], &mut lines);
            }
            lines.len()
        });
    });
    group.finish();
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
