//! What nobody should send: each gets a clear answer, and nothing of it reaches the engine.

use std::io::{BufReader, Read, Write};
use std::time::{Duration, Instant};

use crate::house::House;
use crate::http::client::{Http, bridge, configuration, create_accounts, read_response, transfer};

/// What was sent, and the beginning of what is answered; empty: the connection is closed.
pub fn status_line(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}

pub fn head(http: &Http, lines: &str) -> String {
    format!("POST /v1/transfers HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{lines}\r\n\r\n", http.port)
}

/// The engine's last sequence: that of a look-up, which is a command itself.
pub fn last_sequence(http: &Http) -> u64 {
    http.get("/v1/accounts/1").header("ringfence-sequence").parse().unwrap()
}

#[test]
fn what_is_wrong_is_refused_and_reaches_no_engine() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "body-bytes-max = 4096");
    create_accounts(&http);
    let before = last_sequence(&http);
    let json = "Content-Type: application/json";
    let body = transfer(10);
    let long = "x".repeat(20_000);
    let many: String = (0..200).map(|at| format!("X-{at}: 1\r\n")).collect();
    let length = body.len();
    let smuggled = head(&http, &format!("{json}\r\nContent-Length: {length}"));
    //  what, what is sent, what is answered
    let cases: Vec<(&str, String, &[&str])> = vec![
        ("no HTTP", "hello\r\n\r\n".into(), &["HTTP/1.1 400", ""]),
        ("binary", "\0\u{1}\u{2}\r\n\r\n".into(), &["HTTP/1.1 400", ""]),
        ("no host", "GET /v1/stats HTTP/1.1\r\n\r\n".into(), &["HTTP/1.1 400"]),
        (
            "two hosts",
            "GET /v1/stats HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(),
            &["HTTP/1.1 400"],
        ),
        (
            "another host",
            "GET /v1/stats HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".into(),
            &["HTTP/1.1 421"],
        ),
        (
            "two lengths",
            head(&http, &format!("{json}\r\nContent-Length: {length}\r\nContent-Length: 3"))
                + &body,
            &["HTTP/1.1 400"],
        ),
        (
            "no length",
            head(&http, &format!("{json}\r\nContent-Length: +{length}")) + &body,
            &["HTTP/1.1 400"],
        ),
        (
            "an encoding that is none",
            head(&http, &format!("{json}\r\nTransfer-Encoding: chunky")) + &body,
            &["HTTP/1.1 400"],
        ),
        (
            "a chunk that is none",
            head(&http, &format!("{json}\r\nTransfer-Encoding: chunked")) + "zz\r\n\r\n",
            &["HTTP/1.1 400"],
        ),
        ("a long line", format!("GET /{long} HTTP/1.1\r\n\r\n"), &["HTTP/1.1 414", "HTTP/1.1 431"]),
        ("a long header", head(&http, &format!("X: {long}")), &["HTTP/1.1 431"]),
        ("many headers", head(&http, &many), &["HTTP/1.1 431"]),
        (
            "a long body",
            head(&http, &format!("{json}\r\nConnection: close\r\nContent-Length: 5000")),
            &["HTTP/1.1 413"],
        ),
        ("a name with a space", head(&http, "X Y: 1"), &["HTTP/1.1 400"]),
        ("a bare end of line", head(&http, "X: a\rb"), &["HTTP/1.1 400"]),
    ];
    for (name, sent, expected) in cases {
        let answer = http.raw(sent.as_bytes());
        let line = status_line(&answer);
        assert!(expected.iter().any(|it| line.starts_with(it)), "{name}: `{line}`");
    }
    assert_eq!(last_sequence(&http), before + 1);
    // A body that is sent in chunks is read, and nothing that is hidden behind it.
    let hidden = format!("{smuggled}{}", transfer(11));
    let chunked =
        head(&http, &format!("{json}\r\nTransfer-Encoding: chunked\r\nContent-Length: 4"));
    let sent = format!("{chunked}{length:x}\r\n{body}\r\n0\r\n\r\n{hidden}");
    let answer = http.raw(sent.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert_eq!(http.get("/v1/transfers/11").status, 404);
    assert_eq!(http.get("/v1/accounts/1").status, 200);
}

#[test]
fn what_says_that_it_is_of_another_site_is_so_whatever_else_it_says() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "cors-origins = [\"https://app.example\"]");
    let here = format!("http://127.0.0.1:{}", http.port);
    let (here, app) = (("Origin", here.as_str()), ("Origin", "https://app.example"));
    let evil = ("Origin", "https://evil.example");
    let [own, other] = ["same-origin", "cross-site"].map(|site| ("Sec-Fetch-Site", site));
    //  headers, status
    let cases: [(&[(&str, &str)], u16); 6] = [
        (&[here, own], 200),
        (&[here, other], 403),
        (&[own, other], 403),
        (&[here, evil], 403),
        (&[app, other], 200),
        (&[app, evil], 403),
    ];
    for (headers, status) in cases {
        let response = http.send("GET", "/v1/stats", headers, b"").unwrap();
        assert_eq!(response.status, status, "{headers:?}: {response:?}");
    }
}

