//! What the ring promises, through its public interface.

mod basics;
