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
