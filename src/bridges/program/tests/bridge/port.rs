//! A source in full flow: each message that is given comes back settled.

use std::time::Duration;

use ringfence_bridge_core::{
    ContentType, Context, EngineOptions, Giver, Identity, Message, Metrics, Port, PortOptions,
    Positions, Settlement, Stopper, open_port,
};
use ringfence_client::{Address, Token};

use crate::house::House;

/// Messages: many times what the worker takes in or hears back in one turn.
const MESSAGES: u64 = 60_000;

fn options() -> PortOptions {
    PortOptions {
        name: "payments".to_owned(),
        session: "bridge:payments".to_owned(),
        waits_for: Vec::new(),
        credit: 20_000,
        remember: 1,
        message_bytes_max: 1 << 20,
        drain: Duration::from_secs(5),
        by_offset: true,
    }
}

/// Gives payments between accounts that nobody has made: refused, which is an outcome too.
async fn give(giver: Giver<u64>) {
    for offset in 0..MESSAGES {
        let body = format!(
            r#"{{"op":"create_transfer","id":"{}","debit_account_id":"1","credit_account_id":"2",
            "amount":"5","ledger":978,"code":1}}"#,
            offset + 1
        );
        let message = Message {
            body: body.into_bytes(),
            content_type: ContentType::Json,
            identity: Identity::Offset(offset),
            handle: offset,
        };
        giver.give(message).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_that_is_given_is_settled_however_fast_they_come() {
    let house = House::new();
    let _engine = house.engine();
    let engine = EngineOptions {
        address: Address::Unix(house.socket()),
        token: Token::default(),
        tls: None,
    };
    let (_stopper, stop) = Stopper::new();
    let context =
        Context { engine, positions: Positions::default(), metrics: Metrics::default(), stop };
    let mut port: Port<u64> = open_port(options(), &context).await.unwrap();
    let giving = tokio::spawn(give(port.giver()));
    for expected in 0..MESSAGES {
        let next = tokio::time::timeout(Duration::from_secs(60), port.next()).await;
        let settled = next.unwrap_or_else(|_| panic!("{expected} is not settled"));
        let settled = settled.unwrap().expect("nobody has asked it to end");
        assert_eq!(settled.handle, expected);
        let is_done = matches!(settled.settlement, Settlement::Done(_));
        assert!(is_done, "{expected}: {:?}", settled.settlement);
    }
    giving.await.unwrap();
}
