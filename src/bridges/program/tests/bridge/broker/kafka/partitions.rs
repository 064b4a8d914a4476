//! Partitions that change hands, begin anew, or are away.

use std::time::{Duration, Instant};

use brokers::{Kafka, or_skip};

use super::client::{committed, delete_topic, is_in_step, make_topic, producer, send, wait_for};
use super::{configuration, transfer};
use crate::broker::amqp::account;
use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_made_anew_is_refused_until_the_generation_is_raised() {
    let Some(broker) = or_skip(Kafka::start(1)) else { return };
    let house = House::new();
    let _engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", 1).await;
    let first = producer(&servers);
    for id in 1..=3 {
        send(&first, 0, &account(id)).await;
    }
    let mut bridge = house.bridge(&configuration(&servers));
    wait_for(&servers, "outcomes.978", 3, &house);
    assert_eq!(bridge.stop(), Some(0));
    // It asks for the topic now and then, and the broker would make it.
    drop(first);
    delete_topic(&servers, "payments").await;
    make_topic(&servers, "payments", 1).await;
    send(&producer(&servers), 0, &account(4)).await;
    let mut bridge = house.bridge(&configuration(&servers));
    let says = || house.said("bridge.log").contains("payments:0 is not read: it ends at offset 1");
    house.eventually("the partition is refused", says);
    assert_eq!(bridge.stop(), Some(0));
    assert_eq!(committed(&servers, "outcomes.978").len(), 3);
    let raised = configuration(&servers).replace("topics =", "generation = 2\ntopics =");
    let _bridge = house.bridge(&raised);
    let seen = wait_for(&servers, "outcomes.978", 4, &house);
    assert!(seen.iter().any(|it| it.body["id"] == "4"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bridges_share_partitions_and_double_nothing() {
    let Some(broker) = or_skip(Kafka::start(1)) else { return };
    let house = House::new();
    let _engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", 3).await;
    let producer = producer(&servers);
    send(&producer, 0, &format!("[{},{}]", account(1), account(2))).await;
    let both = configuration(&servers);
    let source_only = both.split("[[sink]]").next().unwrap();
    let mut first = house.bridge(&both);
    wait_for(&servers, "outcomes.978", 2, &house);
    let mut sent = 0;
    for round in 0..3 {
        // The second joins in the first round; the first leaves in the second.
        let mut second = (round == 0).then(|| house.bridge(source_only));
        for _ in 0..200 {
            sent += 1;
            send(&producer, (sent % 3) as i32, &transfer(100 + sent, 1, 2)).await;
        }
        if round == 1 {
            first.kill();
            first = house.bridge(&both);
        }
        if let Some(second) = &mut second {
            second.kill();
        }
    }
    let seen = wait_for(&servers, "outcomes.978", 2 + sent as usize, &house);
    assert_eq!(seen.len(), 2 + sent as usize);
    assert!(seen.iter().all(|it| it.body["status"] == "created"));
    assert_eq!(house.account(1).debits_posted, u128::from(sent) * 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_without_group_ends_when_another_takes_its_partitions() {
    let Some(broker) = or_skip(Kafka::start(1)) else { return };
    let house = House::new();
    let _engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", 1).await;
    let fixed = configuration(&servers).replace("topics =", "only-partitions = [0]\ntopics =");
    let fixed = fixed.split("[[sink]]").next().unwrap();
    let mut first = house.bridge(fixed);
    let works = || house.said("bridge.log").contains("partitions are assigned");
    house.eventually("the first bridge works", works);
    send(&producer(&servers), 0, &account(1)).await;
    let paid = || house.account_if_any(1).is_some();
    house.eventually("the first bridge pays", paid);
    let _second = house.bridge(fixed);
    assert_eq!(first.end(), Some(1), "{}", house.said("bridge.log"));
    send(&producer(&servers), 0, &account(2)).await;
    house.eventually("the second pays", || house.account_if_any(2).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_was_away_for_a_while_is_found_again() {
    let Some(mut broker) = or_skip(Kafka::start(1)) else { return };
    let house = House::new();
    let _engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", 1).await;
    let producer = producer(&servers);
    let mut bridge = house.bridge(&configuration(&servers));
    send(&producer, 0, &account(1)).await;
    wait_for(&servers, "outcomes.978", 1, &house);
    broker.kill();
    tokio::time::sleep(Duration::from_secs(8)).await;
    broker.start_again().unwrap();
    send(&producer, 0, &account(2)).await;
    wait_for(&servers, "outcomes.978", 2, &house);
    // It ends in time without its broker too.
    broker.kill();
    let start = Instant::now();
    bridge.stop();
    assert!(start.elapsed() < Duration::from_secs(90), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_of_three_may_be_lost() {
    let Some(mut broker) = or_skip(Kafka::start(3)) else { return };
    let house = House::new();
    let _engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", 1).await;
    let producer = producer(&servers);
    send(&producer, 0, &format!("[{},{}]", account(1), account(2))).await;
    let _bridge = house.bridge(&configuration(&servers));
    wait_for(&servers, "outcomes.978", 2, &house);
    for index in 0..3 {
        broker.kill_node(index);
        for number in 0..20 {
            send(&producer, 0, &transfer(100 + 20 * index as u64 + number, 1, 2)).await;
        }
        wait_for(&servers, "outcomes.978", 2 + 20 * (index + 1), &house);
        broker.start_again().unwrap();
        // Before the next one is killed.
        house.eventually("all copies are in step", || is_in_step(&servers));
    }
    assert_eq!(committed(&servers, "outcomes.978").len(), 62);
    assert_eq!(house.account(1).debits_posted, 300);
}
