//! The layout of snapshot files, and the digest, never change by accident: two small ones, byte for
//! byte.
//!
//! `RINGFENCE_BLESS=1` writes the files anew.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ringfence::engine::{Digest, Engine, OutcomeSink};
use ringfence::journal::{
    Anchor, Directory, Key, Snapshot, SnapshotWriter, WriteMode, snapshot_name,
};
use ringfence::node::replay::engine_of;
use ringfence::types::{
    Account, AccountPolicy, Capacities, Command, Event, LedgerPolicy, Lookup, Market, Outcome,
    PairPolicy, PlaceOrder, PolicyLimits, Request, Rules, Side, Transfer, TransferFlags,
    stamp_batch,
};

struct Nobody;

impl OutcomeSink for Nobody {
    fn event(&mut self, _: &Event) {}

    fn outcome(&mut self, _: u64, _: &Outcome) {}
}

fn golden_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

const SECRET: &[u8] = b"correct horse battery staple";

/// The golden files, and the key that each is sealed with.
fn goldens() -> [(&'static str, Option<Key>); 2] {
    [("snapshot-3.bin", None), ("snapshot-3-sealed.bin", Some(Key::of_secret(SECRET)))]
}

/// Small tables, so that the test needs little memory.
fn rules() -> Rules {
    let capacities = Capacities { accounts: 8, transfers: 16, policies: 8, markets: 2, orders: 8 };
    Rules::new(capacities, [7, 8])
}

/// An engine with something in every section that there is.
fn engine() -> (Engine, Anchor) {
    let (mut engine, anchor) = engine_without_sessions();
    let (last_sequence, last_timestamp) = (anchor.last_sequence, anchor.last_timestamp);
    // The order of the sections' records is that of the last requests, not that of the first.
    for (session, number, back) in [(77, 1, 3), (1 << 127, 5, 2), (77, 9, 0)] {
        let request = Request { session, number, ..Request::NONE };
        engine.take_in(&request, last_sequence - back, last_timestamp - back);
    }
    (engine, anchor)
}

fn engine_without_sessions() -> (Engine, Anchor) {
    let account = |id| Account { id, ledger: 1, code: 1, ..Account::default() };
    let transfer = |id, debit, credit| Transfer {
        id,
        debit_account_id: debit,
        credit_account_id: credit,
        amount: 100 + id,
        user_data_128: 0x1111,
        user_data_64: 0x2222,
        user_data_32: 0x3333,
        ledger: 1,
        code: 9,
        ..Transfer::default()
    };
    let pending = Transfer { timeout: 60, flags: TransferFlags::PENDING, ..transfer(11, 1, 2) };
    let post = Transfer {
        id: 13,
        pending_id: 12,
        amount: u128::MAX,
        flags: TransferFlags::POST_PENDING_TRANSFER,
        ..Transfer::default()
    };
    let policy = AccountPolicy {
        account_id: 1,
        debit_spend_amount: 1_000,
        debit_spend_window_seconds: 3_600,
        debit_rate_count: 7,
        debit_rate_window_seconds: 60,
        limits: PolicyLimits::DEBIT_SPEND_AMOUNT.with(PolicyLimits::DEBIT_RATE),
        ..AccountPolicy::default()
    };
    let second = AccountPolicy { account_id: 2, ..policy };
    let none = AccountPolicy { account_id: 2, ..AccountPolicy::default() };
    let ledger = LedgerPolicy {
        ledger: 1,
        amount_max: 5_000,
        limits: PolicyLimits::AMOUNT_MAX,
        ..LedgerPolicy::default()
    };
    let pair = PairPolicy {
        debit_account_id: 3,
        credit_account_id: 1,
        blocked: 1,
        ..PairPolicy::default()
    };
    let quote = |id| Account { ledger: 2, ..account(id) };
    let market = Market {
        id: 9,
        base_ledger: 1,
        quote_ledger: 2,
        lot: 10,
        tick: 2,
        base_account_id: 3,
        quote_account_id: 4,
        fee_account_id: 4,
        maker_fee: 1,
        taker_fee: 3,
        ..Market::default()
    };
    let order = |id, side: Side, base_account_id, quote_account_id| PlaceOrder {
        id,
        market: 9,
        side: side as u8,
        base_account_id,
        quote_account_id,
        price: 50,
        quantity: 4,
        timeout: 90,
        user_data_128: 0x4444,
        ..PlaceOrder::default()
    };
    let batches: Vec<Vec<Command>> = vec![
        [1, 2, 3].map(|id| Command::create_account(account(id))).to_vec(),
        [4, 5, 6].map(|id| Command::create_account(quote(id))).to_vec(),
        vec![Command::create_market(market)],
        vec![
            Command::place_order(order(20, Side::Sell, 1, 5)),
            Command::place_order(PlaceOrder { quantity: 3, ..order(21, Side::Buy, 2, 6) }),
            // Refused, which spends the id.
            Command::place_order(order(22, Side::Buy, 2, 77)),
        ],
        vec![Command::set_account_policy(policy), Command::set_account_policy(second)],
        vec![Command::set_account_policy(none)],
        vec![Command::set_ledger_policy(ledger)],
        vec![Command::set_pair_policy(pair)],
        vec![
            Command::create_transfer(transfer(10, 1, 2)),
            Command::create_transfer(pending),
            Command::create_transfer(Transfer { id: 12, timeout: 0, ..pending }),
            Command::create_transfer(post),
            // Refused, which spends the id.
            Command::create_transfer(transfer(14, 3, 1)),
        ],
        vec![Command::lookup_account(Lookup { id: 1, ..Lookup::default() })],
    ];
    let mut engine = Engine::new(&rules()).unwrap();
    let (mut sequence, mut last_timestamp) = (0, 0);
    for mut batch in batches {
        stamp_batch(&mut batch, last_timestamp, 1_700_000_000_000_000_000);
        engine.apply(sequence + 1, &batch, &mut Nobody);
        sequence += batch.len() as u64;
        last_timestamp = batch[batch.len() - 1].header.timestamp;
    }
    let anchor = Anchor {
        journal_id: *b"0123456789abcdef",
        last_sequence: sequence,
        last_timestamp,
        segment: 1,
        frame_checksum: 0xdead_beef,
        frame_offset: 4096,
        seal: [0; 16],
        epoch: 0,
        rules: rules(),
    };
    (engine, anchor)
}

#[test]
fn the_layout_and_the_digest_are_those_of_the_golden_files() {
    for (name, key) in goldens() {
        let folder = tempfile::tempdir().unwrap();
        let files = Directory::new(folder.path(), WriteMode::Buffered);
        let (engine, anchor) = engine();
        let Digest(digest) = engine.digest();
        let mut writer =
            SnapshotWriter::create(&files, &anchor, engine.event_timestamp(), digest, key).unwrap();
        engine.contents(&mut writer);
        writer.finish().unwrap();
        SnapshotWriter::install(&files, anchor.last_sequence).unwrap();
        let written = fs::read(folder.path().join(snapshot_name(anchor.last_sequence))).unwrap();
        if std::env::var_os("RINGFENCE_BLESS").is_some() {
            fs::write(golden_path(name), &written).unwrap();
        }
        let golden = fs::read(golden_path(name)).unwrap();
        let differs = written.iter().zip(&golden).position(|(one, other)| one != other);
        assert_eq!(differs, None, "{name}: the first byte that differs");
        assert_eq!(written.len(), golden.len(), "{name}");
    }
}

#[test]
fn an_engine_without_sessions_has_the_digest_that_it_had_before_there_were_any() {
    let of_format_2 = fs::read(golden_path("snapshot-2.bin")).unwrap();
    assert_eq!(engine_without_sessions().0.digest().0, of_format_2[96..128]);
    assert_ne!(engine().0.digest().0, of_format_2[96..128]);
}

#[test]
fn a_golden_file_is_still_read_and_a_flipped_byte_anywhere_in_it_is_found() {
    for (name, key) in goldens() {
        let folder = tempfile::tempdir().unwrap();
        let files = Directory::new(folder.path(), WriteMode::Buffered);
        let (engine, anchor) = engine();
        let path = folder.path().join(snapshot_name(anchor.last_sequence));
        let golden = fs::read(golden_path(name)).unwrap();
        fs::write(&path, &golden).unwrap();
        let snapshot = Snapshot::open_with(&files, anchor.last_sequence, key).unwrap();
        assert_eq!(snapshot.header().anchor(), anchor);
        snapshot.check().unwrap();
        let restored = engine_of(&snapshot).unwrap().unwrap();
        assert_eq!(restored.digest(), engine.digest());
        assert_eq!(restored.digest(), Digest(snapshot.header().digest));

        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        // All of the header's fields, then bytes of every kind in every piece.
        for byte in (0..400).chain((400..golden.len()).step_by(41)) {
            file.write_all_at(&[golden[byte] ^ 1 << (byte % 8)], byte as u64).unwrap();
            let found = Snapshot::open(&files, anchor.last_sequence).and_then(|it| it.check());
            let error = found.expect_err("every byte is under a checksum").to_string();
            assert!(error.contains(path.to_str().unwrap()), "{name}, byte {byte}: {error}");
            let offset = byte / 4096 * 4096;
            assert!(error.contains(&format!("at byte {offset}:")), "{name}, {byte}: {error}");
            file.write_all_at(&golden[byte..=byte], byte as u64).unwrap();
        }
    }
}

#[test]
fn the_seals_are_those_that_the_documentation_describes() {
    let mut file = fs::read(golden_path("snapshot-3-sealed.bin")).unwrap();
    let key = blake3::derive_key("ringfence 2026 journal key", SECRET);
    let seal = |bytes: &[u8]| blake3::keyed_hash(&key, bytes).as_bytes()[..16].to_vec();
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    assert_eq!(file[260..264], [1, 0, 0, 0], "it says that it is sealed");

    let header: Vec<u8> = file[..4096].to_vec();
    let of_header = header[272..288].to_vec();
    file[12..16].fill(0);
    file[272..288].fill(0);
    assert_eq!(seal(&file[..4096]), of_header);
    // The identity, the sequence, the epoch and the seal of the frame: what binds a piece to its
    // file.
    let bound = [&header[16..40], &header[264..272], &header[80..96]].concat();
    let mut pieces = 0;
    for entry in header[320..].chunks(32).take_while(|entry| entry[0] != 0) {
        let from = number(&entry[16..24]) as usize;
        let records = number(&entry[8..16]) as usize;
        let record_bytes = u32::from_le_bytes(entry[4..8].try_into().unwrap()) as usize;
        let bytes = (64 + records * record_bytes).next_multiple_of(4096);
        let piece = &mut file[from..from + bytes];
        let of_piece = piece[32..48].to_vec();
        piece[..4].fill(0);
        piece[32..48].fill(0);
        assert_eq!(seal(&[&bound[..], piece].concat()), of_piece, "the piece at byte {from}");
        pieces += 1;
    }
    assert!(pieces > 5);
}

#[test]
fn a_file_without_the_right_seals_is_refused_where_there_is_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let files = Directory::new(folder.path(), WriteMode::Buffered);
    let sequence = engine().1.last_sequence;
    let open = |golden: &str, key: Option<Key>| {
        fs::copy(golden_path(golden), folder.path().join(snapshot_name(sequence))).unwrap();
        let opened = Snapshot::open_with(&files, sequence, key);
        opened.and_then(|it| it.check()).map_err(|error| error.to_string())
    };
    let (ours, other) = (Some(Key::of_secret(SECRET)), Some(Key::of_secret(b"another")));
    assert_eq!(open("snapshot-3-sealed.bin", ours), Ok(()));
    assert_eq!(open("snapshot-3-sealed.bin", None), Ok(()), "checked by its checksums alone");
    //  name                                file                      key
    for (name, file, key, says) in [
        ("another key", "snapshot-3-sealed.bin", other, "the seal is not the key's"),
        ("no seals", "snapshot-3.bin", ours, "not sealed, though the journal has a key"),
        ("an old format", "snapshot-1.bin", None, "version 1 of the format, expected 3"),
        ("the last format", "snapshot-2.bin", None, "version 2 of the format, expected 3"),
    ] {
        let error = open(file, key).unwrap_err();
        assert!(error.contains(says), "{name}: {error}");
    }
}
