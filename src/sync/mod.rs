//! The only door to `std` atomics, cells and threads, so that loom can stand in.
