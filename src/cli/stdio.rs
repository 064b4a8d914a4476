//! Standard output as the program was given it.
//!
//! Where it is closed, the standard library opens `/dev/null` in its place before `main`, so that
//! no other file gets its number. Outcomes would vanish there and the program would report success.

use std::sync::atomic::{AtomicBool, Ordering};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether the program was started with its standard output closed.
pub(super) fn output_was_closed() -> bool {
    // Relaxed: it was written before `main`, by the only thread there was.
    WAS_CLOSED.load(Ordering::Relaxed)
}

/// Whether standard output is a pipe or a socket whose other end is closed.
pub(super) fn output_lost_its_reader() -> bool {
    let mut output = libc::pollfd { fd: libc::STDOUT_FILENO, events: 0, revents: 0 };
    // SAFETY: `output` is one record, valid during the call, which does not wait.
    let found = unsafe { libc::poll(&raw mut output, 1, 0) };
    found == 1 && output.revents & libc::POLLERR != 0
}

#[cfg(target_os = "linux")]
extern "C" fn look() {
    // SAFETY: no memory is passed, and `F_GETFD` changes nothing. A descriptor that is closed is
    // answered with an error.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    // Relaxed: there is no other thread yet.
    WAS_CLOSED.store(flags == -1, Ordering::Relaxed);
}

// SAFETY: the loader calls what this section points to before `main`, with arguments that a C
// function may ignore. `look` uses nothing that `main` or the standard library would set up first.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_BEFORE_MAIN: extern "C" fn() = look;
