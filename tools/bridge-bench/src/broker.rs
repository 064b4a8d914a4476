//! What the bench needs of a broker. A broker that is measured implements these traits.

use std::error::Error;

/// Why a measurement ended.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What answers the payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// A consumer of the bench's own that answers at once: what the broker moves alone.
    Echo,
    /// A bridge and the engine behind it.
    Bridge,
}

/// A broker with the queues or topics of one bench.
pub trait Broker {
    /// A client on it.
    type Client: Client;

    /// Its name in the report.
    fn name(&self) -> &'static str;

    /// How it is set up, for people.
    fn about(&self) -> String;

    /// The tables of the bridge's configuration: a source, and a sink where the answers need one.
    fn tables(&self, credit: usize) -> String;

    /// Answers payments at once, as [`Answerer::Echo`], until it fails.
    fn echo(&self, credit: u16) -> impl Future<Output = Result<(), Failure>> + Send + 'static;

    /// A client that sends payments to `answerer` and gets its answers; at most `window` are under
    /// way.
    fn client(
        &self,
        answerer: Answerer,
        window: usize,
    ) -> impl Future<Output = Result<Self::Client, Failure>>;

    /// Removes what the bench has declared.
    fn remove(&self) -> impl Future<Output = Result<(), Failure>>;
}

/// Sends payments with confirms, and takes their answers.
pub trait Client {
    /// Sends a payment. Its confirm comes later.
    fn send(&mut self, body: &[u8], id: u128) -> Result<(), Failure>;

    /// The next answer.
    fn next(&mut self) -> impl Future<Output = Result<Answer, Failure>>;

    /// As [`Client::next`], if it is there already.
    fn try_next(&mut self) -> Result<Option<Answer>, Failure>;

    /// Waits until everything that was sent is confirmed, and acknowledges all answers.
    fn finish(&mut self) -> impl Future<Output = Result<(), Failure>>;
}

/// The answer to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Id of the payment.
    pub id: u128,
    /// Whether it was made.
    pub is_created: bool,
}

impl Answer {
    /// Reads the outcome of a payment, and says what came instead if it is none.
    pub fn of(outcome: &[u8]) -> Result<Answer, Failure> {
        let no_outcome = || format!("no outcome: {}", String::from_utf8_lossy(outcome));
        Ok(Answer::read(outcome).ok_or_else(no_outcome)?)
    }

    fn read(outcome: &[u8]) -> Option<Answer> {
        let id = id_in(outcome)?;
        Some(Answer { id, is_created: text_of(outcome, b"\"status\":\"")? == b"created" })
    }
}

/// What an echo answers to the payment `id`: as long as its outcome.
pub fn echoed_body(sequence: u64, id: u128) -> String {
    format!(
        "{{\"sequence\":\"{sequence}\",\"op\":\"create_transfer\",\"id\":\"{id}\",\
         \"status\":\"created\",\"timestamp\":\"1800000000000000000\"}}"
    )
}

/// Headers as an outcome has them.
pub const OUTCOME_HEADERS: [(&str, &str); 11] = [
    ("ringfence-sequence", "1000000"),
    ("ringfence-op", "create_transfer"),
    ("ringfence-status", "created"),
    ("ringfence-session", "48744642798007912931803152855896654188"),
    ("ringfence-request", "1000000"),
    ("ringfence-tag", "0"),
    ("ce_specversion", "1.0"),
    ("ce_id", "7551a643b2a7b522da2cfab1d91061f7.0:1000000"),
    ("ce_type", "ringfence.transfer.created"),
    ("ce_source", "/ringfence/7551a643b2a7b522da2cfab1d91061f7.0"),
    ("ce_time", "2027-01-15T08:00:00.000000000Z"),
];

/// The id in a payment or its outcome, both JSON.
pub fn id_in(body: &[u8]) -> Option<u128> {
    std::str::from_utf8(text_of(body, b"\"id\":\"")?).ok()?.parse().ok()
}

/// What follows `key` up to the next quotation mark.
fn text_of<'a>(body: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = body.windows(key.len()).position(|bytes| bytes == key)? + key.len();
    body[start..].split(|byte| *byte == b'"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_status_are_found_among_other_fields() {
        let created = br#"{"sequence":"8","op":"create_transfer","id":"5002","status":"created"}"#;
        assert_eq!(Answer::read(created), Some(Answer { id: 5002, is_created: true }));
        let refused = br#"{"sequence":"9","id":"7","status":"exceeds_credits"}"#;
        assert_eq!(Answer::read(refused), Some(Answer { id: 7, is_created: false }));
        assert_eq!(Answer::read(br#"{"id":"7"}"#), None);
        assert_eq!(id_in(br#"{"debit_account_id":"1"}"#), None);
        assert_eq!(id_in(br#"{"id":"x"}"#), None);
    }
}
