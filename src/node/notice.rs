//! What the gateway says to publish between two commands.

/// Something that a source has to say between two commands: publish passes it on in its place.
#[derive(Debug)]
pub struct Notice<N> {
    /// Sequence of the command that it comes after.
    pub after: u64,
    /// What it says.
    pub what: N,
}

/// What a text input says beside its commands.
#[derive(Debug, PartialEq, Eq)]
pub enum TextNotice {
    /// A line was malformed.
    Malformed {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        error: String,
    },
    /// The manual clock was advanced.
    Advanced {
        /// What it reads now, in nanoseconds.
        clock_ns: u64,
    },
}
