//! Fields and values as JSON.
//!
//! The lines are few and fixed, so they are written out by hand: keys are literals with their
//! quotes, and only the text of an error needs escapes.

/// A field of more than 32 bits: a string, as many readers of JSON keep only 53 bits of a number.
/// `key` has quotes and colon.
pub(super) fn wide(out: &mut Vec<u8>, key: &str, value: impl itoa::Integer) {
    put(out, key.as_bytes());
    put(out, b"\"");
    number(out, value);
    put(out, b"\"");
}

pub(super) fn wide_if_set(
    out: &mut Vec<u8>,
    key: &str,
    value: impl itoa::Integer + Default + PartialEq,
) {
    if value != Default::default() {
        wide(out, key, value);
    }
}

/// A field of at most 32 bits: a number. `key` has quotes and colon.
pub(super) fn narrow(out: &mut Vec<u8>, key: &str, value: impl Into<u32>) {
    put(out, key.as_bytes());
    number(out, value.into());
}

pub(super) fn narrow_if_set(out: &mut Vec<u8>, key: &str, value: impl Into<u32>) {
    let value = value.into();
    if value != 0 {
        narrow(out, key, value);
    }
}

#[inline]
pub(super) fn number(out: &mut Vec<u8>, value: impl itoa::Integer) {
    put(out, itoa::Buffer::new().format(value).as_bytes());
}

#[inline]
pub(super) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

/// A name that needs no escapes. `key` has quotes and colon.
pub(super) fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    put(out, key.as_bytes());
    put(out, b"\"");
    put(out, value.as_bytes());
    put(out, b"\"");
}
