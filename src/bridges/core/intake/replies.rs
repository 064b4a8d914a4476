//! The outcomes of a message, as its reply has them.

use ringfence_client::Answer;
use ringfence_codec::text::encode_outcome;

use crate::EngineId;
use crate::message::ContentType;
use crate::tags::Answers;

/// The outcomes of a message.
#[derive(Debug, Clone)]
pub struct Replies {
    pub(super) engine: EngineId,
    pub(super) content_type: ContentType,
    /// The answers to each batch, and whether it was written as an array.
    pub(super) batches: Vec<(Answers, bool)>,
}

impl Replies {
    /// Body of the reply: the outcome of a command, an array of those of a batch; of several lines,
    /// a line each.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (at, (answers, is_array)) in self.batches.iter().enumerate() {
            if at > 0 {
                body.push(b'\n');
            }
            encode_answers(answers, *is_array, &mut body);
        }
        body
    }

    /// Content type of the body.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self.content_type {
            ContentType::JsonLines => "application/x-ndjson",
            ContentType::Json | ContentType::Records => "application/json",
        }
    }

    /// Every answer, in the order of the commands.
    pub fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.batches.iter().flat_map(|(answers, _)| answers.iter())
    }

    /// What recognises the reply: that of its first outcome.
    #[must_use]
    pub fn identity(&self) -> String {
        let first = self.answers().next().map_or(0, |answer| answer.sequence);
        format!("{}:{first}", self.engine)
    }

    /// Sequence of the last outcome.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.answers().last().map_or(0, |answer| answer.sequence)
    }

    /// Name and value of the headers of the reply: sequence and operation of its first outcome, and
    /// its status; `mixed` where the statuses differ.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let Some(first) = self.answers().next() else { return Vec::new() };
        let status = first.outcome.status();
        let is_same = self.answers().all(|answer| answer.outcome.status() == status);
        let status = if is_same { status.name() } else { "mixed" };
        vec![
            ("ringfence-sequence", first.sequence.to_string()),
            ("ringfence-op", first.outcome.op().name().to_owned()),
            ("ringfence-status", status.to_owned()),
        ]
    }
}

/// Adds the answers to a batch to `body`: the outcome of a command, an array of those of several.
pub fn encode_answers(answers: &[Answer], is_array: bool, body: &mut Vec<u8>) {
    if is_array {
        body.push(b'[');
    }
    for (at, answer) in answers.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        encode_outcome(answer.sequence, &answer.outcome, &answer.bodies, body);
        // The end of the line.
        body.pop();
    }
    if is_array {
        body.push(b']');
    }
}
