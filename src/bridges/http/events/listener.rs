//! One who listens: first catches up with a subscription of its own where it is far behind, then
//! reads what its group shares.
//!
//! # Invariants
//!
//! * It gets everything after its position, once and in order; who is too slow for that is cut off,
//!   and comes again with the last position that it has seen.

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use std::time::Duration;

use super::Position;
use super::group::Share;
use super::ring::{Place, Writing};
use super::subscription::Following;

/// One who listens.
#[derive(Debug)]
pub struct Listener {
    share: Share,
    chunks: watch::Receiver<Option<u64>>,
    reading: Reading,
    position: Position,
    heartbeat: Duration,
    said_at: Instant,
    /// Said first.
    greeting: Option<Bytes>,
    _permit: OwnedSemaphorePermit,
}

/// Where a listener reads.
#[derive(Debug)]
enum Reading {
    /// A subscription of its own.
    Own { following: Box<Following>, _permit: OwnedSemaphorePermit },
    /// The group, from this chunk on.
    Shared(u64),
}

impl Listener {
    /// Listens from the end of what the group has.
    pub fn at_end(share: Share, permit: OwnedSemaphorePermit, heartbeat: Duration) -> Listener {
        let (chunk, position) = share.ring().end();
        Listener::new(share, Reading::Shared(chunk), position, permit, heartbeat)
    }

    /// Listens from `position` on, if the group has kept what comes after it; else gives the share
    /// back.
    pub fn within(
        share: Share,
        position: Position,
        permit: OwnedSemaphorePermit,
        heartbeat: Duration,
    ) -> Result<Listener, (Share, OwnedSemaphorePermit)> {
        let place = share.ring().place(position);
        match place {
            Place::Chunk(chunk) => {
                Ok(Listener::new(share, Reading::Shared(chunk), position, permit, heartbeat))
            }
            Place::Before => Err((share, permit)),
        }
    }

    /// Catches up with `following` first.
    pub fn catching_up(
        share: Share,
        following: Following,
        (permit, own_permit): (OwnedSemaphorePermit, OwnedSemaphorePermit),
        heartbeat: Duration,
    ) -> Listener {
        let position = following.position();
        let reading = Reading::Own { following: Box::new(following), _permit: own_permit };
        Listener::new(share, reading, position, permit, heartbeat)
    }

    fn new(
        share: Share,
        reading: Reading,
        position: Position,
        permit: OwnedSemaphorePermit,
        heartbeat: Duration,
    ) -> Listener {
        let greeting = format!("retry: 1000\n: after {position}\nid: {position}\n\n");
        Listener {
            chunks: share.follow(),
            share,
            reading,
            position,
            heartbeat,
            said_at: Instant::now(),
            greeting: Some(greeting.into()),
            _permit: permit,
        }
    }

    /// What comes next; `None` if nothing more does.
    pub async fn next(&mut self) -> Option<Bytes> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        loop {
            let bytes = match &mut self.reading {
                Reading::Own { following, .. } => {
                    let silent_until = self.said_at + self.heartbeat;
                    let bytes = catch_up(following, silent_until).await?;
                    self.position = following.position();
                    if let Place::Chunk(chunk) = self.share.ring().place(self.position) {
                        self.reading = Reading::Shared(chunk);
                    }
                    bytes
                }
                Reading::Shared(number) => {
                    let shared = match self.share.ring().chunk(*number) {
                        Ok(Some(chunk)) => Some((chunk.rest_after(self.position), chunk.end())),
                        Ok(None) => None,
                        // It was too slow.
                        Err(_) => return None,
                    };
                    match shared {
                        Some((bytes, end)) => {
                            *number += 1;
                            self.position = self.position.max(end);
                            bytes
                        }
                        None => {
                            let next = *number;
                            let more =
                                |chunks: &Option<u64>| chunks.is_none_or(|chunks| chunks > next);
                            let chunks = self.chunks.wait_for(more).await;
                            chunks.ok()?.as_ref()?;
                            continue;
                        }
                    }
                }
            };
            if !bytes.is_empty() {
                self.said_at = Instant::now();
                return Some(bytes);
            }
        }
    }
}

/// What a subscription tells next, with a sign of life where it has nothing to tell until then;
/// `None` if it has ended.
async fn catch_up(following: &mut Following, silent_until: Instant) -> Option<Bytes> {
    let mut writing = Writing::after(following.position());
    let tell = |what, position, line: &[u8]| writing.line(what, position, line);
    following.next(silent_until, tell).await.ok()?;
    if writing.is_empty() && Instant::now() >= silent_until {
        writing.heartbeat(following.position());
    }
    Some(writing.finish(following.position()).rest_after(Position::default()))
}
