//! The keys of one table of the configuration.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::notes::Notes;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Its line, from 1.
    pub line: usize,
    /// Its key with that of its table, such as `source.queue`; empty: the file's form.
    pub key: String,
    /// What is wrong.
    pub what: String,
}

impl Mistake {
    pub(super) fn of_toml(text: &str, error: &toml::de::Error) -> Mistake {
        let at = error.span().map_or(0, |span| span.start);
        let what = error.message().to_owned();
        Mistake { line: line_of(text, at), key: String::new(), what }
    }
}

/// All mistakes of a file, in the order of their lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    /// The file.
    pub path: String,
    /// The mistakes.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Mistake { line, key, what }) in self.mistakes.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}, line {line}", self.path)?;
            if !key.is_empty() {
                write!(f, ", `{key}`")?;
            }
            write!(f, ": {what}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// A value, and where it stands.
#[derive(Debug, Clone)]
enum Value {
    Text(String),
    /// Its digits.
    Number(String),
    Flag(bool),
    Array(Vec<Value>),
    Table(usize, Vec<Entry>),
    /// A number with a point, a date.
    Other(String),
}

/// A key, its line, its value.
#[derive(Debug, Clone)]
struct Entry {
    key: String,
    line: usize,
    value: Value,
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

fn entries(text: &str, table: DeTable<'_>) -> Vec<Entry> {
    let entry = |(key, value): (Spanned<_>, Spanned<DeValue<'_>>)| {
        let line = line_of(text, key.span().start);
        let key: std::borrow::Cow<'_, str> = key.into_inner();
        Entry { key: key.into_owned(), line, value: read(text, value) }
    };
    table.into_iter().map(entry).collect()
}

fn read(text: &str, value: Spanned<DeValue<'_>>) -> Value {
    let line = line_of(text, value.span().start);
    match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Value::Number(number.as_str().into()),
        DeValue::Integer(number) => Value::Other(number.to_string()),
        DeValue::Float(number) => Value::Other(number.to_string()),
        DeValue::Datetime(time) => Value::Other(time.to_string()),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Array(values) => {
            Value::Array(values.into_iter().map(|value| read(text, value)).collect())
        }
        DeValue::Table(table) => Value::Table(line, entries(text, table)),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Number(text) | Value::Other(text) => f.write_str(text),
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Array(_) => f.write_str("an array"),
            Value::Table(..) => f.write_str("a table"),
        }
    }
}

/// The keys of one table. What is wrong with a value is noted, and a harmless one returned, so that
/// all mistakes are found at once.
#[derive(Debug)]
pub struct Keys {
    /// `source`, `sink`, `engine`.
    table_name: &'static str,
    line: usize,
    entries: Vec<Entry>,
    was_read: BTreeSet<String>,
    notes: Rc<Notes>,
}

impl Keys {
    pub(super) fn root(text: &str, table: DeTable<'_>, notes: Rc<Notes>) -> Keys {
        Keys::new("", 1, entries(text, table), notes)
    }

    fn new(table_name: &'static str, line: usize, entries: Vec<Entry>, notes: Rc<Notes>) -> Keys {
        Keys { table_name, line, entries, was_read: BTreeSet::new(), notes }
    }

    /// Notes a mistake at `key`; at the table's line where the key is not there.
    pub fn mistake(&self, key: &str, what: impl Into<String>) {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        let line = entry.map_or(self.line, |entry| entry.line);
        self.note(line, key, what.into());
    }

    /// Claims a queue, a name or a place, for this table alone or together with others. If that
    /// contradicts an earlier claim, it is a mistake at `key`.
    pub fn claim(&self, key: &str, what: &str, is_alone: bool) {
        if !what.is_empty() && !self.notes.claim(what.to_owned(), is_alone) {
            self.mistake(key, format!("two cannot have it: {what}"));
        }
    }

    fn note(&self, line: usize, key: &str, what: String) {
        let key = match self.table_name {
            "" => key.to_owned(),
            table => format!("{table}.{key}"),
        };
        self.notes.mistakes.borrow_mut().push(Mistake { line, key, what });
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.was_read.insert(key.to_owned());
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(entry.value.clone())
    }

