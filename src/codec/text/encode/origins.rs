//! Whose a batch is.

use super::json::{narrow, put, text, wide, wide_if_set};
use ringfence_types::{Op, Request};

/// Appends the line of a batch of `commands` commands with the operation `op`, the first of them
/// `first_sequence`: session, number and tag, where they are there.
///
/// ```
/// use ringfence_codec::text::encode_origin;
/// use ringfence_types::{Op, Request};
/// let mut line = Vec::new();
/// let request = Request { session: 7, number: 3, ..Request::NONE };
/// encode_origin(17, 2, Op::CreateTransfer, &request, &mut line);
/// let expected = r#"{"first_sequence":"17","commands":2,"op":"create_transfer","session":"7","request":"3"}
/// "#;
/// assert_eq!(line, expected.as_bytes());
/// ```
pub fn encode_origin(
    first_sequence: u64,
    commands: u32,
    op: Op,
    request: &Request,
    out: &mut Vec<u8>,
) {
    wide(out, "{\"first_sequence\":", first_sequence);
    narrow(out, ",\"commands\":", commands);
    text(out, ",\"op\":", op.name());
    wide_if_set(out, ",\"session\":", request.session);
    wide_if_set(out, ",\"request\":", request.number);
    wide_if_set(out, ",\"tag\":", request.tag);
    put(out, b"}\n");
}
