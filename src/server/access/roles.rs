//! Roles, and what each lets a client do.

use std::fmt;

use serde::Deserialize;

use super::confined;
use ringfence_types::{Body, Op};

/// A set of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look-ups and subscriptions.
    Read,
    /// Transfers, orders and queued payments.
    Pay,
    /// Accounts, policies, markets and the resolution of queues.
    Operate,
}

/// The role that subscriptions need.
pub const READERS: Role = Role::Read;

/// The role that a client needs for batches of `op`; `None`: no client may send them.
#[must_use]
pub const fn role_of(op: Op) -> Option<Role> {
    Some(match op {
        Op::LookupAccount
        | Op::LookupTransfer
        | Op::LookupOrder
        | Op::LookupMarket
        | Op::LookupQueue => Role::Read,
        Op::CreateTransfer
        | Op::PlaceOrder
        | Op::AmendOrder
        | Op::CancelOrder
        | Op::CancelQueuedTransfer
        | Op::RequeueTransfer => Role::Pay,
        Op::CreateAccount
        | Op::SetAccountPolicy
        | Op::SetLedgerPolicy
        | Op::SetPairPolicy
        | Op::CreateMarket
        | Op::ResolveQueues => Role::Operate,
        Op::Pulse => return None,
    })
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 3] = [Role::Read, Role::Pay, Role::Operate];

    /// Its name, as in access files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Pay => "pay",
            Role::Operate => "operate",
        }
    }

    /// Its operations: bit *n* is operation *n*.
    const fn operations(self) -> u64 {
        let (mut operations, mut index) = (0, 0);
        while index < Op::ALL.len() {
            let op = Op::ALL[index];
            if let Some(role) = role_of(op)
                && role as u8 == self as u8
            {
                operations |= 1 << op as u8;
            }
            index += 1;
        }
        operations
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a principal may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// Operations: bit *n* is operation *n*.
    operations: u64,
    /// Whether it may follow what happens.
    read: bool,
    /// The ledgers to which all of it is confined, sorted; `None`: to none.
    ledgers: Option<Box<[u32]>>,
}

/// What a principal may not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub(super) String);

impl Grants {
    /// Everything.
    pub const ALL: Grants = Grants { operations: u64::MAX, read: true, ledgers: None };

    /// What `roles` let one do, confined to `ledgers` if there are any.
    #[must_use]
    pub fn new(roles: &[Role], ledgers: Option<Vec<u32>>) -> Grants {
        let operations = roles.iter().fold(0, |all, role| all | role.operations());
        let ledgers = ledgers.map(|mut ledgers| {
            ledgers.sort_unstable();
            ledgers.dedup();
            ledgers.into_boxed_slice()
        });
        Grants { operations, read: roles.contains(&READERS), ledgers }
    }

    /// Whether batches of `op` are allowed.
    #[inline]
    #[must_use]
    pub fn allows(&self, op: Op) -> bool {
        self.operations & (1 << op as u8) != 0
    }

    /// Whether a batch of `op` with these bodies is allowed. The bodies are looked at only where the
    /// principal is confined to ledgers.
    ///
    /// # Errors
    ///
    /// What is not.
    #[inline]
    pub fn allows_batch(&self, op: Op, bodies: &[Body]) -> Result<(), Refusal> {
        if !self.allows(op) {
            return Err(missing(op));
        }
        match &self.ledgers {
            None => Ok(()),
            Some(ledgers) => confined::check(ledgers, op, bodies),
        }
    }

    /// Whether following what happens is allowed.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub fn allows_subscriptions(&self) -> Result<(), Refusal> {
        let refused = || Refusal(format!("a subscription needs the role `{READERS}`"));
        self.read.then_some(()).ok_or_else(refused)
    }

    /// The only ledgers that may be seen or changed, sorted; `None`: all.
    #[must_use]
    pub fn confined_to(&self) -> Option<&[u32]> {
        self.ledgers.as_deref()
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |role: &Role| self.operations & role.operations() == role.operations();
        let roles: Vec<&str> =
            Role::ALL.iter().filter(|role| has(role)).map(|it| it.name()).collect();
        f.write_str(&roles.join(", "))?;
        match &self.ledgers {
            None => f.write_str(" on all ledgers"),
            Some(ledgers) => {
                let ledgers: Vec<String> = ledgers.iter().map(u32::to_string).collect();
                write!(f, " on ledgers {}", ledgers.join(", "))
            }
        }
    }
}

#[cold]
fn missing(op: Op) -> Refusal {
    Refusal(match role_of(op) {
        Some(role) => format!("{} needs the role `{role}`", op.name()),
        None => format!("{} is the engine's own", op.name()),
    })
}
