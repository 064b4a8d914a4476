//! What the ring asks of threads, where there is no standard library to ask.

/// Lets others run: without an operating system there is nothing to yield to.
pub fn yield_now() {
    core::hint::spin_loop();
}

/// Whether the calling thread is unwinding. It cannot be known here.
pub fn panicking() -> bool {
    false
}
