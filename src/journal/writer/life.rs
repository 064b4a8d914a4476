//! How the life of a writer begins and ends: the calls that wait.

use super::Writer;
use crate::error::JournalError;
use crate::storage::{Operation, Storage};
use ringfence_types::Rules;

impl<S: Storage> Writer<S> {
    /// Appends what a life begins with, rules or a mark, and returns when it is durable. Makes the
    /// next segment only if this one is full.
    ///
    /// # Errors
    ///
    /// As [`Writer::poll`]; [`JournalError::NoRoom`] if it cannot be made for want of room.
    pub(in super::super) fn begin_and_wait(
        &mut self,
        rules: Option<&Rules>,
    ) -> Result<(), JournalError> {
        loop {
            let is_put = match rules {
                Some(rules) => self.append_rules(rules)?,
                None => self.append_mark(),
            };
            if is_put {
                break;
            }
            self.poll()?;
            self.storage.wait();
            if let Some(error) = self.take_shortage() {
                return Err(error);
            }
        }
        loop {
            while let Some(completion) = self.storage.complete() {
                self.collect(completion);
            }
            self.check()?;
            self.release();
            self.submit();
            self.storage.begin();
            if self.is_drained() {
                return Ok(());
            }
            self.storage.wait();
        }
    }

    /// Writes and syncs all that was appended, with a closing frame, and has it witnessed. Waits.
    /// In a full segment, with no room for the next one, the witness alone says where it ends.
    ///
    /// # Errors
    ///
    /// As [`Writer::poll`].
    pub fn close(mut self) -> Result<(), JournalError> {
        loop {
            self.idle()?;
            let is_preparing = self.next_segment.is_under_way();
            let position = self.builder.position();
            let is_marked = position.marked_sequence == position.last_sequence;
            // What is drained and could not be marked has no room for a mark.
            let is_over = is_marked || self.shortage().is_some();
            if self.is_drained() && self.syncs.is_empty() && is_over && !is_preparing {
                return self.write_witness();
            }
            self.storage.wait();
        }
    }

    /// Has the witness written, and waits.
    fn write_witness(&mut self) -> Result<(), JournalError> {
        let ticket = self.take_ticket();
        self.witness = Some(ticket);
        self.storage.submit(ticket, Operation::Witness(self.reach.witness()));
        self.storage.begin();
        while self.witness.is_some() {
            self.storage.wait();
            while let Some(completion) = self.storage.complete() {
                self.collect(completion);
            }
            self.check()?;
        }
        Ok(())
    }
}