#[test]
fn requests_of_other_sites_and_of_other_kinds_are_refused() {
    let house = House::new();
    let _engine = house.engine();
    let origins = "cors-origins = [\"https://app.example\"]";
    let (_bridge, http) = bridge(&house, 0, origins);
    create_accounts(&http);
    let here = format!("http://127.0.0.1:{}", http.port);
    let json = ("Content-Type", "application/json");
    let long_key = "k".repeat(256);
    /// What is tried, its headers, the status.
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, u16);
    let cases: Vec<Case<'_>> = vec![
        ("another site", vec![json, ("Origin", "https://evil.example")], 403),
        ("a sandbox", vec![json, ("Origin", "null")], 403),
        ("another site, by its mark", vec![json, ("Sec-Fetch-Site", "cross-site")], 403),
        ("a form", vec![("Content-Type", "application/x-www-form-urlencoded")], 415),
        ("text", vec![("Content-Type", "text/plain")], 415),
        ("no type", vec![], 415),
        ("two types", vec![json, ("Content-Type", "text/plain")], 415),
        ("pressed", vec![json, ("Content-Encoding", "gzip")], 415),
        ("a long key", vec![json, ("Idempotency-Key", &long_key)], 400),
        ("two keys", vec![json, ("Idempotency-Key", "a"), ("Idempotency-Key", "b")], 400),
        ("an empty key", vec![json, ("Idempotency-Key", "")], 400),
        ("this site", vec![json, ("Origin", &here)], 201),
        ("a known site", vec![json, ("Origin", "https://app.example")], 200),
    ];
    for (name, headers, status) in cases {
        let response =
            http.send("POST", "/v1/transfers", &headers, transfer(10).as_bytes()).unwrap();
        assert_eq!(response.status, status, "{name}: {response:?}");
        let allowed = response.header("access-control-allow-origin");
        let is_known = name == "a known site";
        assert_eq!(allowed, if is_known { "https://app.example" } else { "" }, "{name}");
    }
    let asks = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST")];
    let response = http.send("OPTIONS", "/v1/transfers", &asks, b"").unwrap();
    assert_eq!(response.status, 204);
    assert!(response.header("access-control-allow-headers").contains("idempotency-key"));
    for (method, path, status) in [
        ("PUT", "/v1/transfers", 405),
        ("DELETE", "/v1/accounts/1", 405),
        ("OPTIONS", "/v1/transfers", 405),
        ("GET", "/v1/transfers/%2e%2e/accounts/1", 404),
        ("GET", "/v1/accounts/..%2f1", 400),
        ("GET", "/../etc/passwd", 404),
        ("GET", "//v1/stats", 404),
        ("GET", "/v1/requests/%ff", 400),
    ] {
        let response = http.send(method, path, &[], b"").unwrap();
        assert_eq!(response.status, status, "{method} {path}: {response:?}");
    }
}

#[test]
fn the_slow_and_the_silent_are_cut_off() {
    let house = House::new();
    let _engine = house.engine();
    let times = "header-timeout = \"1s\"\nbody-timeout = \"1s\"\nwrite-timeout = \"1s\"";
    let (_bridge, http) = bridge(&house, 0, times);
    create_accounts(&http);
    let begun = head(&http, "Content-Type: application/json\r\nContent-Length: 100");
    //  what, what is sent
    let cases = [
        ("nothing", String::new()),
        ("half a line", "GET /v1".to_owned()),
        ("half of HTTP/2", "PRI * HTTP/2.0\r\n".to_owned()),
        ("half a body", format!("{begun}{{")),
    ];
    for (name, sent) in cases {
        let start = Instant::now();
        let answer = http.raw(sent.as_bytes());
        assert!(start.elapsed() < Duration::from_secs(20), "{name}");
        let line = status_line(&answer);
        assert!(line.is_empty() || line.starts_with("HTTP/1.1 408"), "{name}: {line}");
    }
    // One that goes on slowly is no better than one that is silent.
    let mut slow = http.connect().unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(15) {
        if slow.write_all(b"G").is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(start.elapsed() < Duration::from_secs(15), "it may go on for ever");
    assert_eq!(http.post("/v1/transfers", &transfer(10)).status, 201);
}

#[test]
fn connections_are_limited_and_reused() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "connections-max = 8");
    create_accounts(&http);
    let mut held: Vec<_> = (0..8).map(|_| http.connect().unwrap()).collect();
    let answer = http.raw(b"");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    // Those that are held are served, each as often as it asks.
    let stream = held.pop().unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    for id in 10..13 {
        let body = transfer(id);
        let lines = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
        writer.write_all((head(&http, &lines) + &body).as_bytes()).unwrap();
        assert_eq!(read_response(&mut reader).unwrap().status, 201);
    }
    writer.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn a_bridge_whose_address_is_taken_ends() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    let mut second = house.bridge(&configuration(http.port, ""));
    assert_eq!(second.end(), Some(1));
    assert_eq!(http.get("/readyz").status, 200);
}
