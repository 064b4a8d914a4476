//! Answers to many clients with one system call.
//!
//! A `write` of its own to each client costs a system call each, and more: the kernel runs the
//! woken client on this core at once, where it reads one answer, sends one request and sleeps
//! again. Through `io_uring` all answers of a turn are with the kernel before any client runs.
//!
//! # Invariants
//!
//! * A send never waits (`MSG_DONTWAIT`): what the socket does not take is told, as by a `write`.
//! * The kernel is done with every entry when [`Mailer::send`] returns.
//!
//! One of the few places with `unsafe`: memory is lent to the kernel here.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::thread;

use io_uring::{IoUring, opcode, squeue, types};
use rustix::net::SendFlags;

/// Most sends of one system call.
pub(super) const SENDS_MAX: usize = 256;

/// Sends to many sockets at once.
pub(super) struct Mailer {
    /// `None`: the system lets this process have no `io_uring`, or no longer.
    ring: Option<IoUring>,
    entries: Vec<squeue::Entry>,
    /// Bytes that the socket took, by the place of the piece.
    taken: Vec<usize>,
}

impl Mailer {
    pub(super) fn new() -> Mailer {
        let ring = IoUring::new(SENDS_MAX as u32);
        if let Err(error) = &ring {
            tracing::debug!("each client's answers are written apart, without io_uring: {error}");
        }
        Mailer {
            ring: ring.ok(),
            entries: Vec::with_capacity(SENDS_MAX),
            taken: Vec::with_capacity(SENDS_MAX),
        }
    }

    /// Whether it can send.
    pub(super) fn works(&self) -> bool {
        self.ring.is_some()
    }

    /// Sends pieces, at most [`SENDS_MAX`], each to its socket. Returns how many bytes each socket
    /// took; with 0 a `write` says why.
    pub(super) fn send<'a>(
        &mut self,
        pieces: impl Iterator<Item = (BorrowedFd<'a>, &'a [u8])>,
    ) -> &[usize] {
        let flags = (SendFlags::DONTWAIT | SendFlags::NOSIGNAL).bits() as i32;
        self.entries.clear();
        self.entries.extend(pieces.take(SENDS_MAX).zip(0..).map(|((socket, bytes), at)| {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let send = opcode::Send::new(types::Fd(socket.as_raw_fd()), bytes.as_ptr(), length);
            send.flags(flags).build().user_data(at)
        }));
        self.taken.clear();
        self.taken.resize(self.entries.len(), 0);
        let Some(ring) = &mut self.ring else { return &self.taken };
        // SAFETY: the kernel reads, and never writes, the bytes of a piece until there is a
        // completion for its entry. `'a` outlives this call, so until it ends nobody writes to them
        // or frees them, and the sockets stay open; and it ends only when there is a completion for
        // every entry that the kernel has taken in. Entries that it has not are forgotten with the
        // ring.
        unsafe { ring.submission().push_multiple(&self.entries) }
            .expect("the queue is empty between two calls");
        let mut begun = self.entries.len();
        let mut done = 0;
        while done < begun {
            if let Err(error) = ring.submit_and_wait(begun - done) {
                let passes = [Some(libc::EINTR), Some(libc::EAGAIN), Some(libc::EBUSY)];
                if !passes.contains(&error.raw_os_error()) {
                    begun = self.entries.len() - ring.submission().len();
                }
                thread::yield_now();
            }
            for entry in ring.completion() {
                self.taken[entry.user_data() as usize] = entry.result().max(0) as usize;
                done += 1;
            }
        }
        if begun < self.entries.len() {
            self.ring = None;
        }
        &self.taken
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// `None` where there is no io_uring.
    fn mailer() -> Option<Mailer> {
        let mailer = Some(Mailer::new()).filter(Mailer::works);
        if mailer.is_none() {
            eprintln!("skipped: there is no io_uring");
        }
        mailer
    }

    /// Both ends of so many connections; the first ones do not block.
    fn pairs(count: usize) -> Vec<(UnixStream, UnixStream)> {
        let pair = |_| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            (ours, theirs)
        };
        (0..count).map(pair).collect()
    }

    #[test]
    fn each_socket_gets_its_own_bytes_time_after_time() {
        let Some(mut mailer) = mailer() else { return };
        let mut pairs = pairs(SENDS_MAX);
        for round in 0..3 {
            let texts: Vec<String> =
                (0..pairs.len()).map(|at| format!("answer {round} to client {at}")).collect();
            let pieces = pairs.iter().zip(&texts);
            let taken =
                mailer.send(pieces.map(|((ours, _), text)| (ours.as_fd(), text.as_bytes())));
            assert_eq!(taken, texts.iter().map(String::len).collect::<Vec<_>>());
            for ((_, theirs), text) in pairs.iter_mut().zip(&texts) {
                let mut read = vec![0; text.len()];
                theirs.read_exact(&mut read).unwrap();
                assert_eq!(String::from_utf8(read).unwrap(), *text);
            }
        }
    }

    #[test]
    fn who_reads_nothing_or_is_gone_holds_up_nobody() {
        let Some(mut mailer) = mailer() else { return };
        let mut pairs = pairs(3);
        // The first one's socket is full, the second one's client is gone.
        while (&pairs[0].0).write(&[0; 4096]).is_ok() {}
        pairs[1].1 = UnixStream::pair().unwrap().0;
        let long = vec![7; 8 << 20];
        let bytes = [&b"nobody"[..], b"nobody", &long];
        let pieces = pairs.iter().zip(bytes).map(|((ours, _), bytes)| (ours.as_fd(), bytes));
        let taken = mailer.send(pieces).to_vec();
        assert_eq!(taken[..2], [0, 0]);
        assert!((1..long.len()).contains(&taken[2]), "as much as there was room for: {}", taken[2]);
        let said = |at: usize| (&pairs[at].0).write(b"nobody").unwrap_err().kind();
        assert_eq!([said(0), said(1)], [ErrorKind::WouldBlock, ErrorKind::BrokenPipe]);
        let mut read = vec![0; taken[2]];
        (&pairs[2].1).read_exact(&mut read).unwrap();
        assert!(read.iter().all(|&byte| byte == 7));
    }
}
