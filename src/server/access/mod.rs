//! Who may do what.

use std::sync::Arc;

use ringfence_types::{Body, Op};

/// What a principal may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// Operations: bit *n* is operation *n*.
    operations: u64,
}

/// Somebody, or something, that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its name.
    pub name: Arc<str>,
    /// What it may do.
    pub grants: Grants,
}

/// What a principal may not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Grants {
    /// Everything.
    pub const ALL: Grants = Grants { operations: u64::MAX };

    /// Whether batches of `op` are allowed.
    #[must_use]
    pub fn allows(&self, op: Op) -> bool {
        self.operations & (1 << op as u8) != 0
    }

    /// Whether a batch of `op` with these bodies is allowed.
    ///
    /// # Errors
    ///
    /// What is not.
    pub fn allows_batch(&self, op: Op, bodies: &[Body]) -> Result<(), Refusal> {
        match self.allows(op) {
            true => Ok(()),
            false => Err(Refusal(format!("{} of {}", op.name(), bodies.len()))),
        }
    }
}
