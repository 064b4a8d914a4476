//! The fields of one JSON object, found first and read afterwards.
//!
//! `op` may stand anywhere in an object, and what a field may hold depends on it. So the values
//! are kept as slices of the line until the object has ended; what is wrong with one of them is
//! then found in the line by where its slice begins.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Malformed;
use super::malformed::quoted;
use super::names::{Name, Names};
use super::usual;
use super::value::{Integer, Value, string};

/// The fields of one object of a line.
pub(super) struct Fields<'a> {
    line: &'a str,
    /// What contains the object: the name of a field and a point, or nothing.
    prefix: &'static str,
    seen: Names,
    keys: [&'a str; Name::COUNT],
    values: [&'a str; Name::COUNT],
    /// Up to where the line is read, in bytes: the end of the last value, or `[`.
    cursor: usize,
    /// What is wrong. `serde_json` cannot carry it: it knows no columns within a value.
    malformed: Option<Malformed>,
}

impl<'a> Fields<'a> {
    /// No fields yet; the line is read up to byte `cursor`.
    pub(super) fn new(line: &'a str, cursor: usize) -> Fields<'a> {
        Fields {
            line,
            prefix: "",
            seen: Names::NONE,
            keys: [""; Name::COUNT],
            values: [""; Name::COUNT],
            cursor,
            malformed: None,
        }
    }

    /// Reads the object that is alone in the line, if it is of usual spelling. False, and nothing
    /// was read, if it is not.
    pub(super) fn read_usual(&mut self) -> bool {
        let Fields { line, keys, values, .. } = self;
        let seen = usual::split(line, |name, key, value| {
            keys[name as usize] = key;
            values[name as usize] = value;
        });
        self.seen = seen.unwrap_or(Names::NONE);
        seen.is_some()
    }

    /// Forgets the fields of the previous object.
    pub(super) fn clear(&mut self) {
        self.seen = Names::NONE;
    }

    /// Where the next element of an array begins, in bytes; asked before that element is read.
    pub(super) fn next_element_at(&self) -> usize {
        let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'}' | b',');
        let rest = self.line.as_bytes()[self.cursor..].iter();
        self.cursor + rest.take_while(|byte| between(byte)).count()
    }

    pub(super) fn line(&self) -> &'a str {
        self.line
    }

    /// Keeps what is wrong with a value, to be fetched with [`Fields::take_malformed`].
    pub(super) fn set_malformed<E: serde::de::Error>(&mut self, malformed: Malformed) -> E {
        self.malformed = Some(malformed);
        E::custom("malformed")
    }

    pub(super) fn take_malformed(&mut self) -> Option<Malformed> {
        self.malformed.take()
    }

    pub(super) fn has(&self, name: Name) -> bool {
        self.seen.has(name)
    }

    /// Refuses the first field in the line that is not one of `names`.
    pub(super) fn allow(&self, names: Names) -> Result<(), Malformed> {
        let unknown = self.seen.without(names);
        let keys = unknown.numbers().map(|number| self.keys[number]);
        match keys.min_by_key(|key| key.as_ptr().addr()) {
            None => Ok(()),
            Some(first) => Err(self.unknown_field(first)),
        }
    }

    fn unknown_field(&self, key: &str) -> Malformed {
        let name = string(key).unwrap_or(Cow::Borrowed(key));
        let what = format!("unknown field {}", quoted(&format!("{}{name}", self.prefix)));
        Malformed::at(self.line, key, what)
    }

    /// The value of `name` as it stands in the line, if it is there.
    pub(super) fn value(&self, name: Name) -> Option<Value<'a>> {
        let text = self.values[name as usize];
        self.has(name).then_some(Value::new(self.line, self.prefix, name, text))
    }

    /// An integer, 0 if it is absent.
    pub(super) fn integer<T: Integer>(&self, name: Name) -> Result<T, Malformed> {
        self.value(name).map_or(Ok(T::default()), |value| value.integer())
    }

    /// An amount, if it is there.
    pub(super) fn amount(&self, name: Name) -> Result<Option<u128>, Malformed> {
        self.value(name).map(|value| value.amount()).transpose()
    }

    /// A truth value as 0 or 1, 0 if it is absent.
    pub(super) fn boolean(&self, name: Name) -> Result<u8, Malformed> {
        match self.value(name) {
            None => Ok(0),
            Some(value) => match value.text() {
                "true" => Ok(1),
                "false" => Ok(0),
                _ => Err(value.must_be("true or false")),
            },
        }
    }

    /// The union of the named flags, each found by `from_name`; 0 if the field is absent.
    pub(super) fn flags(&self, from_name: impl Fn(&str) -> Option<u16>) -> Result<u16, Malformed> {
        self.value(Name::Flags).map_or(Ok(0), |value| value.flags(from_name))
    }

    /// The one of `all` that field `name` names, if the field is there.
    pub(super) fn named<T: Copy>(
        &self,
        name: Name,
        all: &[T],
        name_of: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, Malformed> {
        self.value(name).map(|value| value.named(all, name_of)).transpose()
    }

    /// Field `name` is absent from the object, which starts at byte `start` of the line.
    pub(super) fn missing(&self, start: usize, name: Name) -> Malformed {
        let what = format!("missing field `{}{}`", self.prefix, name.text());
        Malformed::at_byte(self.line, start, what)
    }

    /// The fields of the object in field `name`, if it is there.
    pub(super) fn object(
        &self,
        name: Name,
        prefix: &'static str,
        names: Names,
    ) -> Result<Option<Fields<'a>>, Malformed> {
        let Some(value) = self.value(name) else { return Ok(None) };
        if !value.text().starts_with('{') {
            return Err(value.must_be("an object"));
        }
        let mut fields = Fields { prefix, ..Fields::new(self.line, 0) };
        let mut parser = serde_json::Deserializer::from_str(value.text());
        if fields.deserialize(&mut parser).is_err() {
            let reason = "the line was read as JSON before, so only its fields can be wrong";
            return Err(fields.take_malformed().expect(reason));
        }
        fields.allow(names)?;
        Ok(Some(fields))
    }
}

impl<'de> DeserializeSeed<'de> for &mut Fields<'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Fields<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
            let (key, value) = (key.get(), value.get());
            self.cursor = value.as_ptr().addr() + value.len() - self.line.as_ptr().addr();
            let bare = &key[1..key.len() - 1];
            let name = match Name::from_text(bare) {
                Some(name) => Some(name),
                // A name may be written with escapes, as any string of JSON.
                None => string(key).and_then(|name| Name::from_text(&name)),
            };
            let Some(name) = name else {
                let malformed = self.unknown_field(key);
                return Err(self.set_malformed(malformed));
            };
            if self.seen.has(name) {
                let what = format!("field `{}{}` given twice", self.prefix, name.text());
                let malformed = Malformed::at(self.line, key, what);
                return Err(self.set_malformed(malformed));
            }
            self.seen = self.seen.with(name);
            self.keys[name as usize] = key;
            self.values[name as usize] = value;
        }
        Ok(())
    }
}
