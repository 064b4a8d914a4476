//! What is durable: segments, frames, writer, reader, recovery.
