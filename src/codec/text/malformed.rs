//! Why a line is no input.

use std::fmt;

/// Most characters of the input that an error repeats.
const QUOTED_CHARACTERS_MAX: usize = 64;

/// What is wrong with a line, and where. Its `Display` is the `error` of the answer.
///
/// The column is that of the first character of what is wrong: counted from 1, in characters
/// (Unicode scalar values) of the line, a byte order mark not counted. Where a thing is missing
/// it is the column of what should contain it. Where the line is no JSON it is the column at
/// which that shows; where the line ends too early, the one after the last.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Malformed {
    what: String,
    column: Option<usize>,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.column {
            Some(column) => write!(f, " at column {column}"),
            None => Ok(()),
        }
    }
}

impl Malformed {
    /// A line of more than [`super::LINE_BYTES_MAX`] bytes, of which nothing was kept.
    #[must_use]
    pub fn too_long() -> Malformed {
        let what = format!("line of more than {} bytes", super::LINE_BYTES_MAX);
        Malformed { what, column: None }
    }

    /// An `advance_clock` that would set the clock beyond [`ringfence_types::TIMESTAMP_MAX`].
    #[must_use]
    pub fn clock_out_of_range() -> Malformed {
        let what = format!(
            "`advance_clock` would set the clock beyond {} nanoseconds",
            ringfence_types::TIMESTAMP_MAX
        );
        Malformed { what, column: None }
    }

    /// The column of the first character of what is wrong, from 1, where there is one.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.column
    }

    /// `part`, a slice of `line`, is wrong.
    pub(super) fn at(line: &str, part: &str, what: String) -> Malformed {
        Malformed::at_byte(line, part.as_ptr().addr() - line.as_ptr().addr(), what)
    }

    /// What begins at `offset` bytes of `line` is wrong.
    pub(super) fn at_byte(line: &str, offset: usize, what: String) -> Malformed {
        Malformed { what, column: Some(line[..offset].chars().count() + 1) }
    }

    /// `line` is no UTF-8 from `offset` bytes on.
    pub(super) fn not_utf8(line: &[u8], offset: usize) -> Malformed {
        let good = str::from_utf8(&line[..offset]).expect("the bytes before the first bad one");
        Malformed { what: "invalid UTF-8".into(), column: Some(good.chars().count() + 1) }
    }

    /// `line` is no JSON.
    pub(super) fn not_json(line: &str, error: &serde_json::Error) -> Malformed {
        let mut what = error.to_string();
        if let Some(end) = what.rfind(" at line ") {
            what.truncate(end);
        }
        // Its column counts the bytes up to and with the one at which the parser stopped, but of
        // a control character only those before it, and where the line ends it is the last one's.
        let stopped_after = error.column();
        let bytes = line.as_bytes();
        let column = if error.is_eof() {
            line.chars().count() + 1
        } else {
            let end = stopped_after + usize::from(what.starts_with("control character"));
            let starts = bytes[..end.min(bytes.len())].iter();
            starts.filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
        };
        Malformed { what, column: Some(column) }
    }
}

/// `text` between back-quotes, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARACTERS_MAX) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}…`", &text[..end]),
    }
}