    /// A text; `None` if it is not there.
    pub fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::Text(text) => Some(text),
            value => {
                self.mistake(key, format!("{value} is no text in quotes"));
                None
            }
        }
    }

    /// A text that has to be there; empty where it is not.
    pub fn required_text(&mut self, key: &str) -> String {
        self.require(key);
        self.text(key).unwrap_or_default()
    }

    fn require(&mut self, key: &str) {
        if self.take(key).is_none() {
            self.mistake(key, "missing");
        }
    }

    /// A text that has to be there and says something; empty where it is not.
    pub fn required_name(&mut self, key: &str) -> String {
        let name = self.required_text(key);
        if let Some(Value::Text(text)) = self.take(key)
            && text.is_empty()
        {
            self.mistake(key, "it is empty");
        }
        name
    }

    /// A text that is read further; `None` if it is not there or cannot be read.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, key: &str) -> Option<T> {
        let text = self.text(key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.mistake(key, format!("{text:?}: {error}"));
                None
            }
        }
    }

    /// As [`Keys::parsed`], of a text that has to be there.
    pub fn required_parsed<T: FromStr<Err: fmt::Display>>(&mut self, key: &str) -> Option<T> {
        self.require(key);
        self.parsed(key)
    }

    /// A whole number within a range; `default` if it is not there.
    pub fn number(&mut self, key: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let Some(value) = self.take(key) else { return default };
        let number = match &value {
            Value::Number(digits) => digits.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => number,
            Some(_) => {
                let (least, most) = (range.start(), range.end());
                self.mistake(key, format!("{value} is not within {least} to {most}"));
                default
            }
            None => {
                self.mistake(key, format!("{value} is no whole number"));
                default
            }
        }
    }

    /// Numbers, which may be written as texts too: ids are wider than TOML's numbers.
    pub fn numbers<T: FromStr>(&mut self, key: &str) -> Vec<T> {
        let mut numbers = Vec::new();
        for value in self.array(key) {
            let number = match &value {
                Value::Number(digits) | Value::Text(digits) => digits.parse().ok(),
                _ => None,
            };
            match number {
                Some(number) => numbers.push(number),
                None => self.mistake(key, format!("{value} is no number that fits")),
            }
        }
        numbers
    }

    fn array(&mut self, key: &str) -> Vec<Value> {
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(value) => {
                self.mistake(key, format!("{value} is no array"));
                Vec::new()
            }
        }
    }

    /// Texts; `None` if the key is not there.
    pub fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        self.take(key)?;
        let mut texts = Vec::new();
        for value in self.array(key) {
            match value {
                Value::Text(text) => texts.push(text),
                value => self.mistake(key, format!("{value} is no text in quotes")),
            }
        }
        Some(texts)
    }

    /// `true` or `false`; `default` if it is not there.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.take(key) {
            None => default,
            Some(Value::Flag(flag)) => flag,
            Some(value) => {
                self.mistake(key, format!("{value} is neither true nor false"));
                default
            }
        }
    }

    /// A duration such as `"500ms"` or `"10s"`; `default` if it is not there.
    pub fn duration(&mut self, key: &str, default: Duration) -> Duration {
        let duration = self.parsed::<humantime::Duration>(key);
        duration.map_or(default, Into::into)
    }

    /// A secret: the text `key`, or the first line of the file that `key-file` names.
    pub fn secret(&mut self, key: &str) -> Option<String> {
        let (text, file_key) = (self.text(key), format!("{key}-file"));
        let path = self.text(&file_key);
        if text.is_some() && path.is_some() {
            self.mistake(&file_key, format!("given twice: `{key}` is there too"));
        }
        let Some(path) = path else { return text };
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(text.lines().next().unwrap_or_default().to_owned()),
            Err(error) => {
                self.mistake(&file_key, format!("{path}: {error}"));
                None
            }
        }
    }

    /// The table `key`.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Keys> {
        match self.take(key)? {
            Value::Table(line, entries) => {
                Some(Keys::new(key, line, entries, Rc::clone(&self.notes)))
            }
            _ => {
                self.mistake(key, format!("write [{key}] above its keys"));
                None
            }
        }
    }

    /// The tables `key`.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Keys> {
        let mut tables = Vec::new();
        match self.take(key) {
            None => {}
            Some(Value::Array(values)) => {
                for value in values {
                    if let Value::Table(line, entries) = value {
                        tables.push(Keys::new(key, line, entries, Rc::clone(&self.notes)));
                    } else {
                        self.mistake(key, format!("write [[{key}]] above its keys"));
                    }
                }
            }
            Some(_) => self.mistake(key, format!("write [[{key}]] above its keys")),
        }
        tables
    }

    /// Notes every key that was not asked for.
    pub fn finish(self) {
        for entry in &self.entries {
            if !self.was_read.contains(&entry.key) {
                self.note(entry.line, &entry.key, "unknown key".to_owned());
            }
        }
    }
}
