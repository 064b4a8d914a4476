//! The half of a session that sends.

use std::net::Shutdown;
use std::sync::Arc;

use super::ClientError;
use super::connection::Connection;
use ringfence_codec::wire::{ClientHello, encode_batch, encode_client_hello};
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Op, Request};

/// The half of a session that sends. Dropping both halves ends the session.
#[derive(Debug)]
pub struct Sender {
    connection: Arc<Connection>,
    /// What is encoded and not yet written.
    unsent: Vec<u8>,
}

impl Sender {
    /// A sender that greets the engine with its first bytes.
    pub(super) fn greeting(connection: Arc<Connection>, wish: &ClientHello) -> Sender {
        let mut unsent = Vec::new();
        encode_client_hello(wish, &mut unsent);
        Sender { connection, unsent }
    }

    /// Adds a batch to what is to be sent, and returns how many bytes that is now.
    ///
    /// A batch survives a crash of the engine whole or not at all, and no other session's commands
    /// come in between. Of the commands' headers only the operation counts.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotABatch`] if the commands are none, more than [`BATCH_COMMANDS_MAX`], of more
    /// than one operation, or of one that is the engine's own. Nothing is then added.
    pub fn push(&mut self, batch: &[Command]) -> Result<usize, ClientError> {
        check_batch(batch)?;
        encode_batch(batch, &Request::NONE, &mut self.unsent);
        Ok(self.unsent.len())
    }

    /// Sends what was added. Blocks while the engine does not read, which it does not while too
    /// many commands are unanswered.
    ///
    /// # Errors
    ///
    /// Why it cannot be sent.
    pub fn flush(&mut self) -> Result<(), ClientError> {
        let written = self.connection.write(&self.unsent);
        self.unsent.clear();
        written.map_err(|source| self.connection.error("writing to", source))
    }

    /// Sends what was added and tells the engine that nothing more comes. Answers still do.
    ///
    /// # Errors
    ///
    /// Why it cannot be told.
    pub fn finish(&mut self) -> Result<(), ClientError> {
        self.flush()?;
        let shut_down = self.connection.stream.shutdown(Shutdown::Write);
        shut_down.map_err(|source| self.connection.error("writing to", source))
    }
}

/// Checks that `batch` is one: 1 to [`BATCH_COMMANDS_MAX`] commands of one operation that
/// clients may send.
pub(super) fn check_batch(batch: &[Command]) -> Result<(), ClientError> {
    let op = batch.first().map_or(0, |command| command.header.op);
    let is_batch = Op::from_number(op).is_some_and(Op::is_public)
        && batch.len() <= BATCH_COMMANDS_MAX
        && batch.iter().all(|command| command.header.op == op);
    if is_batch { Ok(()) } else { Err(ClientError::NotABatch) }
}
