//! The task of a session: its connection, again and again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::pipe::Pipe;
use crate::resuming::attempts::{Attempts, Cut};
use crate::resuming::exchange::Exchange;
use crate::tls::Tls;
use crate::{Address, ClientError, Delivered, SessionOptions};
use ringfence_types::Command;

/// What the task shares with those who send.
#[derive(Debug)]
pub(super) struct Shared {
    exchange: Mutex<Exchange>,
    /// Held by the one sender that waits for room, so that the others wait in their order.
    turn: tokio::sync::Mutex<()>,
    /// Told when there is room, or the session has ended.
    room: Notify,
    /// Told when there is something to write, or the session is closed.
    wake: Notify,
}

impl Shared {
    pub fn new(options: &SessionOptions) -> Arc<Shared> {
        Arc::new(Shared {
            exchange: Mutex::new(Exchange::new(options)),
            turn: tokio::sync::Mutex::new(()),
            room: Notify::new(),
            wake: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Exchange> {
        // Whoever panicked left a state that stands for itself.
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch if there is room for it now, else returns `None`.
    pub fn try_push(
        &self,
        batch: &[Command],
        number: Option<u64>,
        tag: u128,
    ) -> Result<Option<u64>, ClientError> {
        let mut exchange = self.lock();
        let was_due = exchange.is_due();
        let number = exchange.push(batch, number, tag)?;
        self.wake_for(exchange, was_due);
        Ok(number)
    }

    /// Adds batches with numbers of the caller's, as far as there is room; how many.
    pub fn try_push_numbered<'a>(
        &self,
        batches: impl IntoIterator<Item = (&'a [Command], u64)>,
    ) -> Result<usize, ClientError> {
        let mut exchange = self.lock();
        let was_due = exchange.is_due();
        let mut count = 0;
        for (batch, number) in batches {
            if exchange.push(batch, Some(number), 0)?.is_none() {
                break;
            }
            count += 1;
        }
        self.wake_for(exchange, was_due);
        Ok(count)
    }

    /// Wakes the task if what is to be written has become due.
    fn wake_for(&self, exchange: MutexGuard<'_, Exchange>, was_due: bool) {
        let is_due = exchange.is_due();
        drop(exchange);
        if is_due && !was_due {
            self.wake.notify_one();
        }
    }

    /// Adds a batch as soon as there is room. Cancelled before it returns, it has added nothing.
    pub async fn push(
        &self,
        batch: &[Command],
        number: Option<u64>,
        tag: u128,
    ) -> Result<u64, ClientError> {
        let _turn = self.turn.lock().await;
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            // From here on no notification is missed.
            room.as_mut().enable();
            if let Some(number) = self.try_push(batch, number, tag)? {
                return Ok(number);
            }
            room.await;
        }
    }

    pub fn is_connected(&self) -> bool {
        self.lock().is_connected
    }

    pub fn under_way(&self) -> usize {
        self.lock().state.under_way()
    }

    /// Ends the session once the task sees it.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    fn is_closed(&self) -> bool {
        self.lock().is_closed
    }
}

/// Tells those who wait that a session is over, also where its task is dropped with its runtime.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.lock().has_ended = true;
        self.0.room.notify_waiters();
    }
}

/// The task's side of a session.
pub(super) struct Link {
    pub address: Address,
    pub tls: Option<Tls>,
    pub shared: Arc<Shared>,
    pub attempts: Attempts,
    /// Takes what comes together, at least one each time.
    pub deliver: mpsc::UnboundedSender<Vec<Delivered>>,
}

impl Link {
    /// Serves the session until it ends.
    pub async fn run(mut self) {
        let ending = Ending(Arc::clone(&self.shared));
        let error = loop {
            let cut = match self.connection().await {
                Ok(never) => match never {},
                Err(cut) => cut,
            };
            if self.shared.lock().disconnect() {
                self.attempts.succeeded();
            }
            let wait = match self.attempts.after(cut) {
                Ok(wait) => wait,
                Err(error) => break error,
            };
            if self.unless_closed(tokio::time::sleep(wait)).await.is_none() {
                break ClientError::Ended;
            }
        };
        drop(ending);
        // Nobody may be there any more to be told.
        drop(self.deliver.send(vec![Delivered::Ended(error)]));
    }

    /// What `work` returns; `None` if the session is closed before.
    async fn unless_closed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            if self.shared.is_closed() {
                return None;
            }
            tokio::select! {
                done = &mut work => return Some(done),
                () = self.shared.wake.notified() => {}
            }
        }
    }

    /// One connection, from its start to its end.
    async fn connection(&mut self) -> Result<std::convert::Infallible, Cut> {
        let opened = self.unless_closed(Pipe::open(&self.address, self.tls.as_ref())).await;
        let mut pipe = opened.ok_or(Cut::Closed)??;
        self.shared.lock().greet();
        loop {
            self.give_to(&mut pipe)?;
            let has_read = tokio::select! {
                read = pipe.step() => read?,
                () = self.shared.wake.notified() => {
                    // Whoever is about to send as well gets into the same write.
                    tokio::task::yield_now().await;
                    false
                }
            };
            if has_read {
                self.take_in(&mut pipe)?;
            }
        }
    }

    /// Gives what is to be sent to a connection that has written everything before.
    fn give_to(&self, pipe: &mut Pipe) -> Result<(), Cut> {
        let mut exchange = self.shared.lock();
        if exchange.is_closed {
            return Err(Cut::Closed);
        }
        if pipe.out().is_empty() {
            exchange.take_due(pipe.out());
        }
        Ok(())
    }

    /// Takes in the messages that are whole.
    fn take_in(&self, pipe: &mut Pipe) -> Result<(), Cut> {
        let mut delivered = Vec::new();
        let mut exchange = self.shared.lock();
        let taken = exchange.take_in(&mut pipe.decoder, &self.address, &mut delivered);
        pipe.is_greeted = exchange.is_connected;
        drop(exchange);
        if !delivered.is_empty() {
            self.shared.room.notify_waiters();
            // Where nobody receives any more, the session is closed.
            drop(self.deliver.send(delivered));
        }
        if let Some(idle_timeout) = taken? {
            pipe.idle_timeout = idle_timeout;
        }
        Ok(())
    }
}
