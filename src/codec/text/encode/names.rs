//! The names that numbers and bits have in the text format.

use super::json::{number, put};
use ringfence_types::{AccountFlags, PlaceOrder, Side, TimeInForce, TransferFlags};

/// Why every number has a name: the wire's decoder and the engine let no others pass.
pub(super) const KNOWN: &str = "only known numbers leave the engine";

pub(super) fn side(order: &PlaceOrder) -> &'static str {
    Side::from_number(order.side).expect(KNOWN).name()
}

pub(super) fn time_in_force(order: &PlaceOrder) -> &'static str {
    TimeInForce::from_number(order.time_in_force).expect(KNOWN).name()
}

pub(super) fn account_flags(flags: AccountFlags, out: &mut Vec<u8>) {
    flag_names(out, flags.names(), flags.without(AccountFlags::KNOWN).0);
}

pub(super) fn transfer_flags(flags: TransferFlags, out: &mut Vec<u8>) {
    flag_names(out, flags.names(), flags.without(TransferFlags::KNOWN).0);
}

/// An array of the names of flags, and of the bits that have none.
fn flag_names(out: &mut Vec<u8>, names: impl Iterator<Item = &'static str>, reserved: u16) {
    let mut opening: &[u8] = b"[\"";
    for name in names {
        put(out, opening);
        put(out, name.as_bytes());
        opening = b"\",\"";
    }
    for bit in (0..u16::BITS).filter(|bit| reserved & (1 << bit) != 0) {
        put(out, opening);
        put(out, b"reserved_bit_");
        number(out, bit);
        opening = b"\",\"";
    }
    put(out, if opening == b"[\"" { b"[]" } else { b"\"]" });
}
