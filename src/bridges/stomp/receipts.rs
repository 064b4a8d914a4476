//! Receipts that are waited for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ringfence_bridge_core::Failure;
use tokio::sync::oneshot;

/// Why a receipt does not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoReceipt {
    /// The broker refuses this frame, and says why.
    #[error("the broker refuses it: {0}")]
    Refused(String),
    /// The broker refuses some frame, and does not say which.
    #[error("the broker refuses it, or what was sent with it: {0}")]
    Unnamed(String),
    /// The connection has ended.
    #[error("{0}")]
    Lost(String),
}

impl From<NoReceipt> for Failure {
    fn from(why: NoReceipt) -> Failure {
        Failure::retry(why)
    }
}

/// Receipts that are waited for, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Receipts(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<Result<(), NoReceipt>>>,
    /// Why none comes any more.
    ended: Option<NoReceipt>,
}

/// A receipt to wait for.
pub(crate) type Receipt = oneshot::Receiver<Result<(), NoReceipt>>;

impl Receipts {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whoever panicked left a map that is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new receipt, and its number.
    pub fn ask(&self) -> (u64, Receipt) {
        let (sender, receipt) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.last += 1;
        let number = waiting.last;
        match &waiting.ended {
            // It fails where nobody waits.
            Some(why) => drop(sender.send(Err(why.clone()))),
            None => drop(waiting.waiting.insert(number, sender)),
        }
        (number, receipt)
    }

    /// The receipt of this name has come, or a refusal instead; one that is not known is passed
    /// over.
    pub fn answer(&self, name: &str, answer: Result<(), NoReceipt>) {
        let number = name.parse().ok();
        let sender = number.and_then(|number: u64| self.lock().waiting.remove(&number));
        if let Some(sender) = sender {
            // It fails where nobody waits.
            let _ = sender.send(answer);
        }
    }

    /// No receipt comes any more.
    pub fn end(&self, why: &NoReceipt) {
        let mut waiting = self.lock();
        waiting.ended.get_or_insert_with(|| why.clone());
        for (_, sender) in waiting.waiting.drain() {
            let _ = sender.send(Err(why.clone()));
        }
    }
}

/// Waits for a receipt.
pub(crate) async fn received(receipt: Receipt) -> Result<(), NoReceipt> {
    match receipt.await {
        Ok(answer) => answer,
        Err(_) => Err(NoReceipt::Lost("the connection has ended".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_receipt_has_its_answer_and_none_is_left_waiting() {
        let receipts = Receipts::default();
        let mut asked: Vec<_> = (0..3).map(|_| receipts.ask()).collect();
        let refused = NoReceipt::Refused("no".to_owned());
        receipts.answer(&asked[1].0.to_string(), Ok(()));
        receipts.answer(&asked[2].0.to_string(), Err(refused.clone()));
        receipts.answer("unknown", Ok(()));
        let lost = NoReceipt::Lost("gone".to_owned());
        receipts.end(&lost);
        let later = receipts.ask();
        asked.push(later);
        let answers: Vec<_> = asked.iter_mut().map(|(_, it)| it.try_recv().unwrap()).collect();
        assert_eq!(answers, [Err(lost.clone()), Ok(()), Err(refused), Err(lost)]);
    }
}
