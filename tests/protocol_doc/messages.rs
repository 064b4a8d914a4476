//! The messages on the page are those of `clients/conformance`, which the codec is tested with.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{Table, page, tables};
use ringfence::codec::wire::{ErrorCode, Remedy};

/// The cases of a side: the bytes, and the fields.
fn cases(side: &str) -> Vec<(Vec<u8>, Value)> {
    let text = fs::read_to_string(format!("clients/conformance/{side}.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let bytes = |case: &Value| -> Vec<u8> {
        let hex = case["hex"].as_str().unwrap();
        let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    };
    cases.iter().map(|case| (bytes(case), case["message"].clone())).collect()
}

/// Bytes that the page shows, with the heading above them.
fn examples(page: &str) -> Vec<(String, Vec<u8>)> {
    let mut examples = Vec::new();
    let mut heading = "";
    let mut blocks = page.split("```");
    while let (Some(prose), Some(block)) = (blocks.next(), blocks.next()) {
        if let Some(last) = prose.lines().rfind(|line| line.starts_with("## ")) {
            heading = last;
        }
        let words = block.split_whitespace().skip(1);
        let bytes: Result<Vec<u8>, _> = words.map(|word| u8::from_str_radix(word, 16)).collect();
        if let Ok(bytes) = bytes {
            examples.push((heading.to_owned(), bytes));
        }
    }
    examples
}

#[test]
fn every_kind_of_message_has_an_example_and_every_example_is_a_case() {
    let cases: Vec<_> = [cases("client"), cases("engine")].into_iter().flatten().collect();
    let mut kinds = BTreeSet::new();
    for (heading, shown) in examples(&page()) {
        assert!(heading.starts_with(&format!("## Kind {},", shown[8])), "{heading}: {shown:02x?}");
        // What a block leaves out at its end is zero.
        let is_shown = |bytes: &[u8]| {
            let rest = bytes.strip_prefix(&shown[..]);
            rest.is_some_and(|rest| rest.iter().all(|&byte| byte == 0))
        };
        assert!(cases.iter().any(|(bytes, _)| is_shown(bytes)), "{heading}: {shown:02x?}");
        kinds.insert(shown[8]);
    }
    assert_eq!(kinds, (1..=11).collect());
}

/// The layout of a message, by the end of its heading "field of …".
fn layout(of: &str) -> Table {
    let column = format!("field of {of}");
    let found = tables(&page()).into_iter().find(|table| table.columns.get(2) == Some(&column));
    found.unwrap_or_else(|| panic!("there is no layout with the column {column}"))
}

/// Offset, length and name of the fields of fixed length.
fn fields(table: &Table) -> Vec<(usize, usize, String)> {
    let fixed = table.rows.iter().filter_map(|row| Some((row, row[1].parse().ok()?)));
    let name = |text: &str| text.split([':', ',', ';']).next().unwrap().trim().to_owned();
    fixed.map(|(row, bytes)| (row[0].parse().unwrap(), bytes, name(&row[2]))).collect()
}

/// The value of a field as the cases have it.
fn value(bytes: &[u8], like: &Value) -> Value {
    let number = bytes.iter().rev().fold(0, |number, &byte| number << 8 | u128::from(byte));
    match like {
        // In a filter the count stands for what follows.
        Value::Array(entries) => {
            assert_eq!(number, entries.len() as u128);
            like.clone()
        }
        Value::String(text) if text.len() == 32 && bytes.len() == 16 => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
        }
        Value::String(_) => number.to_string().into(),
        _ => u64::try_from(number).unwrap().into(),
    }
}

#[test]
fn a_message_read_by_its_layout_has_the_fields_of_its_case() {
    for side in ["client", "engine"] {
        let hello = format!("{} {side}'s hello", if side == "client" { "a" } else { "an" });
        for (bytes, message) in cases(side) {
            let of = match message["kind"].as_str().unwrap() {
                "hello" => &hello,
                "batch" => "a batch",
                "event" => "an event",
                "error" => "an error",
                "origin" => "an origin",
                "heartbeat" => continue,
                other => other,
            };
            let fields = fields(&layout(of));
            let mut end = 16;
            for (offset, length, name) in &fields {
                assert_eq!(*offset, end, "{of}: a gap before {name}");
                end += length;
            }
            for (key, expected) in message.as_object().unwrap() {
                // Those of the header, and what has a length of its own.
                let is_elsewhere = match key.as_str() {
                    "kind" | "token" | "text" | "bodies" | "outcomes" | "body" => true,
                    "operation" => matches!(of, "a batch" | "commands"),
                    _ => false,
                };
                if is_elsewhere {
                    continue;
                }
                let field = fields.iter().find(|(_, _, name)| name == key);
                let (offset, length, _) = field.unwrap_or_else(|| panic!("{of}: no {key}"));
                let found = value(&bytes[*offset..offset + length], expected);
                assert_eq!(found, *expected, "{of}: {key}");
            }
        }
    }
}

#[test]
fn what_a_client_does_about_an_error_is_what_the_code_says() {
    for row in super::rows(&["code", "meaning", "when", "value", "then"]) {
        let code = ErrorCode::from_number(row[0].parse().unwrap()).unwrap();
        let then = match code.remedy() {
            Remedy::Mend => "mend",
            Remedy::RetryAtOnce => "at once",
            Remedy::RetryLater => "later",
            Remedy::GiveUp => "give up",
            Remedy::AskPerson => "person",
        };
        assert_eq!(row[4].split(':').next(), Some(then), "{code:?}");
        assert!(!row[1].is_empty() && !row[2].is_empty(), "{code:?}");
    }
}
