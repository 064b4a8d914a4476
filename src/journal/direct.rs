//! System calls that `std` does not offer: durable writes, locks that can be asked about.
//!
//! One of the few places with `unsafe`: each block is one call into the C library.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Writes some of `bytes` at `offset`; they are on stable storage when it returns.
///
/// # Errors
///
/// What the system says; `EOPNOTSUPP` or `EINVAL` where the file system cannot.
pub(super) fn write_durably_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    let vector = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: `vector` lies on this stack and describes `bytes`, which is borrowed until the call
    // returns; the kernel only reads from them. The descriptor is open because `file` is borrowed.
    let written =
        unsafe { libc::pwritev2(file.as_raw_fd(), &raw const vector, 1, offset, libc::RWF_DSYNC) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// Sets space aside for `bytes` from the file's start, which becomes at least so long.
///
/// # Errors
///
/// What the system says: `ENOSPC` on a full disk.
pub(super) fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    let bytes = libc::off_t::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: no memory is passed; the descriptor is open because `file` is borrowed.
    let result = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, bytes) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn whole_file(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Takes the lock on `file` for as long as this open file lives; whether it could be had.
///
/// # Errors
///
/// What the system says, other than that somebody else holds it.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    let lock = whole_file(libc::F_WRLCK);
    // SAFETY: the kernel reads `lock`, which lives on this stack until the call returns; the
    // descriptor is open because `file` is borrowed.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    if result == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => Ok(false),
        _ => Err(error),
    }
}

/// Takes a lock on `directory` for as long as this open file lives; whether it could be had. Nobody
/// can take the lock away by removing a file.
///
/// # Errors
///
/// What the system says, other than that somebody else holds it: some file systems know no such
/// lock.
pub(super) fn try_lock_directory(directory: &File) -> io::Result<bool> {
    // SAFETY: no memory is passed; the descriptor is open because `directory` is borrowed.
    let result = unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    if result == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EWOULDBLOCK) => Ok(false),
        _ => Err(error),
    }
}

/// Whether another open file holds the lock on `file`. Takes nothing.
///
/// # Errors
///
/// What the system says.
pub(super) fn is_locked(file: &File) -> io::Result<bool> {
    let mut lock = whole_file(libc::F_WRLCK);
    // SAFETY: the kernel reads and writes `lock`, which lives on this stack, is borrowed by nobody
    // else and outlives the call; the descriptor is open because `file` is borrowed.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}
