//! Finds out whether there is a ring.
//!
//! One of the few places with `unsafe`: memory is lent to the kernel here.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use io_uring::{IoUring, opcode, types};

use crate::buffer::Buffer;
use crate::format::BLOCK_BYTES;

/// Whether the system lets this process do durable writes through a ring: writes `buffer` to the
/// start of `file`.
///
/// # Errors
///
/// Why not.
pub(in super::super) fn try_out(file: &impl AsFd, buffer: &Buffer) -> io::Result<()> {
    let mut ring = IoUring::new(1)?;
    let fd = types::Fd(file.as_fd().as_raw_fd());
    let entry = opcode::Write::new(fd, buffer.bytes().as_ptr(), BLOCK_BYTES as u32)
        .rw_flags(libc::RWF_DSYNC)
        .build();
    assert!(buffer.bytes().len() >= BLOCK_BYTES);
    // SAFETY: `buffer` is borrowed, so nobody writes to it, and it and `file` outlive the wait
    // below, which returns only once the kernel is done with the one entry that there is. The
    // kernel only reads from it.
    unsafe { ring.submission().push(&entry) }.expect("the queue is empty");
    let mut submitted = 0;
    loop {
        match ring.submit_and_wait(1) {
            Ok(count) => submitted += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if submitted == 0 => return Err(error),
            // The kernel has the entry: there is no way but to wait for it.
            Err(_) => std::thread::yield_now(),
        }
        if let Some(entry) = ring.completion().next() {
            return match entry.result() {
                code if code < 0 => Err(io::Error::from_raw_os_error(-code)),
                count if count.unsigned_abs() as usize == BLOCK_BYTES => Ok(()),
                _ => Err(io::ErrorKind::WriteZero.into()),
            };
        }
    }
}
