//! A command as it lies in the ring and in the journal.

use core::mem::offset_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, transmute, transmute_ref};

use super::{
    Account, AccountPolicy, AmendOrder, Frozen, LedgerPolicy, Market, Op, PairPolicy, PlaceOrder,
    RequeueTransfer, ResolveQueues, Side, TimeInForce, Transfer, TransferFlags,
};

/// Most commands in one batch.
pub const BATCH_COMMANDS_MAX: usize = 8 * 1024;

/// What the engine adds to a command when it takes it in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Header {
    /// The engine's timestamp: nanoseconds since the Unix epoch, strictly increasing over all
    /// commands.
    pub timestamp: u64,
    /// Which session is waiting for the outcome; decides nothing and is not journaled.
    pub session: u16,
    /// Commands in its batch, 1 to [`BATCH_COMMANDS_MAX`].
    pub batch_length: u16,
    /// Its place in the batch, from 0.
    pub batch_index: u16,
    /// An [`Op`], by its number; the same for the whole batch.
    pub op: u8,
    /// 1 where the batch says something of itself: its session, number and tag travel beside the
    /// commands. Decides nothing and is not journaled here.
    pub has_request: u8,
}

/// The 128 bytes that a client sends; what they mean depends on the operation.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(transparent)]
pub struct Body([u128; 8]);

impl Body {
    /// Nothing but zeros: the body of [`Op::Pulse`].
    pub const NONE: Body = Body([0; 8]);

    /// The first field of a command `op` whose number stands for nothing: its name and its number.
    /// Flags are not looked at: unknown ones are answered with a status.
    #[must_use]
    pub fn number_without_meaning(&self, op: Op) -> Option<(&'static str, u8)> {
        let wrong = |is_known: bool, name, number| (!is_known).then_some((name, number));
        match op {
            Op::PlaceOrder => {
                let order = self.order();
                let (side, time) = (order.side, order.time_in_force);
                wrong(Side::from_number(side).is_some(), "side", side)
                    .or(wrong(TimeInForce::from_number(time).is_some(), "time_in_force", time))
                    .or(wrong(order.post_only <= 1, "post_only", order.post_only))
            }
            Op::RequeueTransfer => {
                let urgent = self.requeue().urgent;
                wrong(urgent <= 1, "urgent", urgent)
            }
            Op::SetAccountPolicy => {
                let frozen = self.account_policy().frozen;
                wrong(Frozen::from_number(frozen).is_some(), "frozen", frozen)
            }
            Op::SetLedgerPolicy => {
                let halted = self.ledger_policy().halted;
                wrong(halted <= 1, "halted", halted)
            }
            Op::SetPairPolicy => {
                let blocked = self.pair_policy().blocked;
                wrong(blocked <= 1, "blocked", blocked)
            }
            _ => {
                debug_assert!(!op.has_coded_fields());
                None
            }
        }
    }
}

/// A command: header and body.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Command {
    /// What the engine adds.
    pub header: Header,
    /// What the client sent.
    pub body: Body,
}

/// Body of every look-up, and of what else names an id alone: [`Op::LookupAccount`],
/// [`Op::LookupTransfer`], [`Op::LookupOrder`], [`Op::LookupMarket`], [`Op::LookupQueue`] (the
/// account's id), [`Op::CancelOrder`] and [`Op::CancelQueuedTransfer`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Lookup {
    /// What is looked for.
    pub id: u128,
    /// Zero.
    pub reserved: [u128; 7],
}

const _: () = assert!(size_of::<Header>() == 16);
const _: () = assert!(size_of::<Body>() == 128 && align_of::<Body>() == 16);
const _: () = assert!(size_of::<Command>() == 144 && align_of::<Command>() == 16);
const _: () = assert!(BATCH_COMMANDS_MAX <= u16::MAX as usize);

