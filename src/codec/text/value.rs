//! The value of one field, read as what the field holds.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Malformed;
use super::malformed::{described, quoted};
use super::names::Name;

/// An unsigned integer of a field's width.
pub(super) trait Integer: Default + TryFrom<u128> {
    const MAX: u128;
}

macro_rules! integers {
    ($($type:ident)+) => { $(impl Integer for $type { const MAX: u128 = $type::MAX as u128; })+ };
}
integers! { u16 u32 u64 u128 }

/// The value of a field as it stands in the line: valid JSON.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    line: &'a str,
    prefix: &'static str,
    name: Name,
    text: &'a str,
}

impl<'a> Value<'a> {
    /// `text`, a part of `line`, is the value of the field `name` of the object in `prefix`.
    pub(super) fn new(line: &'a str, prefix: &'static str, name: Name, text: &'a str) -> Value<'a> {
        Value { line, prefix, name, text }
    }

    /// The value as it stands in the line.
    pub(super) fn text(self) -> &'a str {
        self.text
    }

    pub(super) fn integer<T: Integer>(self) -> Result<T, Malformed> {
        self.number(T::MAX, "an unsigned integer")
            .map(|number| T::try_from(number).ok().expect("not above the largest of its type"))
    }

    /// An integer, or `"max"` for the largest.
    pub(super) fn amount(self) -> Result<u128, Malformed> {
        match self.text {
            "\"max\"" => Ok(u128::MAX),
            _ => self.number(u128::MAX, "an unsigned integer or \"max\""),
        }
    }

    fn number(self, most: u128, expected: &str) -> Result<u128, Malformed> {
        let escaped;
        let text = match self.text.as_bytes()[0] {
            b'0'..=b'9' => self.text,
            b'"' if self.text.contains('\\') => {
                escaped = self.string().ok_or_else(|| self.must_be(expected))?;
                &escaped
            }
            b'"' => &self.text[1..self.text.len() - 1],
            _ => return Err(self.must_be(expected)),
        };
        match digits(text.as_bytes()) {
            Digits::Number(number) if number <= most => Ok(number),
            Digits::Invalid => Err(self.not_digits(text, expected)),
            _ => Err(self.malformed(format!("field {} is more than {most}", self.path()))),
        }
    }

    /// `text`, a string or a number, is not of digits alone.
    fn not_digits(self, text: &str, expected: &str) -> Malformed {
        let is_digit = |character: char| character.is_ascii_digit();
        let Some((index, other)) = text.char_indices().find(|(_, c)| !is_digit(*c)) else {
            let what = format!("field {} must be {expected}, not an empty string", self.path());
            return self.malformed(what);
        };
        if !self.text.starts_with('"') {
            return self.must_be(expected);
        }
        let (path, other) = (self.path(), described(other));
        let what =
            format!("field {path} must be {expected}: {other} in {} is no digit", quoted(text));
        // Where nothing is escaped, that character has a place in the line.
        match self.text.get(1..self.text.len() - 1) {
            Some(raw) if raw == text => Malformed::at(self.line, &raw[index..], what),
            _ => self.malformed(what),
        }
    }

    /// The one of `all` that the string names; `name_of` gives their names.
    pub(super) fn named<T: Copy>(
        self,
        all: &[T],
        name_of: impl Fn(T) -> &'static str,
    ) -> Result<T, Malformed> {
        let Some(text) = self.string() else { return Err(self.must_be("a name")) };
        if let Some(named) = all.iter().find(|&&one| name_of(one) == text) {
            return Ok(*named);
        }
        let known = all.iter().map(|&one| quoted(name_of(one))).collect::<Vec<_>>().join(", ");
        let (path, text) = (self.path(), quoted(&text));
        Err(self.malformed(format!("unknown name {text} in field {path} (known: {known})")))
    }

    /// The union of the flags that it names.
    pub(super) fn flags(self, from_name: impl Fn(&str) -> Option<u16>) -> Result<u16, Malformed> {
        if !self.text.starts_with('[') {
            return Err(self.must_be("an array of names"));
        }
        let mut flags = 0;
        let add = |element: &'a str| {
            let Some(name) = string(element) else {
                return Err(Value { text: element, ..self }.must_be("an array of names"));
            };
            let Some(flag) = from_name(&name) else {
                let what = format!("unknown flag {}", quoted(&name));
                return Err(Malformed::at(self.line, element, what));
            };
            flags |= flag;
            Ok(())
        };
        let mut elements = Elements { add, malformed: None };
        let read = serde_json::Deserializer::from_str(self.text).deserialize_seq(&mut elements);
        if let Some(malformed) = elements.malformed {
            return Err(malformed);
        }
        read.expect("the line was read as JSON before");
        Ok(flags)
    }

    /// The text of a string, unescaped; `None` for anything else.
    pub(super) fn string(self) -> Option<Cow<'a, str>> {
        string(self.text)
    }

    /// The value is of another kind than `expected`.
    pub(super) fn must_be(self, expected: &str) -> Malformed {
        let found = match self.text.as_bytes()[0] {
            b'n' => "null",
            b't' | b'f' => "a boolean",
            b'"' => "a string",
            b'[' => "an array",
            b'{' => "an object",
            _ if self.text.contains(['-', '.', 'e', 'E']) => {
                "a number with sign, point or exponent"
            }
            _ => "a number",
        };
        self.malformed(format!("field {} must be {expected}, not {found}", self.path()))
    }

    /// `what` is wrong with the value.
    pub(super) fn malformed(self, what: String) -> Malformed {
        Malformed::at(self.line, self.text, what)
    }

    fn path(self) -> String {
        format!("`{}{}`", self.prefix, self.name.text())
    }
}

/// Gives each element of an array to `add`, until one is malformed.
struct Elements<F> {
    add: F,
    malformed: Option<Malformed>,
}

impl<'de, F: FnMut(&'de str) -> Result<(), Malformed>> Visitor<'de> for &mut Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            if let Err(malformed) = (self.add)(element.get()) {
                self.malformed = Some(malformed);
                return Err(A::Error::custom("malformed"));
            }
        }
        Ok(())
    }
}

/// The text of a JSON string; `None` if `raw` is another value, or has an escape that stands for
/// no character.
pub(super) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

enum Digits {
    Number(u128),
    TooLarge,
    Invalid,
}

/// The number that decimal digits spell, however many zeros it starts with.
fn digits(text: &[u8]) -> Digits {
    /// So many digits are below 2^64.
    const SHORT: usize = 19;

    let add = |number: u64, byte: &u8| match byte.wrapping_sub(b'0') {
        digit @ 0..=9 => Some(number * 10 + u64::from(digit)),
        _ => None,
    };
    if text.is_empty() {
        return Digits::Invalid;
    }
    let (head, tail) = text.split_at(text.len().min(SHORT));
    let Some(head) = head.iter().try_fold(0, add) else { return Digits::Invalid };
    let mut number = Some(u128::from(head));
    for byte in tail {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Digits::Invalid;
        }
        number = number
            .and_then(|number| number.checked_mul(10))
            .and_then(|number| number.checked_add(u128::from(digit)));
    }
    number.map_or(Digits::TooLarge, Digits::Number)
}
