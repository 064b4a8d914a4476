//! Objects of usual spelling, split into their fields in one pass.
//!
//! Usual are names and strings without escapes, integers without sign, `true` and `false`. Every
//! other object is read by `serde_json`, which also knows what is wrong with one that is none.

use super::names::{Name, Names};

/// Bytes that a string of usual spelling does not contain: a quote ends it, others need an escape.
const ENDS_STRING: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        ends[byte] = true;
        byte += 1;
    }
    ends[b'"' as usize] = true;
    ends[b'\\' as usize] = true;
    ends
};

/// A line, and what is left of it to be read.
struct Cursor<'a> {
    line: &'a str,
    rest: &'a [u8],
}

/// Splits the object that is alone in `line`: tells each name, the name as it stands in the line,
/// and its value. `None` where it is not of usual spelling; what was told before is then void.
pub(super) fn split<'a>(
    line: &'a str,
    mut tell: impl FnMut(Name, &'a str, &'a str),
) -> Option<Names> {
    let mut cursor = Cursor { line, rest: line.as_bytes() };
    let mut seen = Names::NONE;
    cursor.skip_white_space();
    cursor.take(b'{')?;
    loop {
        cursor.skip_white_space();
        let key = cursor.string()?;
        let name = Name::from_text(&key[1..key.len() - 1])?;
        if seen.has(name) {
            return None;
        }
        seen = seen.with(name);
        cursor.skip_white_space();
        cursor.take(b':')?;
        cursor.skip_white_space();
        tell(name, key, cursor.value()?);
        cursor.skip_white_space();
        match cursor.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    cursor.skip_white_space();
    cursor.rest.is_empty().then_some(seen)
}

impl<'a> Cursor<'a> {
    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn skip_white_space(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Takes `length` bytes, which end between two characters.
    fn text(&mut self, length: usize) -> &'a str {
        let start = self.line.len() - self.rest.len();
        self.rest = &self.rest[length..];
        &self.line[start..start + length]
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let (&first, inner) = self.rest.split_first()?;
        let end = inner.iter().position(|byte| ENDS_STRING[usize::from(*byte)])?;
        (first == b'"' && inner[end] == b'"').then(|| self.text(end + 2))
    }

    fn value(&mut self) -> Option<&'a str> {
        let first = *self.rest.first()?;
        let among = |bytes: std::ops::RangeInclusive<u8>| {
            let mut rest = self.rest.iter();
            rest.position(|byte| !bytes.contains(byte)).unwrap_or(self.rest.len())
        };
        let length = match first {
            b'"' => return self.string(),
            b'0'..=b'9' => among(b'0'..=b'9'),
            _ => among(b'a'..=b'z'),
        };
        let value = self.text(length);
        let is_usual = match value.as_bytes() {
            // JSON has no other numbers that begin with 0.
            [b'0', _, ..] => false,
            [b'0'..=b'9', ..] => true,
            other => matches!(other, b"true" | b"false"),
        };
        is_usual.then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use rand::seq::IndexedRandom;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;
    use serde::de::DeserializeSeed;

    use super::super::fields::Fields;
    use super::*;

    #[test]
    fn what_is_of_usual_spelling_is_split_and_the_rest_left_to_others() {
        let split = |line: &str| {
            let mut told = Vec::new();
            let seen = split(line, |_, key, value| told.push(format!("{key}={value}")));
            seen.map(|_| told.join(" "))
        };
        //  line, its fields
        let cases = [
            (r#"{"id":1}"#, Some(r#""id"=1"#)),
            (
                r#"{ "id" : "12" ,"code":0, "frozen":true } "#,
                Some(r#""id"="12" "code"=0 "frozen"=true"#),
            ),
            ("{\"op\":\"größe\",\n\"id\":\"\"}", Some("\"op\"=\"größe\" \"id\"=\"\"")),
            (" {\"id\":1}", Some(r#""id"=1"#)),
            ("\u{c}{\"id\":1}", None),
            ("{}", None),
            (r#"{"id":01}"#, None),
            (r#"{"id":-1}"#, None),
            (r#"{"id":1.5}"#, None),
            (r#"{"id":1e3}"#, None),
            (r#"{"id":null}"#, None),
            (r#"{"id":truely}"#, None),
            (r#"{"id":}"#, None),
            (r#"{"id":1,}"#, None),
            (r#"{"id":1"#, None),
            (r#"{"id":1}}"#, None),
            (r#"{"id":1 2}"#, None),
            (r#"{"id":1,"id":1}"#, None),
            (r#"{"idx":1}"#, None),
            (r#"{"i\u0064":1}"#, None),
            (r#"{"id":"1\n"}"#, None),
            ("{\"id\":\"1\n\"}", None),
            (r#"{"flags":["linked"]}"#, None),
            (r#"{"debit_rate":{"count":1}}"#, None),
        ];
        for (line, fields) in cases {
            assert_eq!(split(line).as_deref(), fields, "{line}");
        }
    }

    #[test]
    fn what_is_split_here_serde_json_reads_alike() {
        const PARTS: [&str; 26] = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            " ",
            "\n",
            "0",
            "7",
            "12",
            "-",
            ".",
            "e3",
            "true",
            "false",
            "null",
            "\"id\"",
            "\"op\"",
            "\"amount\"",
            "\"ß\"",
            "\u{1}",
            "\u{7f}",
            "x",
        ];
        const NAMES: [Name; 4] = [Name::Id, Name::Op, Name::Amount, Name::Frozen];
        let seed = 1;
        let mut random = Pcg64::seed_from_u64(seed);
        let mut split = 0;
        for _ in 0..100_000 {
            let mut line = r#"{"op": "create","id":12, "amount":"7","frozen":true}"#.to_owned();
            for _ in 0..random.random_range(0..4) {
                let places: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
                let Some(&at) = places.choose(&mut random) else { continue };
                match random.random_range(0..2) {
                    0 => drop(line.remove(at)),
                    _ => line.insert_str(at, PARTS.choose(&mut random).expect("there are some")),
                }
            }
            let mut usual = Fields::new(&line, 0);
            if !usual.read_usual() {
                continue;
            }
            split += 1;
            let mut fields = Fields::new(&line, 0);
            let mut parser = serde_json::Deserializer::from_str(&line);
            let read = (&mut fields).deserialize(&mut parser).and_then(|()| parser.end());
            assert!(read.is_ok(), "seed {seed}: {line:?}: {read:?}");
            for name in NAMES {
                let [usual, fields] =
                    [&usual, &fields].map(|of| of.value(name).map(|value| value.text()));
                assert_eq!(usual, fields, "seed {seed}: {line:?}: {}", name.text());
            }
        }
        assert!(split > 10_000, "seed {seed}: only {split} were of usual spelling");
    }
}
