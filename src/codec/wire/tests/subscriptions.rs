//! What subscriptions say and are told.

use crate::wire::*;
use ringfence_types::*;

fn subscribe() -> Subscribe {
    Subscribe {
        start: Start::After(41),
        name: 5,
        outcomes: true,
        events: false,
        commands: true,
        only_successes: true,
        operations: 1 << Op::CreateTransfer as u8,
        ledgers: vec![978, 840],
        accounts: vec![u128::MAX - 1, 2, 3],
    }
}

/// The messages of a stream that begins with the hello of a subscription.
fn decode(stream: &[u8]) -> Result<Vec<String>, Violation> {
    let mut hello = Vec::new();
    let greeting = ClientHello { mode: Mode::Subscription, ..ClientHello::default() };
    encode_client_hello(&greeting, &mut hello);
    let mut decoder = RequestDecoder::new();
    let mut all = Vec::new();
    for mut rest in [&hello[..], stream] {
        while !rest.is_empty() {
            rest = &rest[decoder.frames().feed(rest)..];
            while let Some(message) = decoder.next_message()? {
                all.push(format!("{message:?}"));
            }
        }
    }
    assert!(decoder.frames().is_empty());
    all.remove(0);
    Ok(all)
}

#[test]
fn a_subscription_arrives_as_it_was_sent() {
    let wishes = [
        subscribe(),
        Subscribe { start: Start::Now, name: 0, ..subscribe() },
        Subscribe { start: Start::Acknowledged, ledgers: vec![], accounts: vec![], ..subscribe() },
    ];
    for wish in wishes {
        let mut stream = Vec::new();
        encode_subscribe(&wish, &mut stream);
        encode_heartbeat(&mut stream);
        encode_acknowledge(77, &mut stream);
        let expected = [
            ClientMessage::Subscribe(wish),
            ClientMessage::Heartbeat,
            ClientMessage::Acknowledge(77),
        ];
        assert_eq!(decode(&stream), Ok(expected.map(|message| format!("{message:?}")).to_vec()));
    }
}

#[test]
fn what_breaks_a_subscription_is_named() {
    let changed = |at: usize, byte: u8| {
        let mut stream = Vec::new();
        encode_subscribe(&subscribe(), &mut stream);
        stream[at] = byte;
        let checksum = crc32c::crc32c(&stream[8..]);
        stream[4..8].copy_from_slice(&checksum.to_le_bytes());
        stream
    };
    let mut acknowledged = Vec::new();
    encode_acknowledge(1, &mut acknowledged);
    let mut twice = Vec::new();
    encode_subscribe(&subscribe(), &mut twice);
    encode_subscribe(&subscribe(), &mut twice);
    let mut batch = Vec::new();
    encode_batch(&[Command::create_account(Account::default())], &Request::NONE, &mut batch);
    let cases = [
        (changed(24, 1), Violation::ReservedNotZero("subscribe")),
        (changed(48, 8), Violation::BadValue("wants")),
        (changed(49, 2), Violation::BadValue("only_successes")),
        (changed(50, 1), Violation::BadValue("after_sequence")),
        (changed(50, 3), Violation::BadValue("after_sequence")),
        (changed(52, 1), Violation::BadCount(5)),
        (changed(64 + 4, 1), Violation::BadValue("ledger")),
        (acknowledged, Violation::UnexpectedMessage(7)),
        (twice, Violation::UnexpectedMessage(6)),
        (batch, Violation::UnexpectedMessage(2)),
    ];
    for (stream, violation) in cases {
        assert_eq!(decode(&stream), Err(violation));
    }
}

#[test]
fn what_a_subscriber_is_told_arrives_as_it_was_sent() {
    let subscribed = Subscribed {
        after_sequence: 1,
        oldest_sequence: 2,
        last_sequence: 3,
        ..Subscribed::default()
    };
    let origin = Origin {
        first_sequence: 4,
        first_timestamp: 5,
        commands: 2,
        op: Op::AmendOrder as u8,
        request: Request { session: 6, tag: 7, number: 8, reserved: 0 },
        ..Origin::default()
    };
    let progress = Progress { sequence: 9, last_sequence: 10 };
    let bodies = [Command::create_account(Account { id: 1, ..Account::default() }).body; 2];
    let mut stream = Vec::new();
    encode_engine_hello(&EngineHello::default(), &mut stream);
    encode_subscribed(&subscribed, &mut stream);
    encode_origin(&origin, &mut stream);
    encode_commands(Op::CreateAccount, 4, 5, bodies.iter(), &mut stream);
    encode_progress(&progress, &mut stream);
    encode_heartbeat(&mut stream);
    let mut decoder = ReplyDecoder::new();
    decoder.frames().feed(&stream);
    let expected = [
        Reply::Hello(EngineHello::default()),
        Reply::Subscribed(subscribed),
        Reply::Origin(origin),
        Reply::Commands {
            op: Op::CreateAccount,
            first_sequence: 4,
            first_timestamp: 5,
            bodies: &bodies,
        },
        Reply::Progress(progress),
        Reply::Heartbeat,
    ];
    for reply in expected {
        assert_eq!(decoder.next_reply(), Ok(Some(reply)));
    }
    assert_eq!(decoder.next_reply(), Ok(None));
}
