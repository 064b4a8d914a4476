//! Tokens are the engine's: each principal may do through the bridge what it may do without.

use std::io::{BufReader, Write};
use std::process::Command;
use std::time::Duration;

use crate::house::{House, Program, eventually};
use crate::http::client::{Http, Response, account, listens, read_response, transfer};
use crate::http::hostile;

/// Makes a principal, and returns its token.
pub fn token(house: &House, name: &str, role: &str) -> String {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_ringfence-bridge"));
    let output = Command::new(program.with_file_name("ringfence"))
        .args(["access", "token", name])
        .args(role.split(' ').flat_map(|role| ["--role", role]))
        .arg("--access")
        .arg(house.path("access.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.split_whitespace().find(|word| word.len() > 20).unwrap().to_owned()
}

struct Scene {
    house: House,
    _engine: Program,
    _bridge: Program,
    http: Http,
}

fn start(bridge_token: &str, house: House) -> Scene {
    let access = house.path("access.toml");
    let engine = house.start_engine(&["--access", access.to_str().unwrap()]);
    let configuration = format!(
        "[engine]\nconnect = \"ENGINE\"\ntoken = \"{bridge_token}\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n"
    );
    let bridge = house.bridge(&configuration);
    let http = Http { port: listens(&house, 0) };
    eventually("the bridge is ready", || http.get("/readyz").status == 200);
    Scene { house, _engine: engine, _bridge: bridge, http }
}

pub fn post(http: &Http, path: &str, token: &str, body: &str) -> Response {
    http.try_post(path, &[("Authorization", &format!("Bearer {token}"))], body).unwrap()
}

#[test]
fn each_token_has_the_rights_that_the_engine_gives_it() {
    let house = House::new();
    let bridge = token(&house, "bridge", "read");
    let desk = token(&house, "desk", "operate");
    let pay = token(&house, "pay", "pay");
    let all = token(&house, "all", "read pay");
    let Scene { house, http, .. } = &start(&bridge, house);
    for id in [1, 2] {
        assert_eq!(post(http, "/v1/accounts", &desk, &account(id)).status, 201);
    }
    //  what, address, token, body, status
    let cases = [
        ("operate creates no transfer", "/v1/transfers", &desk, transfer(10), 403),
        ("pay creates no account", "/v1/accounts", &pay, account(3), 403),
        ("pay pays", "/v1/transfers", &pay, transfer(10), 201),
        ("and goes on", "/v1/transfers", &pay, transfer(11), 201),
        ("nobody", "/v1/transfers", &"nobody".to_owned(), transfer(12), 401),
        ("all", "/v1/transfers", &all, transfer(13), 201),
    ];
    for (name, path, token, body, status) in cases {
        let response = post(http, path, token, &body);
        assert_eq!(response.status, status, "{name}: {response:?}\n{}", house.said("bridge.log"));
    }
    assert_eq!(http.post("/v1/transfers", &transfer(14)).status, 401);
    let get = |path: &str, token: &str| {
        let shown = format!("Bearer {token}");
        http.send("GET", path, &[("Authorization", shown.as_str())], b"").unwrap().status
    };
    assert_eq!(get("/v1/accounts/1", &all), 200);
    assert_eq!(get("/v1/accounts/1", &pay), 403);
    assert_eq!(get("/v1/outcomes", &all), 200);
    assert_eq!(get("/v1/outcomes", &pay), 403);
    assert_eq!(get("/v1/events", &pay), 403);
    assert_eq!(get("/v1/stats", &pay), 403);
    assert_eq!(get("/v1/stats", "nobody"), 401);
}

#[test]
fn keys_of_different_principals_are_different() {
    let house = House::new();
    let bridge = token(&house, "bridge", "read");
    let desk = token(&house, "desk", "operate pay");
    let other = token(&house, "other", "pay");
    let Scene { http, .. } = &start(&bridge, house);
    for id in [1, 2] {
        assert_eq!(post(http, "/v1/accounts", &desk, &account(id)).status, 201);
    }
    let send = |token: &str, id: u64| {
        let shown = format!("Bearer {token}");
        let headers = [("Authorization", shown.as_str()), ("Idempotency-Key", "a")];
        http.try_post("/v1/transfers", &headers, &transfer(id)).unwrap().status
    };
    assert_eq!(send(&desk, 10), 201);
    assert_eq!(send(&other, 11), 201);
    assert_eq!(send(&other, 10), 409);
}

#[test]
fn bodies_that_are_announced_and_do_not_come_keep_nobody_else_from_sending() {
    let house = House::new();
    let bridge = token(&house, "bridge", "read");
    let reader = token(&house, "reader", "read");
    let desk = token(&house, "desk", "operate pay");
    let Scene { http, .. } = &start(&bridge, house);
    for id in [1, 2] {
        assert_eq!(post(http, "/v1/accounts", &desk, &account(id)).status, 201);
    }
    let head = |token: &str, length: usize| {
        let lines = format!(
            "Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}"
        );
        hostile::head(http, &lines)
    };
    let begin = |token: &str, length: usize| {
        let mut stream = http.connect().unwrap();
        stream.write_all(head(token, length).as_bytes()).unwrap();
        stream.write_all(b"[").unwrap();
        stream
    };
    // All of them together announce as much as may come at a time.
    let waiting: Vec<_> = (0..70).map(|_| begin(&reader, 4 << 20)).collect();
    std::thread::sleep(Duration::from_millis(300));
    let batch: Vec<String> = (10..4000).map(transfer).collect();
    let body = format!("[{}]", batch.join(","));
    for token in [&desk, &reader] {
        let mut stream = begin(token, body.len());
        std::thread::sleep(Duration::from_millis(300));
        stream.write_all(&body.as_bytes()[1..]).unwrap();
        let response = read_response(&mut BufReader::new(stream)).unwrap();
        // The reader's body is read too; what it may not do is another matter.
        let expected = if token == &desk { 200 } else { 403 };
        assert_eq!(response.status, expected, "{response:?}");
    }
    drop(waiting);
}

#[test]
fn what_is_not_allowed_does_not_disturb_what_is() {
    let house = House::new();
    let bridge = token(&house, "bridge", "read");
    let desk = token(&house, "desk", "operate");
    let pay = token(&house, "pay", "pay");
    let scene = start(&bridge, house);
    let http = scene.http;
    for id in [1, 2] {
        assert_eq!(post(&http, "/v1/accounts", &desk, &account(id)).status, 201);
    }
    let threads: Vec<_> = (0..8u64)
        .map(|thread| {
            let pay = pay.clone();
            std::thread::spawn(move || {
                for at in 0..20 {
                    let id = 100 + thread * 100 + at;
                    let (path, body, status) = match thread {
                        0 => ("/v1/accounts", account(id), 403),
                        _ => ("/v1/transfers", transfer(id), 201),
                    };
                    let response = post(&http, path, &pay, &body);
                    assert_eq!(response.status, status, "{response:?}");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn an_engine_that_checks_no_tokens_lets_nobody_in_by_one() {
    let house = House::new();
    let _engine = house.engine();
    let configuration = "[engine]\nconnect = \"ENGINE\"\n[http]\nlisten = \"127.0.0.1:0\"\n";
    let _bridge = house.bridge(configuration);
    let http = Http { port: listens(&house, 0) };
    eventually("the bridge is ready", || http.get("/readyz").status == 200);
    assert_eq!(post(&http, "/v1/accounts", "any", &account(1)).status, 503);
    assert_eq!(http.post("/v1/accounts", &account(1)).status, 401);
}
