//! An engine that is reached over TLS alone.

use std::path::Path;

use crate::house::{House, Program, eventually};
use crate::http::access::{post, token};
use crate::http::client::{Http, account, listens, transfer};

/// Writes a certificate for `localhost` and its key; their paths.
fn certificate(house: &House, name: &str) -> [String; 2] {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = [("cert", made.cert.pem()), ("key", made.signing_key.serialize_pem())];
    files.map(|(end, text)| {
        let path = house.path(&format!("{name}-{end}.pem"));
        std::fs::write(&path, text).unwrap();
        // The engine takes no key that others may read.
        private(&path);
        path.display().to_string()
    })
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Starts an engine that speaks TLS on `port`; 0 is any that is free. Returns the port too.
fn engine(house: &House, port: u16, [chain, key]: &[String; 2]) -> (Program, u16) {
    let before = house.said("engine.log").len();
    let listen = format!("127.0.0.1:{port}");
    let access = house.path("access.toml");
    let listens = ["--listen", listen.as_str(), "--access", access.to_str().unwrap()];
    let shows = ["--tls-cert", chain.as_str(), "--tls-key", key.as_str()];
    let program = house.start_engine(&[listens, shows].concat());
    let mut port = None;
    eventually("the engine listens", || {
        let said = house.said("engine.log");
        let rest = said[before..].split_once("127.0.0.1:").map(|(_, rest)| rest.to_owned());
        let digits = rest.map(|it| it.chars().take_while(char::is_ascii_digit).collect::<String>());
        port = digits.and_then(|digits| digits.parse().ok());
        port.is_some()
    });
    (program, port.unwrap())
}

fn configuration(port: u16, trusted: &str, token: &str) -> String {
    format!(
        "[engine]\nconnect = \"localhost:{port}\"\ntls-ca = {trusted:?}\ntoken = \"{token}\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n"
    )
}

#[test]
fn an_engine_is_reached_over_tls_and_again_after_it_was_killed() {
    let house = House::new();
    let bridge_token = token(&house, "bridge", "read");
    let desk = token(&house, "desk", "operate pay read");
    let files = certificate(&house, "engine");
    let (mut program, port) = engine(&house, 0, &files);
    let _bridge = house.bridge(&configuration(port, &files[0], &bridge_token));
    let http = Http { port: listens(&house, 0) };
    eventually("the bridge is ready", || http.get("/readyz").status == 200);
    for id in [1, 2] {
        assert_eq!(post(&http, "/v1/accounts", &desk, &account(id)).status, 201);
    }
    assert_eq!(post(&http, "/v1/transfers", "nobody", &transfer(9)).status, 401);
    let shown = format!("Bearer {desk}");
    let mut events = http.events_of("/v1/events?from=3", None, &shown).unwrap();
    assert_eq!(post(&http, "/v1/transfers", &desk, &transfer(10)).status, 201);
    assert_eq!(events.next_data().unwrap().1["id"], "10");
    program.kill();
    eventually("it is missed", || http.get("/readyz").status == 503);
    let (_engine, _) = engine(&house, port, &files);
    eventually("it is back", || http.get("/readyz").status == 200);
    assert_eq!(post(&http, "/v1/transfers", &desk, &transfer(11)).status, 201);
    assert_eq!(events.next_data().unwrap().1["id"], "11");
}

#[test]
fn an_engine_whose_certificate_is_not_trusted_gets_no_token() {
    let house = House::new();
    let bridge_token = token(&house, "bridge", "read");
    let files = certificate(&house, "engine");
    let other = certificate(&house, "other");
    let (_engine, port) = engine(&house, 0, &files);
    let _bridge = house.bridge(&configuration(port, &other[0], &bridge_token));
    eventually("it says why", || house.said("bridge.log").contains("certificate"));
    assert!(!house.said("bridge.log").contains("follows engine"));
}
