//! How events leave in the course of a command, and how a call stops where there is no room for
//! one.

use ringfence_types::{EventBody, EventKind};

/// An event has to be emitted and there is no room for it.
///
/// What returns this keeps its place: called again with the same command, it goes on from there,
/// and nothing happens twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paused;

/// Takes the events of the command under way, as long as there is room.
pub(crate) trait Emit {
    /// True if one more event can be emitted in this step.
    fn has_room(&self) -> bool;

    /// Emits an event. There must be room.
    fn emit(&mut self, kind: EventKind, body: EventBody);

    /// Makes sure that one more event can be emitted.
    ///
    /// # Errors
    ///
    /// [`Paused`] if there is no room.
    #[inline(always)]
    fn make_sure_of_room(&self) -> Result<(), Paused> {
        if self.has_room() { Ok(()) } else { Err(Paused) }
    }
}
