//! The lanes that a stage reads, as a tuple: `(&commands, &verdicts)` gives `(View<_>, View<_>)`.

use super::cursor::Cursor;
use super::lane::{Lane, View};
use super::slots::Slots;
use super::state::RingState;
use crate::sync::Arc;

/// The types that a slot can hold: with a default, and safe to share between threads. Implemented
/// for all of them.
pub trait Slot: Default + Send + Sync + 'static {}

impl<T: Default + Send + Sync + 'static> Slot for T {}

/// The slot types of the lanes that a stage reads: a tuple of up to four. Other crates cannot
/// implement it.
pub trait Lanes: sealed::Lanes {}

/// References to the lanes that a stage reads: a tuple of up to four. Other crates cannot implement
/// it.
pub trait LaneRefs: sealed::LaneRefs {}

impl<L: sealed::Lanes> Lanes for L {}
impl<L: sealed::LaneRefs> LaneRefs for L {}

/// The [`View`]s of a batch: a tuple with one for each lane that the stage reads.
pub type Views<'a, R> = <R as sealed::Lanes>::Views<'a>;

/// The tuple of slot types that belongs to a tuple of lane references.
pub type LanesOf<H> = <H as sealed::LaneRefs>::Lanes;

pub(super) mod sealed {
    use super::{Arc, Cursor, RingState};

    pub trait Lanes: 'static {
        /// The slots of each lane.
        type Held: Send + Sync;
        type Views<'a>;

        /// Views of the `len` slots from `first` on in each lane.
        ///
        /// # Safety
        ///
        /// As `Slots::view`, for each lane.
        unsafe fn views(held: &Self::Held, first: u64, len: usize) -> Self::Views<'_>;
    }

    pub trait LaneRefs {
        type Lanes: Lanes;

        fn hold(&self) -> <Self::Lanes as Lanes>::Held;
        /// Calls `each` with the ring and the writer of every lane.
        fn each(&self, each: impl FnMut(&Arc<RingState>, &Arc<Cursor>));
    }
}

macro_rules! lanes {
    ($($T:ident $place:tt),*) => {
        impl<$($T: Slot),*> sealed::Lanes for ($($T,)*) {
            type Held = ($(Slots<$T>,)*);
            type Views<'a> = ($(View<'a, $T>,)*);

            #[inline(always)]
            #[allow(unused_variables, clippy::unused_unit, reason = "the empty tuple uses neither")]
            unsafe fn views(held: &Self::Held, first: u64, len: usize) -> Self::Views<'_> {
                // SAFETY: the caller's promise, made for each lane.
                ($(unsafe { View::new(&held.$place, first, len) },)*)
            }
        }

        impl<$($T: Slot),*> sealed::LaneRefs for ($(&Lane<$T>,)*) {
            type Lanes = ($($T,)*);

            #[allow(clippy::unused_unit, reason = "the empty tuple holds nothing")]
            fn hold(&self) -> ($(Slots<$T>,)*) {
                ($(self.$place.slots.clone(),)*)
            }

            #[allow(unused_mut, unused_variables, reason = "the empty tuple calls nothing")]
            fn each(&self, mut each: impl FnMut(&Arc<RingState>, &Arc<Cursor>)) {
                $(each(&self.$place.ring, &self.$place.writer);)*
            }
        }
    };
}

lanes!();
lanes!(A 0);
lanes!(A 0, B 1);
lanes!(A 0, B 1, C 2);
lanes!(A 0, B 1, C 2, D 3);
