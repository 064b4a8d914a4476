//! The cases of `clients/conformance`, which clients in every language are tested with.
//!
//! ```text
//!   client.json, engine.json          hex ──decode──▶ message ──▶ as the file has it
//!                                      ▲                 │
//!                                      └─────encode──────┘
//!   client-bad.json, engine-bad.json  hex ──decode──▶ the code of the file
//! ```

mod shown;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::wire::*;
use ringfence_types::{EventKind, Op};
use shown::{shown_reply, shown_request};

/// A message as the files have it, and as it is encoded again, if it can be.
type ShownAgain = (Value, Option<Vec<u8>>);

/// What a case holds beside its name.
struct Case {
    name: String,
    /// What goes before it, and what of the stream it is itself.
    before: Vec<u8>,
    bytes: Vec<u8>,
    fields: Value,
}

fn load(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/conformance").join(file);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes_of(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap().as_bytes();
    let digits = |pair| std::str::from_utf8(pair).unwrap();
    hex.chunks(2).map(|pair| u8::from_str_radix(digits(pair), 16).unwrap()).collect()
}

/// The cases of a file; what goes before them is among those of `good`.
fn cases(file: &str, good: &str) -> Vec<Case> {
    let good = load(good);
    let hex_of = |name: &Value| -> Vec<u8> {
        bytes_of(&good.iter().find(|case| case["name"] == *name).unwrap()["hex"])
    };
    let case = |fields: Value| Case {
        name: format!("{file}: {}", fields["name"].as_str().unwrap()),
        before: fields["after"].as_array().unwrap().iter().flat_map(hex_of).collect(),
        bytes: bytes_of(&fields["hex"]),
        fields,
    };
    load(file).into_iter().map(case).collect()
}

/// A decoder of either side.
enum Decoder {
    Client(RequestDecoder),
    Engine(ReplyDecoder),
}

impl Decoder {
    fn of(file: &str) -> Decoder {
        match file.starts_with("client") {
            true => Decoder::Client(RequestDecoder::new()),
            false => Decoder::Engine(ReplyDecoder::new()),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let frames = match self {
            Decoder::Client(decoder) => decoder.frames(),
            Decoder::Engine(decoder) => decoder.frames(),
        };
        assert_eq!(frames.feed(bytes), bytes.len());
    }

    /// The next message, as [`shown_request`] and [`shown_reply`] have it.
    fn next(&mut self) -> Result<Option<ShownAgain>, Violation> {
        Ok(match self {
            Decoder::Client(decoder) => decoder.next_message()?.map(|message| {
                let (shown, bytes) = shown_request(&message);
                (shown, Some(bytes))
            }),
            Decoder::Engine(decoder) => decoder.next_reply()?.map(|reply| shown_reply(&reply)),
        })
    }

    /// One that has taken in what goes before a case.
    fn after(file: &str, case: &Case) -> Decoder {
        let mut decoder = Decoder::of(file);
        decoder.feed(&case.before);
        while decoder.next().unwrap_or_else(|error| panic!("{}: {error}", case.name)).is_some() {}
        decoder
    }
}

#[test]
fn messages_are_read_and_written_as_the_cases_say() {
    for file in ["client.json", "engine.json"] {
        for case in cases(file, file) {
            let mut decoder = Decoder::after(file, &case);
            decoder.feed(&case.bytes);
            let next = decoder.next().unwrap_or_else(|error| panic!("{}: {error}", case.name));
            let (shown, bytes) = next.unwrap_or_else(|| panic!("{}: cut", case.name));
            assert_eq!(shown, case.fields["message"], "{}", case.name);
            assert!(bytes.is_none_or(|bytes| bytes == case.bytes), "{}", case.name);
        }
    }
}

#[test]
fn bad_messages_are_refused_with_the_code_of_the_case() {
    for (file, good) in [("client-bad.json", "client.json"), ("engine-bad.json", "engine.json")] {
        for case in cases(file, good) {
            let mut decoder = Decoder::after(file, &case);
            let is_early = case.fields["from_header"].as_bool().unwrap();
            let (header, rest) = case.bytes.split_at(16);
            decoder.feed(header);
            if !is_early {
                assert_eq!(decoder.next(), Ok(None), "{}: the header alone", case.name);
                decoder.feed(rest);
            }
            let code = decoder.next().map_err(|violation| violation.code() as u16);
            let expected = case.fields["error"].as_u64().unwrap() as u16;
            assert_eq!(code, Err(expected), "{}", case.name);
        }
    }
}

#[test]
fn there_is_a_case_for_every_operation_event_and_code_of_the_decoder() {
    let client = load("client.json");
    for op in Op::ALL.iter().filter(|op| op.is_public()) {
        let is_there = client.iter().any(|case| case["message"]["operation"] == json!(*op as u8));
        assert!(is_there, "{}", op.name());
    }
    let engine = load("engine.json");
    for kind in EventKind::ALL {
        let is_there = engine.iter().any(|case| case["message"]["event"] == json!(*kind as u8));
        assert!(is_there, "{}", kind.name());
    }
    for file in ["client-bad.json", "engine-bad.json"] {
        let bad = load(file);
        for code in 1..=ErrorCode::BadValue as u16 {
            assert!(bad.iter().any(|case| case["error"] == json!(code)), "{file}: {code}");
        }
    }
}
