//! The headers of outcomes and events, and which of them a sink sends.

use crate::Keys;

/// Names of all headers that a record can have.
pub(crate) const HEADERS: [&str; 11] = [
    "ringfence-sequence",
    "ringfence-op",
    "ringfence-status",
    "ringfence-session",
    "ringfence-request",
    "ringfence-tag",
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_time",
];
pub(crate) const SEQUENCE: usize = 0;
pub(crate) const OP: usize = 1;
pub(crate) const STATUS: usize = 2;
pub(crate) const SESSION: usize = 3;
pub(crate) const REQUEST: usize = 4;
pub(crate) const TAG: usize = 5;
pub(crate) const SPEC_VERSION: usize = 6;
pub(crate) const ID: usize = 7;
pub(crate) const TYPE: usize = 8;
pub(crate) const SOURCE: usize = 9;
pub(crate) const TIME: usize = 10;

/// Which of its headers a record carries. The identity, `ce_id`, is always among them: by it a
/// consumer recognises what it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderChoice(u16);

impl HeaderChoice {
    /// All that there are.
    pub const ALL: HeaderChoice = HeaderChoice((1 << HEADERS.len()) - 1);

    /// Reads `headers`: names of headers; all, where nothing is said.
    pub fn configure(keys: &mut Keys) -> HeaderChoice {
        let Some(names) = keys.texts("headers") else { return HeaderChoice::ALL };
        let mut choice = HeaderChoice(1 << ID);
        for name in names {
            match HEADERS.iter().position(|header| *header == name) {
                Some(header) => choice.0 |= 1 << header,
                None => {
                    let all = HEADERS.join(", ");
                    keys.mistake("headers", format!("`{name}`: there are {all}"));
                }
            }
        }
        choice
    }

    pub(crate) fn has(self, header: usize) -> bool {
        self.0 & (1 << header) != 0
    }
}
