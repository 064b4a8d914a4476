//! RabbitMQ behind TLS, full, blocked, empty again, or with another password.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use brokers::{RabbitMq, free_port, or_skip};
use futures_util::StreamExt;
use lapin::Channel;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties, ExchangeKind};

use crate::broker::amqp::{account, channel, configuration, consume, named, next, send, transfer};
use crate::house::{House, eventually};

/// The identities of the outcomes of these transfers, each seen at least once and always the same.
async fn outcomes(channel: &Channel, house: &House, ids: std::ops::Range<u64>) {
    let mut seen = consume(channel, "seen").await;
    let mut identities = std::collections::BTreeMap::new();
    while identities.len() < (ids.end - ids.start) as usize {
        let outcome = next(&mut seen, house).await;
        if outcome.body["op"] == "create_transfer" {
            assert_eq!(outcome.body["status"], "created", "{}", outcome.body);
            let id: u64 = outcome.body["id"].as_str().unwrap().parse().unwrap();
            // One that was not yet confirmed when the broker ended comes again.
            if !ids.contains(&id) {
                continue;
            }
            let identity = outcome.identity;
            assert_eq!(*identities.entry(id).or_insert_with(|| identity.clone()), identity);
        }
    }
}

async fn pay(channel: &Channel, ids: std::ops::Range<u64>) {
    for id in ids {
        send(channel, &transfer(id), named(&format!("payment-{id}"))).await.unwrap();
    }
}

async fn open_accounts(channel: &Channel) {
    for id in [1, 2] {
        send(channel, &account(id), named(&format!("account-{id}"))).await.unwrap();
    }
}

