//! One bell for each thread, that wakes it whatever it sleeps on.

use std::sync::{Arc, Mutex, PoisonError};

use super::{PipelineError, Placement, Role};
use crate::poller::Poller;
use ringfence_journal::{Storage, Writer};
use ringfence_ring::Bell;

/// The bells of a placement's threads; a stage's bell is its thread's.
pub(super) struct Bells<'a> {
    placement: &'a Placement,
    bells: Vec<Bell>,
}

impl<'a> Bells<'a> {
    /// Bells for the threads of `placement`. The gateway's thread sleeps on `source` where there is
    /// one; the journal's thread is woken by the kernel where that writes on its own.
    pub(super) fn new<J: Storage>(
        placement: &'a Placement,
        source: Option<Arc<Poller>>,
        writer: Option<&Writer<J>>,
    ) -> Result<Bells<'a>, PipelineError> {
        let descriptor = writer.and_then(Writer::descriptor);
        let mut bells = Vec::with_capacity(placement.threads.len());
        for thread in &placement.threads {
            let mut poller = source.clone().filter(|_| thread.roles.contains(&Role::Gateway));
            if let Some(descriptor) = descriptor.filter(|_| thread.roles.contains(&Role::Journal)) {
                let own = match poller.take() {
                    Some(poller) => poller,
                    None => Arc::new(Poller::new().map_err(PipelineError::Poller)?),
                };
                own.watch(descriptor).map_err(PipelineError::Poller)?;
                poller = Some(own);
            }
            bells.push(poller.map_or_else(Bell::new, |poller| Bell::with_parker(poller)));
        }
        Ok(Bells { placement, bells })
    }

    /// The bell that wakes the stage `role`.
    pub(super) fn of(&self, role: Role) -> &Bell {
        let thread = self.placement.threads.iter().position(|it| it.roles.contains(&role));
        &self.bells[thread.expect("a placement runs every stage")]
    }

    /// The bells in the order of the threads.
    pub(super) fn by_thread(&self) -> &[Bell] {
        &self.bells
    }
}

/// A bell that is known only once the pipeline is built: the journal's storage is started before.
#[derive(Debug, Clone, Default)]
pub struct LateBell(Arc<Mutex<Option<Bell>>>);

impl LateBell {
    pub(super) fn set(&self, bell: Bell) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bell);
    }

    /// Wakes the thread that polls the journal, if there is one yet.
    pub fn ring(&self) {
        if let Some(bell) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            bell.ring();
        }
    }
}
