//! Asking everything to stop.

use std::time::Duration;

use tokio::sync::watch;

/// Asks all holders of the [`Stop`] that goes with it to stop.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Tells when to stop. Clones tell the same.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stopper {
    /// The two ends.
    #[must_use]
    pub fn new() -> (Stopper, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Stopper(sender), Stop(receiver))
    }

    /// Asks.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether it was asked, or nobody is left who could.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when it is asked, or nobody is left who could.
    pub async fn asked(&mut self) {
        // An error says that nobody is left.
        let _ = self.0.wait_for(|is_asked| *is_asked).await;
    }

    /// Waits, but no longer than until it is asked; whether it was.
    pub async fn sleep(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.asked()).await.is_ok()
    }
}