/// Waits until the ledger has so many transfers of 5.
fn paid(house: &House, transfers: u128) {
    tokio::task::block_in_place(|| {
        eventually("all is paid", || {
            house.account_if_any(1).is_some_and(|it| it.debits_posted == transfers * 5)
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_and_engine_are_reached_by_tls() {
    let house = House::new();
    let path = |name: &str| house.path(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let (amqps, stomps) = (free_port(), free_port());
    let lines = format!(
        "ssl_options.certfile = {cert}\nssl_options.keyfile = {key}\n\
         ssl_options.verify = verify_none\nlisteners.ssl.1 = 127.0.0.1:{amqps}\n\
         stomp.listeners.ssl.1 = 127.0.0.1:{stomps}\n"
    );
    let Some(broker) = or_skip(RabbitMq::start_with(&lines)) else { return };
    let engine_port = free_port();
    let (unix, tcp) =
        (format!("unix:{}", house.socket().display()), format!("127.0.0.1:{engine_port}"));
    let listens = ["--listen", &unix, "--listen", &tcp];
    let _engine =
        house.engine_with(&[&listens[..], &["--tls-cert", &cert, "--tls-key", &key]].concat());
    let configuration = format!(
        r#"
[engine]
connect = "{tcp}"
tls-ca = "{cert}"
tls-server-name = "localhost"

[[source]]
name = "payments"
protocol = "amqp"
url = "amqps://guest:guest@localhost:{amqps}/%2f"
tls-ca = "{cert}"
queue = "payments"

[[sink]]
name = "outcomes"
protocol = "stomp"
url = "stomps://guest:guest@localhost:{stomps}"
tls-ca = "{cert}"
destination = "/amq/queue/seen"
"#
    );
    let (_connection, channel) = channel(&broker.url()).await.unwrap();
    open_accounts(&channel).await;
    pay(&channel, 10..13).await;
    let mut bridge = house.bridge(&configuration);
    let mut seen = consume(&channel, "seen").await;
    for id in ["1", "2", "10", "11", "12"] {
        assert_eq!(next(&mut seen, &house).await.body["id"], id);
    }
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
    // Whoever is not trusted gets nothing.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(path("other.pem"), other.cert.pem()).unwrap();
    let distrusts = configuration.replace(&cert, &path("other.pem"));
    let _bridge = house.bridge(&distrusts);
    eventually("the certificate is refused", || {
        house.said("bridge.log").matches("certificate").count() >= 2
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_holds_outcomes_back_until_there_is_room() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    let url = broker.url();
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let small = connection.create_channel().await.unwrap();
    let mut limits = FieldTable::default();
    limits.insert("x-max-length".into(), AMQPValue::LongLongInt(2));
    limits.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let durable = QueueDeclareOptions::durable();
    small.queue_declare("small".into(), durable, limits).await.unwrap();
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let table = FieldTable::default;
    let declared = small.exchange_declare("outcomes".into(), ExchangeKind::Topic, options, table());
    declared.await.unwrap();
    let bind = QueueBindOptions::default();
    let bound = small.queue_bind("small".into(), "outcomes".into(), "#".into(), bind, table());
    bound.await.unwrap();

    let house = House::new();
    let _engine = house.engine();
    let (_other, channel) = channel(&broker.url()).await.unwrap();
    open_accounts(&channel).await;
    pay(&channel, 10..15).await;
    let mut bridge = house.bridge(&configuration(&broker.url()));
    let is_refused = || house.said("bridge.log").contains("did not store");
    tokio::task::block_in_place(|| eventually("the queue is full", is_refused));
    paid(&house, 5);
    // Now somebody reads it.
    let mut reader = consume(&small, "small").await;
    let reading = tokio::spawn(async move {
        while let Some(Ok(delivery)) = reader.next().await {
            delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
        }
    });
    outcomes(&channel, &house, 10..15).await;
    // What one queue refused comes to both again, within the waiting time of the sink.
    let is_acknowledged = || {
        let queues = broker.control(&["list_queues", "--quiet", "name", "messages"]);
        queues.is_ok_and(|queues| queues.lines().any(|line| line == "payments\t0"))
    };
    tokio::task::block_in_place(|| eventually("everything is acknowledged", is_acknowledged));
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
    reading.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_blocks_its_publishers_delays_outcomes_and_loses_none() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let (_connection, channel) = channel(&broker.url()).await.unwrap();
    open_accounts(&channel).await;
    pay(&channel, 10..15).await;
    // No disk is that large: RabbitMQ takes no more messages.
    broker.control(&["set_disk_free_limit", "1000000GB"]).unwrap();
    let _bridge = house.bridge(&configuration(&broker.url()));
    paid(&house, 5);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let said = house.said("bridge.log");
    assert!(!said.contains("begins after"), "no first position is stored:\n{said}");
    let early = channel.basic_get("seen".into(), BasicGetOptions::default()).await.unwrap();
    assert!(early.is_none(), "the broker is blocked");
    broker.control(&["set_disk_free_limit", "50MB"]).unwrap();
    outcomes(&channel, &house, 10..15).await;
    assert_eq!(house.account(1).debits_posted, 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_broker_that_comes_back_empty_the_bridge_goes_on() {
    let Some(mut broker) = or_skip(RabbitMq::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let (connection, before) = channel(&broker.url()).await.unwrap();
    open_accounts(&before).await;
    pay(&before, 10..12).await;
    let _bridge = house.bridge(&configuration(&broker.url()));
    outcomes(&before, &house, 10..12).await;
    drop((before, connection));
    tokio::task::block_in_place(|| broker.start_empty().unwrap());
    let (_connection, after) = channel(&broker.url()).await.unwrap();
    // Known, though the broker has forgotten it.
    pay(&after, 11..14).await;
    outcomes(&after, &house, 12..14).await;
    assert_eq!(house.account(1).debits_posted, 20);
}

#[test]
fn a_login_that_rabbitmq_refuses_is_named_and_tried_again() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let wrong = broker.url().replace("guest:guest", "guest:secret");
    let mut bridge = house.bridge(&configuration(&wrong));
    eventually("the refusal is named twice", || {
        house.said("bridge.log").matches("ACCESS").count() >= 3
    });
    assert!(!house.said("bridge.log").contains("secret"), "{}", house.said("bridge.log"));
    assert_eq!(bridge.stop(), Some(0));
}
