//! The answers to one request among all that is delivered.

use super::Delivered;
use crate::{Answer, ClientError};

/// The answers to one request, as far as they were delivered.
pub(crate) struct Answers {
    number: u64,
    answers: Vec<Answer>,
}

impl Answers {
    /// Of the request `number`, which has so many commands.
    pub fn new(number: u64, commands: usize) -> Answers {
        Answers { number, answers: Vec::with_capacity(commands) }
    }

    /// Takes what is delivered next; all answers, once the last is there. What belongs to other
    /// requests is dropped.
    ///
    /// # Errors
    ///
    /// [`ClientError::OutcomesLost`].
    pub fn take(&mut self, delivered: Delivered) -> Result<Option<Vec<Answer>>, ClientError> {
        match delivered {
            Delivered::Answer { number, answer, is_last, .. } if number == self.number => {
                self.answers.push(answer);
                Ok(is_last.then(|| std::mem::take(&mut self.answers)))
            }
            Delivered::Lost { number } if number == self.number => {
                Err(ClientError::OutcomesLost { number })
            }
            _ => Ok(None),
        }
    }
}
