//! What a reader is given of a journal.

use std::fmt;

use zerocopy::{FromBytes, IntoBytes};

use super::error::Fault;
use super::format::{FrameHeader, FrameKind, REQUEST_BYTES, RequestRecord};
use super::segments::segment_name;
use ringfence_types::{Body, Command, Header, Op, Request, Rules};

/// One thing that a journal holds, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Rules that hold from here on.
    Rules(Rules),
    /// One batch, as it entered the ring; connections are 0.
    Batch {
        /// What the batch says of itself: its session, number and tag.
        request: Request,
        /// Sequence of the first command.
        first_sequence: u64,
        /// Timestamp of the first command, in nanoseconds.
        first_timestamp: u64,
        /// The commands, 1 to [`ringfence_types::BATCH_COMMANDS_MAX`].
        commands: &'a [Command],
    },
    /// A closing frame: everything before it was durable.
    Mark {
        /// Sequence of the last command before.
        durable_sequence: u64,
    },
}

/// What stands behind the last good frame without any of it being acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The segment in which it begins.
    pub segment: u32,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Bytes from there to the last that is not zero, over all segments.
    pub bytes: u64,
    /// Commands in the frames there that are good by themselves.
    pub commands: u64,
    /// What is wrong with its first bytes.
    pub fault: Fault,
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes with {} commands that were never acknowledged: {} at byte {}: {}",
            self.bytes,
            self.commands,
            segment_name(self.segment),
            self.offset,
            self.fault
        )
    }
}

/// Checks what a frame with a whole payload says: no writer that had its commands from a client
/// writes anything else, and the engine takes in nothing else.
///
/// # Errors
///
/// What a request lacks, or the first number in a body that stands for nothing.
pub(super) fn check_contents(header: &FrameHeader, payload: &[u8]) -> Result<(), Fault> {
    let bodies = match header.kind() {
        Some(FrameKind::Batch) => payload,
        Some(FrameKind::Request) => {
            RequestRecord::read(payload)?;
            &payload[REQUEST_BYTES..]
        }
        _ => return Ok(()),
    };
    let op = Op::from_number(header.op).expect("the header was checked");
    if !op.has_coded_fields() {
        return Ok(());
    }
    for body in bodies[..header.bodies_bytes()].chunks_exact(size_of::<Body>()) {
        let body = Body::read_from_bytes(body).expect("it is as long as a body");
        if let Some((name, found)) = body.number_without_meaning(op) {
            return Err(Fault::Field { name, found: found.into() });
        }
    }
    Ok(())
}

/// Makes commands of a batch's payload again.
pub(super) fn unpack(header: &FrameHeader, payload: &[u8], commands: &mut Vec<Command>) {
    commands.clear();
    let bodies = payload.chunks_exact(size_of::<Body>());
    commands.extend((0..header.count).zip(bodies).map(|(index, body)| {
        let mut command = Command {
            header: Header {
                timestamp: header.first_timestamp + u64::from(index),
                session: 0,
                batch_length: header.count,
                batch_index: index,
                op: header.op,
                has_request: 0,
            },
            body: Body::default(),
        };
        command.body.as_mut_bytes().copy_from_slice(body);
        command
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_types::PlaceOrder;

    #[test]
    fn a_number_that_stands_for_nothing_is_a_fault_of_its_frame() {
        let order = |side| PlaceOrder { side, time_in_force: 1, ..PlaceOrder::default() };
        let header = FrameHeader {
            kind: FrameKind::Batch as u8,
            op: Op::PlaceOrder as u8,
            count: 2,
            ..FrameHeader::read_from_bytes(&[0; size_of::<FrameHeader>()]).unwrap()
        };
        let batch = |sides: [u8; 2]| sides.map(|side| Command::place_order(order(side)).body);
        assert_eq!(check_contents(&header, batch([1, 2]).as_bytes()), Ok(()));
        let fault = Fault::Field { name: "side", found: 9 };
        assert_eq!(check_contents(&header, batch([1, 9]).as_bytes()), Err(fault));
    }
}
