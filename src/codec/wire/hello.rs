//! The first message of each side.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Violation;
use super::message::{self, MessageHeader, kind};

/// The version of the protocol that this program speaks.
pub const PROTOCOL_VERSION: u32 = 2;

const MAGIC: [u8; 8] = *b"RINGFNCE";

/// The first message of each side: what the client asks for, or what the engine grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Most commands in one batch. The client's is 0.
    pub batch_commands_max: u32,
    /// Most commands sent and not yet answered: with more than these the engine reads no further
    /// until some are answered. The client's is what it asks for, 0 for as many as the engine likes.
    pub in_flight_commands_max: u32,
    /// Whether the client is told what its commands bring about besides their outcomes. The
    /// client's is its wish, the engine's repeats it.
    pub events: bool,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(super) struct HelloBody {
    magic: [u8; 8],
    version: u32,
    batch_commands_max: u32,
    in_flight_commands_max: u32,
    events: u8,
    reserved: [u8; 11],
}

const _: () = assert!(size_of::<HelloBody>() == 32);

/// Appends a hello.
pub fn encode_hello(hello: &Hello, out: &mut Vec<u8>) {
    let start = message::begin(kind::HELLO, 0, 0, out);
    let body = HelloBody {
        magic: MAGIC,
        version: PROTOCOL_VERSION,
        batch_commands_max: hello.batch_commands_max,
        in_flight_commands_max: hello.in_flight_commands_max,
        events: u8::from(hello.events),
        reserved: [0; 11],
    };
    out.extend_from_slice(body.as_bytes());
    message::end(start, out);
}

/// Checks the header of the first message. Anything but a hello is another protocol.
pub(super) fn check_header(header: &MessageHeader) -> Result<(), Violation> {
    let is_hello = header.kind == kind::HELLO
        && header.expect_no_records().is_ok()
        && header.expect_body(size_of::<HelloBody>()).is_ok();
    if is_hello { Ok(()) } else { Err(Violation::BadMagic) }
}

/// Reads the body of a message that [`check_header`] let pass.
pub(super) fn decode(body: &[u8]) -> Result<Hello, Violation> {
    let body = HelloBody::read_from_bytes(body).expect("its length was checked");
    if body.magic != MAGIC {
        return Err(Violation::BadMagic);
    }
    if body.version != PROTOCOL_VERSION {
        return Err(Violation::UnsupportedVersion(body.version));
    }
    if body.events > 1 {
        return Err(Violation::BadValue("events"));
    }
    if body.reserved != [0; 11] {
        return Err(Violation::ReservedNotZero("hello"));
    }
    Ok(Hello {
        batch_commands_max: body.batch_commands_max,
        in_flight_commands_max: body.in_flight_commands_max,
        events: body.events == 1,
    })
}
