//! Bodies that are too long, too deep, of another encoding, or never end.

use std::io::{BufReader, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::house::House;
use crate::http::client::{bridge, create_accounts, read_response, transfer};
use crate::http::hostile::{head, last_sequence, status_line};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn bodies_that_are_no_commands_are_refused_whole() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let before = last_sequence(&http);
    let good = transfer(10);
    let text = |text: &str| text.as_bytes().to_vec();
    let many: Vec<String> = (0..8193).map(|at| transfer(100 + at)).collect();
    let broken_at_its_end =
        format!("[{},{}]", transfer(20), transfer(21).replace("\"id\"", "\"ix\""));
    //  what, the body
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("no UTF-8", [&good.as_bytes()[..4], b"\xff\xfe", &good.as_bytes()[4..]].concat()),
        ("UTF-16", utf_16(&good)),
        ("a byte of zero", [good.as_bytes(), b"\0"].concat()),
        ("zeros alone", vec![0; 1000]),
        ("arrays in arrays", text(&"[".repeat(100_000))),
        ("objects in objects", text(&"{\"id\":".repeat(100_000))),
        ("a number without an end", text(&format!("{{\"id\":{}}}", "9".repeat(100_000)))),
        ("a number with a power", text("{\"id\":1e999999999}")),
        ("a fraction", text(&good.replace("\"amount\":5", "\"amount\":5.5"))),
        ("below zero", text(&good.replace("\"amount\":5", "\"amount\":-5"))),
        ("no number", text(&good.replace("\"amount\":5", "\"amount\":NaN"))),
        ("a field twice", text(&good.replace("\"amount\":5", "\"amount\":5,\"amount\":6"))),
        ("a text without an end", text("{\"id\":\"1")),
        ("an escape that is none", text("{\"\\u00zz\":1}")),
        ("more commands than a batch has", text(&format!("[{}]", many.join(",")))),
        ("a batch whose last is wrong", text(&broken_at_its_end)),
        (
            "two operations",
            text("[{\"op\":\"lookup_account\",\"id\":1},{\"op\":\"lookup_transfer\",\"id\":1}]"),
        ),
        ("an operation of the engine's own", text("{\"op\":\"pulse\"}")),
    ];
    for (name, body) in cases {
        for path in ["/v1/transfers", "/v1/commands"] {
            let response = http.send("POST", path, &[JSON], &body).unwrap();
            assert_eq!(response.status, 400, "{name}: {response:?}");
            assert_eq!(response.header("content-type"), "application/problem+json", "{name}");
        }
    }
    assert_eq!(last_sequence(&http), before + 1);
    assert_eq!(http.post("/v1/transfers", &good).status, 201);
}

#[test]
fn a_mistake_in_a_later_line_has_one_place_and_two_keys_are_named_as_such() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    let text = "{\n  \"id\": 5,\n  \"amuont\": 5\n}";
    let problem = http.post("/v1/transfers", text).json();
    assert_eq!((&problem["line"], &problem["column"]), (&3.into(), &3.into()), "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.ends_with("at line 3, column 3"), "{detail}");
    let keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    let problem = http.try_post("/v1/transfers", &keys, &transfer(10)).unwrap().json();
    assert_eq!(problem["detail"], "more than one Idempotency-Key");
}

#[test]
fn records_that_are_no_commands_are_refused_whole() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    let before = last_sequence(&http);
    let records = [("Content-Type", "application/vnd.ringfence.commands")];
    //  what, the body
    let cases: [(&str, Vec<u8>); 5] = [
        ("none", Vec::new()),
        ("part of one", vec![0; 143]),
        ("more than one", vec![0; 145]),
        ("an operation that is none", vec![255; 144]),
        ("more than a batch has", vec![1; 144 * 8193]),
    ];
    for (name, body) in cases {
        let response = http.send("POST", "/v1/commands", &records, &body).unwrap();
        assert_eq!(response.status, 400, "{name}: {response:?}");
    }
    assert_eq!(last_sequence(&http), before + 1);
}

#[test]
fn a_body_whose_length_is_not_said_is_bounded_in_bytes_and_in_time() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "body-bytes-max = 4096\nbody-timeout = \"1s\"");
    create_accounts(&http);
    let before = last_sequence(&http);
    let lines = "Content-Type: application/json\r\nTransfer-Encoding: chunked";
    // Too long.
    let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400));
    let answer = http.raw((head(&http, lines) + &chunk.repeat(8)).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413"), "{}", status_line(&answer));
    // Without an end: it goes on slowly, so that no single read waits for long.
    let mut slow = http.connect().unwrap();
    slow.write_all(head(&http, lines).as_bytes()).unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) && slow.write_all(b"1\r\n \r\n").is_ok() {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(start.elapsed() < Duration::from_secs(30), "it may go on for ever");
    // What stands beside the length of a chunk is bounded too.
    let mut long = http.connect().unwrap();
    // It may be closed before all is written.
    let _ = long.write_all((head(&http, lines) + "1;x=").as_bytes());
    let _ = long.write_all("x".repeat(1 << 20).as_bytes());
    let mut answer = Vec::new();
    let _ = long.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(last_sequence(&http), before + 1);
}

#[test]
fn who_asks_whether_to_send_a_body_is_told() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "body-bytes-max = 4096");
    create_accounts(&http);
    let ask = |length: usize| {
        let lines = "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length";
        let mut stream = http.connect().unwrap();
        stream.write_all(head(&http, &format!("{lines}: {length}")).as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let response = read_response(&mut reader).unwrap();
        (response.status, reader)
    };
    assert_eq!(ask(5000).0, 413);
    let body = transfer(10);
    let (status, mut reader) = ask(body.len());
    assert_eq!(status, 100);
    reader.get_mut().write_all(body.as_bytes()).unwrap();
    assert_eq!(read_response(&mut reader).unwrap().status, 201);
}

#[test]
fn who_hangs_up_early_disturbs_nobody() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let body = transfer(10);
    let length = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    for part in [0, 1, body.len() / 2, body.len() - 1] {
        for how in [Shutdown::Write, Shutdown::Both] {
            let mut stream = http.connect().unwrap();
            let sent = head(&http, &length) + &body[..part];
            stream.write_all(sent.as_bytes()).unwrap();
            stream.shutdown(how).unwrap();
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
            assert!(is_refused, "{part} {how:?}: {answer}");
        }
    }
    assert_eq!(http.get("/v1/transfers/10").status, 404);
    assert_eq!(http.post("/v1/transfers", &body).status, 201);
}
