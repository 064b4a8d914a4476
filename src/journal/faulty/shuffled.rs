//! Storage that works when it likes and in the order it likes, by a seed.

use std::collections::VecDeque;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::blocking::Blocking;
use crate::error::JournalError;
use crate::files::Files;
use crate::storage::{Completion, OPERATIONS_MAX, Operation, Storage};
use crate::witness::Witness;

/// Storage whose operations are done late, in any order, and are lost if it is dropped before.
pub struct Shuffled<F: Files> {
    blocking: Blocking<F>,
    waiting: Vec<(u64, Operation)>,
    done: VecDeque<Completion>,
    /// What the witness is to say.
    noted: Option<Witness>,
    random: Pcg64,
}

impl<F: Files> Shuffled<F> {
    /// `segments` are those that operations may name from the start.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if one of them cannot be opened.
    pub fn new(files: &F, segments: &[u32], seed: u64) -> Result<Shuffled<F>, JournalError> {
        Ok(Shuffled {
            blocking: Blocking::new(files, segments)?,
            waiting: Vec::with_capacity(OPERATIONS_MAX),
            done: VecDeque::with_capacity(OPERATIONS_MAX + 1),
            noted: None,
            random: Pcg64::seed_from_u64(seed),
        })
    }

    /// Writes the witness, now and then.
    fn witness(&mut self) {
        if self.noted.is_some() && self.random.random_range(0..4) == 0 {
            let witness = self.noted.take().expect("there is something to write");
            self.blocking.submit(0, Operation::Witness(witness));
            let completion = self.blocking.complete().expect("it is done at once");
            if completion.result.is_err() {
                self.done.push_back(completion);
            }
        }
    }

    fn work(&mut self) {
        let index = self.random.random_range(0..self.waiting.len());
        let (ticket, operation) = self.waiting.swap_remove(index);
        self.blocking.submit(ticket, operation);
        self.done.extend(self.blocking.complete());
    }
}

impl<F: Files> Storage for Shuffled<F> {
    fn submit(&mut self, ticket: u64, operation: Operation) {
        assert!(self.waiting.len() + self.done.len() < OPERATIONS_MAX, "too much is under way");
        self.waiting.push((ticket, operation));
    }

    fn note(&mut self, witness: &Witness) {
        self.noted = Some(*witness);
    }

    fn complete(&mut self) -> Option<Completion> {
        self.witness();
        if !self.waiting.is_empty() && self.random.random_range(0..3) == 0 {
            self.work();
        }
        self.done.pop_front()
    }

    fn wait(&mut self) {
        if self.done.is_empty() && !self.waiting.is_empty() {
            self.work();
        }
    }

    fn describe(&self) -> String {
        "shuffled writes".into()
    }
}
