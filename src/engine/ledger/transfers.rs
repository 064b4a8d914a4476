//! What the ledger keeps of a transfer or a spent id.
//!
//! A pending or queued transfer is open; it is settled by the command that posts, voids, cancels or
//! drops it, or before which it expires. All others are settled when they are created.

use zerocopy::FromZeros;

use crate::table::{Array, ColdPart, EngineError, HotPart, NO_INDEX, Store, StoreNames};
use ringfence_types::TransferFlags;

/// Transfers and spent ids, by id.
pub(super) type Transfers = Store<Hot, Cold>;

pub(super) const NAMES: StoreNames = StoreNames { records: "transfers", ids: "ids of transfers" };

/// What became of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromZeros)]
#[repr(u8)]
pub(super) enum State {
    /// No longer found, and waits for its slot to be freed; or never used: then all of a slot is
    /// zero.
    Forgotten = 0,
    /// Single-phase, a post or a void: done when created.
    Done = 1,
    /// Pending.
    Pending = 2,
    /// Was pending, and was posted.
    Posted = 3,
    /// Was pending, and was voided.
    Voided = 4,
    /// Was pending, and expired.
    Expired = 5,
    /// No transfer: an id that a refusal has spent.
    Spent = 6,
    /// Waits in a queue.
    Queued = 8,
    /// Waited in a queue, and was taken out.
    Cancelled = 9,
    /// Waited in a queue, and could not settle any more.
    Dropped = 10,
}

impl State {
    /// True if it is pending or queued.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, State::Pending | State::Queued)
    }

    /// The state with this number, of what is held.
    pub(super) fn of_record(number: u8) -> Option<State> {
        Some(match number {
            1 => State::Done,
            2 => State::Pending,
            3 => State::Posted,
            4 => State::Voided,
            5 => State::Expired,
            6 => State::Spent,
            8 => State::Queued,
            9 => State::Cancelled,
            10 => State::Dropped,
            _ => return None,
        })
    }
}

/// The first line of a record.
#[derive(Debug, Clone, Copy, FromZeros)]
#[repr(C, align(64))]
pub(super) struct Hot {
    pub(super) id: u128,
    pub(super) amount: u128,
    /// As shown: of an imported transfer, its own.
    pub(super) timestamp: u64,
    pub(super) debit_index: u32,
    pub(super) credit_index: u32,
    pub(super) timeout: u32,
    pub(super) user_data_32: u32,
    pub(super) flags: TransferFlags,
    pub(super) code: u16,
    pub(super) state: State,
}

/// The rest of a record.
#[derive(Debug, Clone, Copy, FromZeros)]
#[repr(C)]
pub(super) struct Cold {
    pub(super) user_data_128: u128,
    pub(super) user_data_64: u64,
    /// Engine's timestamp of the command that created, refused, resolved or expired it last.
    pub(super) settled_at: u64,
    /// Slot of the pending transfer that a post or void resolved, else [`NO_INDEX`].
    pub(super) pending_slot: u32,
    /// Index of the spend window that counted a pending transfer, else [`NO_INDEX`].
    pub(super) spend_index: u32,
}

const _: () = assert!(size_of::<Hot>() == 64 && size_of::<Cold>() == 48);

impl Hot {
    /// What the fields of a new record are that nothing else says.
    pub(super) const VACANT: Hot = Hot {
        id: 0,
        amount: 0,
        timestamp: 0,
        debit_index: 0,
        credit_index: 0,
        timeout: 0,
        user_data_32: 0,
        flags: TransferFlags::NONE,
        code: 0,
        state: State::Forgotten,
    };
}

impl Cold {
    /// As [`Hot::VACANT`].
    pub(super) const VACANT: Cold = Cold {
        user_data_128: 0,
        user_data_64: 0,
        settled_at: 0,
        pending_slot: NO_INDEX,
        spend_index: NO_INDEX,
    };
}

impl HotPart for Hot {
    type State = State;
    const FORGOTTEN: State = State::Forgotten;

    fn array(what: &'static str, length: usize) -> Result<Array<Hot>, EngineError> {
        Array::zeroed(what, length)
    }

    #[inline(always)]
    fn id(&self) -> u128 {
        self.id
    }

    #[inline(always)]
    fn state(&self) -> State {
        self.state
    }

    #[inline(always)]
    fn set_state(&mut self, state: State) {
        self.state = state;
    }

    #[inline(always)]
    fn is_open(&self) -> bool {
        self.state.is_open()
    }

    #[inline(always)]
    fn next_free(&self) -> u32 {
        self.debit_index
    }

    #[inline(always)]
    fn set_next_free(&mut self, slot: u32) {
        self.debit_index = slot;
    }
}

impl ColdPart for Cold {
    #[inline(always)]
    fn settled_at(&self) -> u64 {
        self.settled_at
    }

    #[inline(always)]
    fn set_settled_at(&mut self, timestamp: u64) {
        self.settled_at = timestamp;
    }
}
