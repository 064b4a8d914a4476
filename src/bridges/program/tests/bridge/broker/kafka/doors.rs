//! How the bridge comes in: with a password, and by TLS where it is built with it.

use brokers::{KAFKA_USER, Kafka, or_skip};

use super::client::{make_topic, producer, send, wait_for};
use super::configuration;
use crate::broker::amqp::account;
use crate::house::House;

/// A configuration for these servers, with further keys for its source and its sink.
fn with_keys(servers: &str, keys: &str) -> String {
    configuration(servers).replace("\nservers", &format!("\n{keys}\nservers"))
}

fn login(password: &str) -> String {
    format!("user = \"{}\"\npassword = \"{password}\"", KAFKA_USER.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bridge_comes_in_with_a_password() {
    let Some(broker) = or_skip(Kafka::start(1)) else { return };
    let house = House::new();
    let _engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", 1).await;
    send(&producer(&servers), 0, &account(1)).await;
    let mut bridge = house.bridge(&with_keys(&broker.sasl_servers(), &login("guessed")));
    house.eventually("the log says why it does not come in", || {
        house.said("bridge.log").matches("Authentication failed").count() >= 2
    });
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
    let _bridge = house.bridge(&with_keys(&broker.sasl_servers(), &login(KAFKA_USER.1)));
    wait_for(&servers, "outcomes.978", 1, &house);
}

#[cfg(feature = "kafka-tls")]
#[tokio::test(flavor = "multi_thread")]
async fn the_bridge_comes_in_by_tls_and_by_scram() {
    let house = House::new();
    let file = |name: &str, text: String| {
        let path = house.path(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let trusted = file("cert.pem", made.cert.pem());
    let distrusted = file("other.pem", other.cert.pem());
    let identity = file("identity.pem", made.cert.pem() + &made.signing_key.serialize_pem());
    let Some(broker) = or_skip(Kafka::start_with_tls(1, &identity)) else { return };
    let _engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", 1).await;
    let producer = producer(&servers);
    let tls = |path: &std::path::Path| format!("tls-ca = \"{}\"", path.display());
    let (sasl, tls_servers) = (broker.sasl_servers(), broker.tls_servers());
    let scram = "sasl = \"scram-sha-256\"".to_owned();
    let doors = [
        ("SCRAM", sasl, scram.clone()),
        ("PLAIN by TLS", tls_servers.clone(), tls(&trusted)),
        ("SCRAM by TLS", tls_servers.clone(), format!("{scram}\n{}", tls(&trusted))),
    ];
    for (number, (name, door, keys)) in (1..).zip(doors) {
        let keys = format!("{keys}\n{}", login(KAFKA_USER.1));
        let mut bridge = house.bridge(&with_keys(&door, &keys));
        send(&producer, 0, &account(number)).await;
        wait_for(&servers, "outcomes.978", number as usize, &house);
        assert_eq!(bridge.stop(), Some(0), "{name}: {}", house.said("bridge.log"));
    }
    // A broker that is not trusted is sent nothing.
    let keys = format!("{}\n{}", tls(&distrusted), login(KAFKA_USER.1));
    let _bridge = house.bridge(&with_keys(&tls_servers, &keys));
    house.eventually("the certificate is refused", || {
        house.said("bridge.log").matches("certificate verify failed").count() >= 2
    });
}
