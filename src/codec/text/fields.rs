//! The fields of one JSON object, found first and read afterwards.
//!
//! `op` may stand anywhere in an object, and what a field may hold depends on it. So the values
//! are kept as slices of the line until the object has ended; what is wrong with one of them is
//! then found in the line by where its slice begins.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Malformed;
use super::malformed::quoted;

macro_rules! names {
    ($($variant:ident $text:literal,)+) => {
        /// The name of a field of any object.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Name { $($variant,)+ }

        impl Name {
            const COUNT: usize = [$(Name::$variant),+].len();

            pub(super) const fn text(self) -> &'static str {
                match self { $(Name::$variant => $text,)+ }
            }

            fn from_text(text: &str) -> Option<Name> {
                Some(match text { $($text => Name::$variant,)+ _ => return None })
            }
        }
    };
}

// The most frequent first: names are tried in this order.
names! {
    Op "op",
    Id "id",
    DebitAccountId "debit_account_id",
    CreditAccountId "credit_account_id",
    Amount "amount",
    Ledger "ledger",
    Code "code",
    Flags "flags",
    UserData128 "user_data_128",
    UserData64 "user_data_64",
    UserData32 "user_data_32",
    PendingId "pending_id",
    Timeout "timeout",
    Timestamp "timestamp",
    DebitsPending "debits_pending",
    DebitsPosted "debits_posted",
    CreditsPending "credits_pending",
    CreditsPosted "credits_posted",
    AccountId "account_id",
    Frozen "frozen",
    DebitAmountMax "debit_amount_max",
    CreditAmountMax "credit_amount_max",
    DebitRate "debit_rate",
    DebitSpend "debit_spend",
    Count "count",
    WindowSeconds "window_seconds",
    AmountMax "amount_max",
    OpenSecond "open_second",
    CloseSecond "close_second",
    Halted "halted",
    Blocked "blocked",
    Nanoseconds "nanoseconds",
    Market "market",
    Side "side",
    TimeInForce "time_in_force",
    PostOnly "post_only",
    BaseAccountId "base_account_id",
    QuoteAccountId "quote_account_id",
    Price "price",
    Quantity "quantity",
    Budget "budget",
    Urgent "urgent",
    BaseLedger "base_ledger",
    QuoteLedger "quote_ledger",
    Lot "lot",
    Tick "tick",
    FeeAccountId "fee_account_id",
    MakerFee "maker_fee",
    TakerFee "taker_fee",
}

/// A set of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names(u64);

const _: () = assert!(Name::COUNT <= u64::BITS as usize);

impl Names {
    const NONE: Names = Names(0);

    pub(super) const fn of(names: &[Name]) -> Names {
        let mut set = 0;
        let mut index = 0;
        while index < names.len() {
            set |= 1 << names[index] as u8;
            index += 1;
        }
        Names(set)
    }

    const fn has(self, name: Name) -> bool {
        self.0 & (1 << name as u8) != 0
    }
}

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
    /// None yet, of a line that is read up to `cursor` bytes.
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

    /// Forgets the object before.
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

    /// Refuses the first field, as they stand in the line, that is not one of `names`.
    pub(super) fn allow(&self, names: Names) -> Result<(), Malformed> {
        let unknown = Names(self.seen.0 & !names.0);
        if unknown == Names::NONE {
            return Ok(());
        }
        let keys = (0..Name::COUNT).filter(|bit| unknown.0 & (1 << bit) != 0);
        let first = keys.map(|bit| self.keys[bit]).min_by_key(|key| key.as_ptr().addr());
        Err(self.unknown_field(first.expect("some field is unknown")))
    }

    fn unknown_field(&self, key: &str) -> Malformed {
        let name = string(key).unwrap_or(Cow::Borrowed(key));
        let what = format!("unknown field {}", quoted(&format!("{}{name}", self.prefix)));
        Malformed::at(self.line, key, what)
    }

    /// The value of `name` as it stands in the line, if it is there.
    pub(super) fn value(&self, name: Name) -> Option<Value<'a>> {
        let text = self.values[name as usize];
        let (line, prefix) = (self.line, self.prefix);
        self.has(name).then_some(Value { line, prefix, name, text })
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
            Some(value) => match value.text {
                "true" => Ok(1),
                "false" => Ok(0),
                _ => Err(value.must_be("true or false")),
            },
        }
    }

    /// The union of flags, each given by what `from_name` makes of its name; 0 if it is absent.
    pub(super) fn flags(&self, from_name: impl Fn(&str) -> Option<u16>) -> Result<u16, Malformed> {
        self.value(Name::Flags).map_or(Ok(0), |value| value.flags(from_name))
    }

    /// The fields of the object in field `name`, if it is there.
    pub(super) fn object(
        &self,
        name: Name,
        prefix: &'static str,
        names: Names,
    ) -> Result<Option<Fields<'a>>, Malformed> {
        let Some(value) = self.value(name) else { return Ok(None) };
        if !value.text.starts_with('{') {
            return Err(value.must_be("an object"));
        }
        let mut fields = Fields { prefix, ..Fields::new(self.line, 0) };
        let mut parser = serde_json::Deserializer::from_str(value.text);
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
                // Nobody spells names with escapes, but it is JSON.
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
            self.seen.0 |= 1 << name as u8;
            self.keys[name as usize] = key;
            self.values[name as usize] = value;
        }
        Ok(())
    }
}

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
    pub(super) text: &'a str,
}

impl<'a> Value<'a> {
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
                escaped = string(self.text).unwrap_or_default();
                &escaped
            }
            b'"' => &self.text[1..self.text.len() - 1],
            _ => return Err(self.must_be(expected)),
        };
        match digits(text.as_bytes()) {
            Digits::Number(number) if number <= most => Ok(number),
            Digits::Invalid => Err(self.must_be(expected)),
            _ => Err(self.malformed(format!("field {} is more than {most}", self.path()))),
        }
    }

    fn flags(self, from_name: impl Fn(&str) -> Option<u16>) -> Result<u16, Malformed> {
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
fn string(raw: &str) -> Option<Cow<'_, str>> {
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