macro_rules! bodies {
    ($($view:ident $constructor:ident $type:ty, $op:expr;)+) => {
        impl Body {
            $(
                #[doc = concat!("The body read as [`", stringify!($type), "`].")]
                #[inline]
                #[must_use]
                pub fn $view(&self) -> &$type {
                    transmute_ref!(self)
                }
            )+
        }
        impl Command {
            $(
                #[doc = concat!("A command of this kind, not yet stamped, around [`", stringify!($type), "`].")]
                #[inline]
                #[must_use]
                pub fn $constructor(body: $type) -> Command {
                    let header = Header { op: $op as u8, ..Header::default() };
                    Command { header, body: Body(transmute!(body)) }
                }
            )+
        }
    };
}

bodies! {
    account create_account Account, Op::CreateAccount;
    transfer create_transfer Transfer, Op::CreateTransfer;
    lookup lookup_account Lookup, Op::LookupAccount;
    account_policy set_account_policy AccountPolicy, Op::SetAccountPolicy;
    ledger_policy set_ledger_policy LedgerPolicy, Op::SetLedgerPolicy;
    pair_policy set_pair_policy PairPolicy, Op::SetPairPolicy;
    market create_market Market, Op::CreateMarket;
    order place_order PlaceOrder, Op::PlaceOrder;
    amendment amend_order AmendOrder, Op::AmendOrder;
    resolve_queues resolve_queues ResolveQueues, Op::ResolveQueues;
    requeue requeue_transfer RequeueTransfer, Op::RequeueTransfer;
}

impl Command {
    /// A command whose body is a [`Lookup`], not yet stamped.
    ///
    /// # Panics
    ///
    /// If the body of `op` is another.
    #[must_use]
    pub fn of_lookup(op: Op, body: Lookup) -> Command {
        assert!(op.names_an_id_alone(), "{op:?} says more than an id");
        let mut command = Command::lookup_account(body);
        command.header.op = op as u8;
        command
    }

    /// A look-up of a transfer, not yet stamped.
    #[must_use]
    pub fn lookup_transfer(body: Lookup) -> Command {
        Command::of_lookup(Op::LookupTransfer, body)
    }

    /// The engine's own command that lets time pass, not yet stamped.
    #[must_use]
    pub fn pulse() -> Command {
        let header = Header { op: Op::Pulse as u8, ..Header::default() };
        Command { header, body: Body::default() }
    }

    /// The operation.
    ///
    /// # Panics
    ///
    /// If the number is unknown: the gateway and the journal's reader let none such pass.
    #[inline]
    #[must_use]
    pub fn op(&self) -> Op {
        Op::from_number(self.header.op).expect("only known operations enter the ring")
    }

    /// True if the flag `linked` ties it to the next command of its batch.
    #[inline]
    #[must_use]
    pub fn is_linked(&self) -> bool {
        // Flags of accounts and of transfers lie at one place, and only those two can be linked.
        const {
            assert!(super::AccountFlags::LINKED.0 == TransferFlags::LINKED.0);
            assert!(offset_of!(Account, flags) == offset_of!(Transfer, flags));
            assert!(Op::CreateAccount as u8 == 1 && Op::CreateTransfer as u8 == 2);
        };
        self.header.op <= Op::CreateTransfer as u8
            && self.body.transfer().flags.has(TransferFlags::LINKED)
    }

    /// True if it places, amends or cancels an order. Asks only for the number: a quick test for
    /// what is none.
    #[inline(always)]
    #[must_use]
    pub fn is_of_order(&self) -> bool {
        const FIRST: u8 = Op::PlaceOrder as u8;
        const { assert!(Op::AmendOrder as u8 == FIRST + 1 && Op::CancelOrder as u8 == FIRST + 2) };
        self.header.op.wrapping_sub(FIRST) <= 2
    }

    /// True if it is the last of its batch.
    #[inline]
    #[must_use]
    pub fn ends_batch(&self) -> bool {
        self.header.batch_index + 1 == self.header.batch_length
    }

    /// True if a linked chain, if it stands in one, ends with it.
    #[inline]
    #[must_use]
    pub fn ends_chain(&self) -> bool {
        self.ends_batch() || !self.is_linked()
    }

    /// The id that its outcome repeats, 0 if its kind has none.
    #[inline]
    #[must_use]
    pub fn id(&self) -> u128 {
        match self.op() {
            Op::CreateMarket => self.body.market().id.into(),
            op if op.has_id() => self.body.lookup().id,
            _ => 0,
        }
    }
}
