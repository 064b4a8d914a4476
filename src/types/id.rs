//! Ids that clients choose.

/// The largest 128-bit number: not an id.
pub const ID_MAX: u128 = u128::MAX;

/// True if `id` may name an account, a transfer or an order: neither 0 nor [`ID_MAX`].
#[must_use]
pub const fn is_id(id: u128) -> bool {
    id != 0 && id != ID_MAX
}
