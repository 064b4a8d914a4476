//! Payments in, outcomes out.

use brokers::{Kafka, or_skip};

use super::client::{make_topic, producer, send, send_with, wait_for};
use super::{configuration, transfer};
use crate::broker::amqp::account;
use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn each_payment_has_its_outcome_once() {
    let Some(broker) = or_skip(Kafka::start(1)) else { return };
    let house = House::new();
    let _engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", 3).await;
    let mut bridge = house.bridge(&configuration(&servers));
    let producer = producer(&servers);
    send(&producer, 0, &format!("[{},{}]", account(1), account(2))).await;
    let seen = wait_for(&servers, "outcomes.978", 2, &house);
    assert_eq!(seen[0].body["status"], "created");
    assert_eq!(seen[0].header("ce_type"), "ringfence.account.created");
    assert_eq!(seen[0].header("ringfence-request"), "1", "offset 0");

    // What is no command is a dead letter, unchanged, and stops nothing behind it.
    let bad = r#"{"op":"create_transfer","id":true}"#;
    send_with(&producer, 0, bad, &[("trace", "abc")]).await;
    let long = format!("{}{}", " ".repeat(2 << 20), transfer(9, 1, 2));
    send(&producer, 0, &long).await;
    send_with(&producer, 0, "<xml/>", &[("content-type", "application/xml")]).await;
    send(&producer, 0, &transfer(10, 1, 2)).await;
    let seen = wait_for(&servers, "outcomes.978", 3, &house);
    let ten = seen.iter().find(|it| it.body["id"] == "10").unwrap();
    assert_eq!(ten.body["status"], "created", "{}", ten.text);
    assert_eq!(ten.key, "1", "the account that pays");
    assert_eq!(ten.header("ringfence-status"), "created");
    let dead = wait_for(&servers, "payments.dead", 3, &house);
    let letter = dead.iter().find(|it| it.text == bad).unwrap();
    assert_eq!(letter.header("ringfence-error-field"), "id");
    assert_eq!(letter.header("ringfence-error-column"), "30");
    assert_eq!(letter.header("ringfence-offset"), "1");
    assert_eq!(letter.header("trace"), "abc");
    assert_eq!(letter.key, "k");
    assert!(dead.iter().any(|it| it.text == long));
    assert!(dead.iter().any(|it| it.text == "<xml/>"));

    // It goes on where it was, and repeats nothing.
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
    let _bridge = house.bridge(&configuration(&servers));
    send(&producer, 1, &transfer(11, 1, 2)).await;
    let seen = wait_for(&servers, "outcomes.978", 4, &house);
    let transfers = seen.iter().filter(|it| it.body["op"] == "create_transfer").count();
    assert_eq!((seen.len(), transfers), (4, 2));
    assert_eq!(house.account(1).debits_posted, 10);
}
