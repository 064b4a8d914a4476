//! Why a line is no input.

use std::fmt;

/// Most characters of the input that an error repeats.
const QUOTED_CHARACTERS_MAX: usize = 64;

/// What is wrong with a line, and where. Its `Display` is the `error` of the answer.
///
/// The column is that of the first character of what is wrong: counted from 1, in characters
/// (Unicode scalar values) of the line, a byte order mark not counted. If a field is missing it is
/// the column of the object that should have it. If the line is no JSON it is the column where the
/// parser stopped; if the line ends too early, the one after the last character.
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
        let what = match line {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                "invalid UTF-8: the line begins as UTF-16 does".to_owned()
            }
            _ => format!("invalid UTF-8: byte {:#04x}", line[offset]),
        };
        Malformed { what, column: Some(good.chars().count() + 1) }
    }

    /// `line` is no JSON.
    pub(super) fn not_json(line: &str, error: &serde_json::Error) -> Malformed {
        let mut reason = error.to_string();
        if let Some(end) = reason.rfind(" at line ") {
            reason.truncate(end);
        }
        if error.is_eof() {
            return Malformed::at_byte(line, line.len(), ends_early(&reason));
        }
        // Its column counts the bytes up to and with the one at which the parser stopped, but of a
        // control character only those before it.
        let stopped_after = error.column() + usize::from(reason.starts_with("control character"));
        let mut offset = stopped_after.clamp(1, line.len()) - 1;
        while !line.is_char_boundary(offset) {
            offset -= 1;
        }
        let found = line[offset..].chars().next().expect("the parser stopped at a character");
        Malformed::at_byte(line, offset, in_plain_words(&reason, found))
    }
}

/// What the parser expected where the line ended.
fn ends_early(reason: &str) -> String {
    let within = match reason.strip_prefix("EOF while parsing ") {
        Some("an object") => "within an object",
        Some("a list") => "within an array",
        Some("a string") => "within a string",
        _ => "where a value should be",
    };
    format!("the line ends {within}")
}

/// The parser's reason for stopping at the character `found`.
fn in_plain_words(reason: &str, found: char) -> String {
    match reason {
        "expected value" => format!("expected a value, not {}", described(found)),
        "expected ident" => {
            "expected a value: words other than true, false and null need quotes".to_owned()
        }
        "key must be a string" => format!("expected a name in quotes, not {}", described(found)),
        "trailing characters" => format!("expected the end of the line, not {}", described(found)),
        "invalid escape" => format!("unknown escape `\\{found}` in a string"),
        _ if reason.starts_with("control character") => {
            let number = u32::from(found);
            format!(
                "control character U+{number:04X} in a string must be written as \\u{number:04x}"
            )
        }
        _ if reason.starts_with("expected ") => format!("{reason}, not {}", described(found)),
        // Those say what is wrong: "trailing comma", "invalid number".
        _ => reason.to_owned(),
    }
}

/// The character itself, or its number where it cannot be seen.
pub(super) fn described(character: char) -> String {
    match character {
        '\0' => "a NUL character (U+0000; UTF-16 is not read)".to_owned(),
        '\u{feff}' => "a byte order mark (U+FEFF; only the first line may have one)".to_owned(),
        _ if is_invisible(character) => {
            format!("an invisible character (U+{:04X})", u32::from(character))
        }
        _ => format!("`{character}`"),
    }
}

/// Whether the character cannot be seen, or changes how others are seen.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || character.is_whitespace() && character != ' '
        || matches!(character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `text` between back-quotes, cut where it is long, with what is invisible as `\u{feff}`.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = "`".to_owned();
    for (index, character) in text.chars().enumerate() {
        if index == QUOTED_CHARACTERS_MAX {
            quoted.push('…');
            break;
        }
        if is_invisible(character) {
            quoted.extend(character.escape_unicode());
        } else {
            quoted.push(character);
        }
    }
    quoted.push('`');
    quoted
}
