//! What lines decode to, what is wrong with bad ones, and how outcomes and commands are written.

mod commands;
mod decoding;
mod malformed;
mod outcomes;

use super::{Clock, Decoder, Input};
use ringfence_types::Command;

/// The commands of a line, or what is wrong with it.
fn decode(line: &str) -> Result<Vec<Command>, String> {
    let mut batch = vec![Command::pulse()];
    let decoded = Decoder::new(Clock::System).decode(line.as_bytes(), &mut batch);
    match decoded {
        Ok(Input::Batch) => Ok(batch),
        Ok(other) => panic!("{line}: {other:?}"),
        Err(malformed) => {
            assert!(batch.is_empty(), "{line}: a malformed line leaves no command");
            Err(malformed.to_string())
        }
    }
}

fn decode_one(line: &str) -> Command {
    let batch = decode(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(batch.len(), 1, "{line}");
    batch[0]
}

/// What `encode` appends.
fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b"before|".to_vec();
    encode(&mut out);
    let text = String::from_utf8(out).unwrap();
    text.strip_prefix("before|").expect("lines are appended").to_owned()
}
