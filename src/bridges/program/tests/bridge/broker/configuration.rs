//! What `ringfence-bridge check` says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::house::House;

fn check(path: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence-bridge"));
    command.env_remove("RINGFENCE_BRIDGE_CONFIG").arg("check").arg("--config").arg(path);
    command.output().unwrap()
}

#[test]
fn no_example_has_a_mistake() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../examples/bridges");
    let files: Vec<PathBuf> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let output = check(&file);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn mistakes_of_mqtt_and_zeromq_are_named_with_their_lines() {
    let text = r##"[engine]
connect = "unix:ringfence.sock"
[[source]]
name = "topics"
protocol = "mqtt"
url = "mqtts://broker"
topics = ["#", "a/#/b"]
dead-letter-topic = "dead/+"
version = "4"
[[source]]
name = "no topics"
protocol = "mqtt"
url = "broker"
[[sink]]
name = "open"
protocol = "zeromq"
bind = "tcp://0.0.0.0:5556"
replay-bind = "tcp://localhost:5557"
queue = 1
"##;
    let house = House::new();
    let path = house.path("bridge.toml");
    std::fs::write(&path, text).unwrap();
    let output = check(&path);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for mistake in [
        "line 3, `source.tls-ca`: missing",
        "line 7, `source.topics`: `a/#/b`: there is no such subscription",
        "line 8, `source.dead-letter-topic`: `dead/+`: no message can be sent to such a topic",
        "line 8, `source.dead-letter-topic`: `dead/+` would come back by `#`",
        "line 9, `source.version`: `4`: it is 5 or 3.1.1",
        "line 10, `source.topics`: missing",
        "line 13, `source.url`: \"broker\": it begins with mqtt:// or mqtts://",
        "line 17, `sink.bind`: other machines can reach it",
        "line 18, `sink.replay-bind`: \"tcp://localhost:5557\": it is tcp://ADDRESS:PORT",
        "line 19, `sink.queue`: 1 is not within 16 to 1048576",
    ] {
        assert!(said.contains(mistake), "{mistake}\n{said}");
    }
}

/// What `check` says of a configuration.
fn mistakes(text: &str) -> String {
    let house = House::new();
    let path = house.path("bridge.toml");
    std::fs::write(&path, text).unwrap();
    let output = check(&path);
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Tables that have the same.
const TWICE: &str = r##"[engine]
connect = "unix:ringfence.sock"
[[source]]
name = "one"
protocol = "amqp"
url = "amqp://broker"
queue = "payments"
dead-letter-queue = "payments"
[[source]]
name = "two"
protocol = "mqtt"
url = "mqtt://broker"
topics = ["payments"]
client-id = "bridge"
session = "bridge:one:1"
[[source]]
name = "three"
protocol = "mqtt"
url = "mqtt://broker"
topics = ["payments"]
client-id = "bridge"
version = "3.1.1"
session-expiry = "1h"
[[sink]]
name = "four"
protocol = "amqp"
url = "amqp://broker"
exchange = "outcomes"
progress-queue = "payments"
[[sink]]
name = "five"
protocol = "amqp"
url = "amqp://broker"
exchange = "outcomes"
progress-queue = "six.progress"
[[sink]]
name = "six"
protocol = "amqp"
url = "amqp://broker"
exchange = "outcomes"
[[sink]]
name = "seven"
protocol = "zeromq"
bind = "tcp://127.0.0.1:5556"
replay-bind = "tcp://127.0.0.1:5556"
"##;

#[test]
fn what_two_tables_cannot_both_have_is_named() {
    let said = mistakes(TWICE);
    for mistake in [
        "line 8, `source.dead-letter-queue`: it is `queue`",
        "line 15, `source.session`: two cannot have it: session bridge:one:1",
        "line 21, `source.client-id`: two cannot have it: client id bridge of broker:1883",
        "line 23, `source.session-expiry`: only with MQTT 5",
        "line 29, `sink.progress-queue`: two cannot have it: queue payments of broker:5672",
        "line 36, `sink.progress-queue`: two cannot have it: queue six.progress of broker:5672",
        "line 45, `sink.replay-bind`: two cannot have it: tcp://127.0.0.1:5556",
    ] {
        assert!(said.contains(mistake), "{mistake}\n{said}");
    }
}

#[test]
fn what_says_nothing_or_breaks_a_guarantee_is_named() {
    let house = House::new();
    let empty = house.path("ca.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    let text = r##"[engine]
connect = "unix:ringfence.sock"
[[source]]
name = ""
protocol = "amqp"
url = "amqps://broker"
tls-ca = "PEM"
queue = ""
[[sink]]
name = "one"
protocol = "kafka"
servers = "broker:9092"
options = ["enable.idempotence=false", "acks=all"]
transactional-id = "id"
[[sink]]
name = "two"
protocol = "kafka"
servers = "broker:9092"
options = ["group.id=mine"]
transactional-id = "id"
"##;
    let said = mistakes(&text.replace("PEM", &empty.display().to_string()));
    for mistake in [
        "line 4, `source.name`: it is empty",
        "ca.pem: there is no certificate in it",
        "line 8, `source.queue`: it is empty",
        "line 13, `sink.options`: `enable.idempotence` stays true",
        "line 19, `sink.options`: `group.id` is the bridge's own",
        "line 20, `sink.transactional-id`: two cannot have it: transactional id id",
    ] {
        assert!(said.contains(mistake), "{mistake}\n{said}");
    }
    assert!(!said.contains("`acks`"), "{said}");
}
