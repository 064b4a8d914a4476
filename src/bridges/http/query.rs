//! The parameters after the `?` of an address.

use std::str::FromStr;

use ringfence_client::{Start, Subscribe};
use ringfence_types::Op;

use crate::answer::Problem;

/// Values that a filter may have in all.
const FILTER_VALUES_MAX: usize = 256;

/// Names and values, each taken out once.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what stands after the `?`.
    ///
    /// # Errors
    ///
    /// If something is no UTF-8, or given twice.
    pub fn parse(text: Option<&str>) -> Result<Query, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let wrong = || Problem::bad("bad_parameter", format!("`{pair}` is badly encoded"));
            let name = percent_decoded(name).ok_or_else(wrong)?;
            let value = percent_decoded(value).ok_or_else(wrong)?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Problem::parameter(&name, "given twice"));
            }
            pairs.push((name, value));
        }
        Ok(Query(pairs))
    }

    /// The value of a parameter; `None` if it is not there.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// A value that is read further.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn parsed<T: FromStr>(&mut self, name: &str, form: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let value = text.parse().map_err(|_| Problem::parameter(name, form.to_owned()))?;
        Ok(Some(value))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn flag(&mut self, name: &str, default: bool) -> Result<bool, Problem> {
        Ok(self.parsed(name, "it is true or false")?.unwrap_or(default))
    }

    /// Values that are joined by commas.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read.
    pub fn list<T>(
        &mut self,
        name: &str,
        form: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, Problem> {
        let Some(text) = self.take(name) else { return Ok(Vec::new()) };
        let values: Option<Vec<T>> = text.split(',').map(read).collect();
        let values = values.ok_or_else(|| Problem::parameter(name, form.to_owned()))?;
        if values.len() > FILTER_VALUES_MAX {
            let what = format!("more than {FILTER_VALUES_MAX} values");
            return Err(Problem::parameter(name, what));
        }
        Ok(values)
    }

    /// That nothing is left.
    ///
    /// # Errors
    ///
    /// Names a parameter that has no meaning here.
    pub fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            Some((name, _)) => Err(Problem::parameter(name, "unknown parameter")),
            None => Ok(()),
        }
    }
}

/// The text behind `%` escapes; `None` if it is no UTF-8 or an escape is none.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push((digit()? * 16 + digit()?) as u8);
    }
    String::from_utf8(bytes).ok()
}

/// A number in digits alone.
pub fn digits<T: FromStr>(text: &str) -> Option<T> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// What a listener wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    outcomes: bool,
    events: bool,
    commands: bool,
    only_successes: bool,
    operations: u64,
    ledgers: Vec<u32>,
    accounts: Vec<u128>,
}

impl Filter {
    /// Takes the parameters of a filter.
    ///
    /// # Errors
    ///
    /// Which of them makes no sense.
    pub fn take(query: &mut Query) -> Result<Filter, Problem> {
        let op_of = |name: &str| Op::ALL.into_iter().find(|op| op.name() == name);
        let ops = query.list("op", "names of operations, joined by commas", op_of)?;
        let filter = Filter {
            outcomes: query.flag("outcomes", true)?,
            events: query.flag("events", true)?,
            commands: query.flag("commands", false)?,
            only_successes: query.flag("only_successes", false)?,
            operations: ops.into_iter().fold(0, |all, op| all | 1 << op as u8),
            ledgers: query.list("ledger", "ledgers, joined by commas", digits)?,
            accounts: query.list("account", "ids of accounts, joined by commas", digits)?,
        };
        if !filter.outcomes && (!filter.events || filter.commands) {
            let what = "without outcomes there are events alone";
            return Err(Problem::parameter("outcomes", what));
        }
        Ok(filter)
    }

    /// What the engine is asked for.
    pub fn wish(&self, start: Start) -> Subscribe {
        Subscribe {
            outcomes: self.outcomes,
            events: self.events,
            commands: self.commands,
            only_successes: self.only_successes,
            operations: self.operations,
            ledgers: self.ledgers.clone(),
            accounts: self.accounts.clone(),
            ..Subscribe::outcomes(start)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_unknown_ones_refused() {
        let mut query = Query::parse(Some("op=create_transfer&ledger=978,1&x=%20%c3%a4")).unwrap();
        let filter = Filter::take(&mut query).unwrap();
        assert_eq!(filter.operations, 1 << Op::CreateTransfer as u8);
        assert_eq!(filter.ledgers, [978, 1]);
        assert_eq!(query.take("x").as_deref(), Some(" ä"));
        query.finish().unwrap();
        for wrong in ["a=1&a=2", "a=%4", "a=%zz", "a=%ff"] {
            assert!(Query::parse(Some(wrong)).is_err(), "{wrong}");
        }
        for wrong in ["ledger=x", "ledger=", "account=-1", "op=pay", "events=1", "foo=1"] {
            let mut query = Query::parse(Some(wrong)).unwrap();
            let is_wrong = Filter::take(&mut query).is_err() || query.finish().is_err();
            assert!(is_wrong, "{wrong}");
        }
    }
}
