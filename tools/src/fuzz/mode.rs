//! How a target reads its input.

/// The first byte of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(u8);

/// Lengths in which an input is fed a second time.
const PIECES: [usize; 8] = [1, 2, 3, 7, 16, 48, 1_000, 5_000];

impl Mode {
    /// With everything mended, and fed byte by byte the second time.
    pub const MENDS: Mode = Mode(1);

    /// The mode of an input, and the rest of it. An empty input has neither.
    #[must_use]
    pub fn split(input: &[u8]) -> Option<(Mode, &[u8])> {
        input.split_first().map(|(&mode, rest)| (Mode(mode), rest))
    }

    /// Its byte.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0
    }

    /// Whether lengths and checksums are to be mended first.
    #[must_use]
    pub fn mends(self) -> bool {
        self.0 & 1 != 0
    }

    /// A switch whose meaning the target knows.
    #[must_use]
    pub fn switch(self) -> bool {
        self.0 & 2 != 0
    }

    /// Bytes that are fed at a time.
    #[must_use]
    pub fn piece_bytes(self) -> usize {
        PIECES[usize::from(self.0 >> 2) % PIECES.len()]
    }

    /// An input of this mode.
    #[must_use]
    pub fn input(self, bytes: &[u8]) -> Vec<u8> {
        [&[self.0], bytes].concat()
    }
}
