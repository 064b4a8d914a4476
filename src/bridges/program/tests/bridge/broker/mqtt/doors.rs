//! TLS, passwords, and a broker that is away.

use std::process::Command;
use std::time::Duration;

use brokers::{Mosquitto, free_port, or_skip};

use super::client::{Client, Version, named};
use super::{configuration, url};
use crate::broker::amqp::account;
use crate::house::{House, eventually};

/// Lines of Mosquitto's configuration: TLS with a certificate for `localhost`, and one user,
/// `bridge` with the password `secret`.
fn locked(house: &House) -> String {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let path = |name: &str| house.path(name).display().to_string();
    std::fs::write(path("cert.pem"), key.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), key.signing_key.serialize_pem()).unwrap();
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c", &path("passwords"), "bridge", "secret"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    format!(
        "certfile {}\nkeyfile {}\nallow_anonymous false\npassword_file {}\n",
        path("cert.pem"),
        path("key.pem"),
        path("passwords")
    )
}

#[test]
fn a_bridge_comes_in_by_tls_with_its_password_alone() {
    // Its tool for passwords comes with it.
    if or_skip(Mosquitto::start()).is_none() {
        return;
    }
    let house = House::new();
    let _engine = house.engine();
    let broker = Mosquitto::start_with(&locked(&house)).unwrap();
    let port = broker.port;
    let trusts = |password: &str| {
        let url = format!("mqtts://bridge:{password}@localhost:{port}");
        let trusted = house.path("cert.pem").display().to_string();
        let line = format!("url = \"{url}\"\ntls-ca = \"{trusted}\"");
        configuration(&url, Version::V5).replace(&format!("url = \"{url}\""), &line)
    };
    let mut bridge = house.bridge(&trusts("wrong"));
    eventually("the broker declines", || house.said("bridge.log").contains("does not let"));
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
    assert!(!house.said("bridge.log").contains("takes messages"));
    let _bridge = house.bridge(&trusts("secret"));
    eventually("the broker lets it in", || house.said("bridge.log").contains("takes messages"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_waited_for() {
    let Some(mut broker) = or_skip(Mosquitto::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let mut outcomes = Client::start(Version::V5, broker.port, "outcomes");
    outcomes.subscribe("outcomes/#").await;
    let _bridge = house.bridge(&configuration(&url(broker.port), Version::V5));
    eventually("the bridge subscribes", || house.said("bridge.log").contains("takes messages"));
    assert!(outcomes.send("payments/eur", account(1), named("one")).await);
    assert_eq!(outcomes.next(&house).await.body["id"], "1");
    broker.kill();
    eventually("the bridge notices", || house.said("bridge.log").contains("connecting to"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    broker.start_again().unwrap();
    assert!(outcomes.send("payments/eur", account(2), named("two")).await);
    let mut seen = outcomes.next(&house).await;
    while seen.body["id"] == "1" {
        // It may have been sent again.
        seen = outcomes.next(&house).await;
    }
    assert_eq!(seen.body["id"], "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_back_empty_is_used_again_from_where_the_bridge_was() {
    let Some(mut broker) = or_skip(Mosquitto::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let takes = || house.said("bridge.log").matches("takes messages").count();
    let mut outcomes = Client::start(Version::V5, broker.port, "outcomes");
    outcomes.subscribe("outcomes/#").await;
    let _bridge = house.bridge(&configuration(&url(broker.port), Version::V5));
    eventually("the bridge subscribes", || takes() == 1);
    assert!(outcomes.send("payments/eur", account(1), named("one")).await);
    assert_eq!(outcomes.next(&house).await.body["id"], "1");
    broker.start_empty().unwrap();
    eventually("the bridge subscribes again", || takes() >= 2);
    assert!(house.said("bridge.log").matches("in a new session").count() >= 2);
    outcomes.subscribe("outcomes/#").await;
    assert!(outcomes.send("payments/eur", account(2), named("two")).await);
    let seen = outcomes.next(&house).await;
    assert_eq!(seen.body["id"], "2", "nothing is sent from the beginning: {}", seen.text);
}

#[test]
fn a_bridge_ends_when_it_is_asked_to_before_there_is_a_broker() {
    let house = House::new();
    let _engine = house.engine();
    let mut bridge = house.bridge(&configuration(&url(free_port()), Version::V5));
    eventually("it tries", || house.said("bridge.log").contains("connecting to"));
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
}
