//! The engine as a service: its log, what it tells the service manager, how it stops.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::engine::{ACCOUNTS, Engine, transfers};
use crate::support::{SMALL, ringfence, run, text};

#[test]
fn every_line_of_the_json_log_is_an_object_and_connections_are_in_it() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start_with(&dir, &["--log-format", "json", "--log-level", "debug"]);
    engine.submit(ACCOUNTS);
    engine.said("admitted as");
    engine.said("has ended");
    // What speaks another protocol is refused, and that is said with the reason.
    let mut stranger = std::os::unix::net::UnixStream::connect(dir.join("ringfence.sock")).unwrap();
    stranger.write_all(&[b'x'; 256]).unwrap();
    let refused = engine.said("refused with error");
    assert!(refused.contains(r#""level":"WARN""#), "{refused}");
    engine.stop();
    engine.said("digest");
    for line in engine.log() {
        let line: serde_json::Value = serde_json::from_str(&line).expect(&line);
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }
}

#[test]
fn a_level_hides_what_is_below_it() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let engine = Engine::start_with(&dir, &["--log-level", "error"]);
    engine.submit(ACCOUNTS);
    assert!(engine.log().iter().all(|line| !line.contains("INFO")), "{:?}", engine.log());
}

#[test]
fn the_service_manager_is_told_of_ready_alive_and_stopping() {
    let folder = tempdir().unwrap();
    let (dir, socket) = (folder.path().join("data"), folder.path().join("notify"));
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let told = || {
        let mut bytes = [0; 256];
        let count = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    };
    let mut command = ringfence(&["run", "--data-dir", text(&dir), "--metrics", "127.0.0.1:0"]);
    command.args(SMALL).env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "400000");
    let mut engine = Engine::spawn(&dir, command);
    assert!(told().starts_with("READY=1\n"));
    // Who waited for that finds it in the numbers too.
    let shown = run(&["status", "--json", "--data-dir", text(&dir)]);
    assert!(shown.stdout.contains(r#""state":"ready""#), "{shown:?}");
    for _ in 0..3 {
        assert_eq!(told(), "WATCHDOG=1");
    }
    engine.signal("STOP");
    thread::sleep(Duration::from_millis(500));
    manager.set_nonblocking(true).unwrap();
    while manager.recv(&mut [0; 256]).is_ok() {}
    thread::sleep(Duration::from_millis(500));
    assert!(manager.recv(&mut [0; 256]).is_err(), "a process that does not run tells nothing");
    manager.set_nonblocking(false).unwrap();
    engine.signal("CONT");
    assert_eq!(told(), "WATCHDOG=1");
    // A client that takes nothing keeps the engine stopping for a while.
    let client = feed_until_owed(&engine);
    engine.signal("TERM");
    while !told().starts_with("STOPPING=1\n") {}
    assert!(engine.child.wait().unwrap().success());
    drop(client);
}

/// A client that takes none of its outcomes any more.
struct Silent(Child);

impl Drop for Silent {
    fn drop(&mut self) {
        drop(self.0.kill());
        self.0.wait().unwrap();
    }
}

#[test]
fn a_stop_waits_for_clients_as_long_as_it_is_told() {
    for (option, least, most) in [("3s", 3_000, 60_000), ("50ms", 50, 3_000)] {
        let folder = tempdir().unwrap();
        let dir = folder.path().join("data");
        // Its outcomes do not fit into the socket: it is owed the rest.
        let more = ["--in-flight-commands-max", "1000000", "--drain-timeout", option];
        let mut engine = Engine::start_with(&dir, &more);
        let feeder = feed_until_owed(&engine);
        let begun = Instant::now();
        engine.stop();
        let took = begun.elapsed();
        let bounds = Duration::from_millis(least)..Duration::from_millis(most);
        assert!(bounds.contains(&took), "{option}: {took:?}");
        drop(feeder);
    }
}

/// A connection that is owed more than its socket holds.
fn feed_until_owed(engine: &Engine) -> Silent {
    engine.submit(ACCOUNTS);
    let folder = engine.dir.parent().unwrap();
    let input = folder.join("input");
    std::fs::write(&input, transfers(1..60_000)).unwrap();
    let child = ringfence(&["submit", text(&input), "--connect", &engine.address()])
        // Nobody reads what it prints: it takes no more from the engine once the pipe is full.
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let silent = Silent(child);
    engine.wait_for("outcomes that are owed", || {
        let before = engine.metric("ringfence_sequence");
        thread::sleep(Duration::from_millis(500));
        let is_still = before > 2.0 && engine.metric("ringfence_sequence") == before;
        is_still.then_some(())
    });
    silent
}

#[test]
fn rights_of_sockets_are_octal_however_a_file_writes_them() {
    for (written, expected) in [("0o660", 0o660), ("\"0640\"", 0o640), ("606", 0o606)] {
        let folder = tempdir().unwrap();
        let dir = folder.path().join("data");
        let config = folder.path().join("ringfence.toml");
        fs::write(&config, format!("socket-mode = {written}\n")).unwrap();
        let _engine = Engine::start_with(&dir, &["--config", text(&config)]);
        let mode = fs::metadata(dir.join("ringfence.sock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected, "{written}");
    }
    let folder = tempdir().unwrap();
    let config = folder.path().join("ringfence.toml");
    fs::write(&config, "socket-mode = 0x1b0\n").unwrap();
    let dir = folder.path().join("data");
    let refused = run(&["run", "--data-dir", text(&dir), "--config", text(&config)]);
    let place = "line 1, `socket-mode`: invalid value '0x1b0'";
    assert!(refused.status == 2 && refused.stderr.contains(place), "{}", refused.stderr);
}
