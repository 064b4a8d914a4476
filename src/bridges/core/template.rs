//! Names that are made of a record's fields, such as `outcomes.{ledger}.{status}`.

use std::fmt::Write;
use std::str::FromStr;

use crate::Record;

/// A text with fields of records in it. See [`Template::FIELDS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// One of [`Template::FIELDS`].
    Field(&'static str),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A field that records do not have.
    #[error("unknown field `{{{0}}}`: there are {fields}", fields = Template::FIELDS.join(", "))]
    UnknownField(String),
    /// A brace without the other one.
    #[error("a brace without the other one")]
    Brace,
}

impl Template {
    /// The fields that there are. A record without the field gives `-`; of an event, `status` is
    /// its type. `account` is the account that pays.
    pub const FIELDS: [&str; 7] = ["ledger", "status", "op", "account", "id", "kind", "engine"];

    /// Appends the text for `record`.
    pub fn write(&self, record: &Record, out: &mut String) {
        let number = |out: &mut String, number: Option<u128>| match number {
            // Writing to memory does not fail.
            Some(number) => drop(write!(out, "{number}")),
            None => out.push('-'),
        };
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field("ledger") => number(out, record.fields.ledger.map(u128::from)),
                Part::Field("account") => number(out, record.fields.account),
                Part::Field("id") => number(out, record.fields.id),
                Part::Field("status") => out.push_str(record.status),
                Part::Field("op") => out.push_str(record.op),
                Part::Field("kind") => out.push_str(record.kind.name()),
                Part::Field(_) => out.push_str(record.engine.text()),
            }
        }
    }

    /// The text for `record`.
    #[must_use]
    pub fn text(&self, record: &Record) -> String {
        let mut text = String::new();
        self.write(record, &mut text);
        text
    }

    /// Whether the bodies of commands are needed for it.
    #[must_use]
    pub fn needs_commands(&self) -> bool {
        let needs = |part: &Part| matches!(part, Part::Field("ledger" | "account"));
        self.parts.iter().any(needs)
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let inside = after.strip_prefix('{').ok_or(TemplateError::Brace)?;
            let (name, after) = inside.split_once('}').ok_or(TemplateError::Brace)?;
            let known = Template::FIELDS.into_iter().find(|field| *field == name);
            let field = known.ok_or_else(|| TemplateError::UnknownField(name.to_owned()))?;
            parts.push(Part::Field(field));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template { parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in_from_records() {
        let record = Record::example();
        let cases = [
            ("outcomes.{ledger}.{status}", "outcomes.978.created"),
            ("{op}", "create_transfer"),
            ("{account}/{id}/{kind}", "2/9000/outcome"),
            ("plain", "plain"),
            ("", ""),
        ];
        for (template, text) in cases {
            assert_eq!(template.parse::<Template>().unwrap().text(&record), text);
        }
    }

    #[test]
    fn mistakes_in_templates_are_named() {
        let wrong = |text: &str| text.parse::<Template>().unwrap_err();
        assert_eq!(wrong("a.{size}"), TemplateError::UnknownField("size".to_owned()));
        assert_eq!(wrong("a.{size"), TemplateError::Brace);
        assert_eq!(wrong("a}"), TemplateError::Brace);
    }
}
