//! Listeners of one principal with one filter: they share a subscription with the engine.
//!
//! ```text
//!   subscription ──task──▶ Ring ─┬─▶ listener
//!                                └─▶ listener, at its own place
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringfence_bridge_core::Stop;
use ringfence_client::ClientError;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::ring::{Ring, Writing};
use super::subscription::Following;

/// How long a group is kept without listeners.
const IDLE_TIME: Duration = Duration::from_secs(10);
/// Listeners above which what comes is gathered for some milliseconds, so that each is written to
/// less often: one millisecond more for as many.
const LISTENERS_AT_ONCE: usize = 50;
/// Longest time for which what comes is gathered, in milliseconds.
const GATHER_MILLISECONDS_MAX: usize = 40;

/// Listeners that share a subscription.
#[derive(Debug)]
pub struct Group {
    ring: Mutex<Ring>,
    /// How many chunks there were; `None` once nothing more comes.
    chunks: watch::Sender<Option<u64>>,
    listeners: AtomicUsize,
}

/// A listener's share in its group.
#[derive(Debug)]
pub struct Share(Arc<Group>);

impl std::ops::Deref for Share {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.0
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Group {
    /// Begins to tell what `following` tells, in a task of its own.
    pub fn start(
        following: Following,
        bytes_max: usize,
        heartbeat: Duration,
        stop: Stop,
        permit: OwnedSemaphorePermit,
    ) -> Arc<Group> {
        let group = Arc::new(Group {
            ring: Mutex::new(Ring::new(following.position(), bytes_max)),
            chunks: watch::channel(Some(0)).0,
            listeners: AtomicUsize::new(0),
        });
        tokio::spawn(Arc::clone(&group).run(following, heartbeat, stop, permit));
        group
    }

    /// A share for a listener; `None` if the group has ended.
    pub fn join(self: &Arc<Group>) -> Option<Share> {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        let share = Share(Arc::clone(self));
        self.chunks.borrow().is_some().then_some(share)
    }

    /// Whether nothing more comes.
    pub fn has_ended(&self) -> bool {
        self.chunks.borrow().is_none()
    }

    /// Whether nobody listens.
    pub fn is_idle(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) == 0
    }

    /// What is kept.
    pub fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when there is more.
    pub fn follow(&self) -> watch::Receiver<Option<u64>> {
        self.chunks.subscribe()
    }

    /// Ends the group: its listeners end.
    pub fn end(&self) {
        self.chunks.send_replace(None);
    }

    async fn run(
        self: Arc<Group>,
        following: Following,
        heartbeat: Duration,
        mut stop: Stop,
        _permit: OwnedSemaphorePermit,
    ) {
        let mut ended = self.follow();
        tokio::select! {
            told = self.tell(following, heartbeat) => match told {
                Ok(()) => {}
                Err(error) => tracing::warn!("a subscription has ended: {error}"),
            },
            () = stop.asked() => {}
            _ = ended.wait_for(Option::is_none) => {}
        }
        self.end();
    }

    /// Tells what comes until nobody has listened for a while.
    async fn tell(&self, mut following: Following, heartbeat: Duration) -> Result<(), ClientError> {
        let mut heard_at = Instant::now();
        let mut told_at = Instant::now();
        loop {
            let mut writing = Writing::after(following.position());
            let deadline = (told_at + heartbeat).min(Instant::now() + Duration::from_secs(1));
            let tell = |what, position, line: &[u8]| writing.line(what, position, line);
            following.next(deadline, tell).await?;
            if writing.is_empty() && told_at.elapsed() >= heartbeat {
                writing.heartbeat(following.position());
            }
            if !writing.is_empty() {
                told_at = Instant::now();
                let chunk = writing.finish(following.position());
                let chunks = self.ring().push(chunk);
                self.chunks.send_modify(|known| {
                    if let Some(known) = known {
                        *known = chunks;
                    }
                });
            }
            let listeners = self.listeners.load(Ordering::Relaxed);
            if listeners > 0 {
                heard_at = Instant::now();
            } else if heard_at.elapsed() > IDLE_TIME {
                return Ok(());
            }
            let gather = (listeners / LISTENERS_AT_ONCE).min(GATHER_MILLISECONDS_MAX);
            if gather > 0 {
                tokio::time::sleep(Duration::from_millis(gather as u64)).await;
            }
        }
    }
}
