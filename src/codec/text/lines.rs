//! Chunks of bytes into lines.

/// Longest line that is taken in, in bytes, its end (`\n` or `\r\n`) not counted.
pub const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What the input holds from here to the end of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// The line without its end, and without the byte order mark that may open the first one.
    Text(&'a [u8]),
    /// A line of more than [`LINE_BYTES_MAX`] bytes. It was skipped.
    TooLong,
}

/// Splits chunks of bytes into lines and counts them.
///
/// At most [`LINE_BYTES_MAX`] bytes (and two for its end) of an unfinished line are held,
/// however long it is.
///
/// ```
/// use ringfence_codec::text::{Line, Lines};
/// let mut lines = Lines::new();
/// let mut chunk = &b"one\ntw"[..];
/// assert_eq!(lines.next(&mut chunk), Some((1, Line::Text(b"one"))));
/// assert_eq!(lines.next(&mut chunk), None);
/// chunk = b"o";
/// assert_eq!(lines.next(&mut chunk), None);
/// assert_eq!(lines.finish(), Some((2, Line::Text(b"two"))));
/// ```
#[derive(Debug, Default)]
pub struct Lines {
    /// The start of an unfinished line. Also the line handed out last, if `handed_out`.
    partial: Vec<u8>,
    handed_out: bool,
    /// The unfinished line is too long: skip to its end.
    skipping: bool,
    /// Lines finished.
    count: u64,
}

/// Longest line with its end: nothing longer is held.
const HELD_BYTES_MAX: usize = LINE_BYTES_MAX + 1;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Lines {
    /// Ready for the start of an input.
    #[must_use]
    pub fn new() -> Lines {
        Lines::default()
    }

    /// The next line that ends in `chunk`, with its number from 1; `chunk` then begins after it.
    /// `None`: no line ends in what is left of `chunk`, which is kept; call again with the next one.
    pub fn next<'a, 'c: 'a>(&'a mut self, chunk: &mut &'c [u8]) -> Option<(u64, Line<'a>)> {
        self.forget_handed_out();
        let Some(end) = memchr::memchr(b'\n', chunk) else {
            self.hold(chunk);
            *chunk = &[];
            return None;
        };
        let (rest, after) = (&chunk[..end], &chunk[end + 1..]);
        *chunk = after;
        if self.partial.is_empty() && !self.skipping {
            self.count += 1;
            return Some((self.count, finished(self.count, rest)));
        }
        self.hold(rest);
        Some(self.hand_out())
    }

    /// The last line, if the input ended without ending it. Call it once, at the end of the input.
    pub fn finish(&mut self) -> Option<(u64, Line<'_>)> {
        self.forget_handed_out();
        (self.skipping || !self.partial.is_empty()).then(|| self.hand_out())
    }

    fn forget_handed_out(&mut self) {
        if self.handed_out {
            self.handed_out = false;
            self.partial.clear();
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.skipping || self.partial.len() + bytes.len() > HELD_BYTES_MAX {
            self.skipping = true;
            self.partial.clear();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn hand_out(&mut self) -> (u64, Line<'_>) {
        self.count += 1;
        if std::mem::take(&mut self.skipping) {
            return (self.count, Line::TooLong);
        }
        self.handed_out = true;
        (self.count, finished(self.count, &self.partial))
    }
}

fn finished(number: u64, line: &[u8]) -> Line<'_> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > LINE_BYTES_MAX {
        return Line::TooLong;
    }
    match line.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) if number == 1 => Line::Text(rest),
        _ => Line::Text(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line of `input`, fed in chunks of `chunk_bytes`: `None` for one that is too long.
    fn lines(input: &[u8], chunk_bytes: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::new();
        let mut all = Vec::new();
        let mut keep = |(number, line): (u64, Line)| {
            all.push((
                number,
                match line {
                    Line::Text(text) => Some(text.to_vec()),
                    Line::TooLong => None,
                },
            ));
        };
        for mut chunk in input.chunks(chunk_bytes) {
            while let Some(line) = lines.next(&mut chunk) {
                keep(line);
            }
        }
        if let Some(line) = lines.finish() {
            keep(line);
        }
        assert_eq!(lines.finish(), None, "the last line is given once");
        all
    }

    #[test]
    fn lines_are_the_same_however_the_input_is_cut() {
        let cases = [
            ("nothing", "", &[][..]),
            ("one end", "\n", &[""]),
            ("no end", "a", &["a"]),
            ("last without end", "a\nbc", &["a", "bc"]),
            ("carriage returns", "a\r\n\r\nb\rc\r\n", &["a", "", "b\rc"]),
            ("byte order mark", "\u{feff}a\n\u{feff}b\n", &["a", "\u{feff}b"]),
            ("byte order mark alone", "\u{feff}", &[""]),
            ("empty lines count", "\n\nx\n", &["", "", "x"]),
        ];
        for (name, input, expected) in cases {
            for chunk_bytes in 1..=input.len() + 1 {
                let expected: Vec<_> =
                    (1..).zip(expected.iter().map(|line| Some(line.as_bytes().to_vec()))).collect();
                assert_eq!(
                    lines(input.as_bytes(), chunk_bytes),
                    expected,
                    "{name}, by {chunk_bytes}"
                );
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_without_being_held() {
        let cases = [
            ("longest", LINE_BYTES_MAX, "\n", true),
            ("longest with carriage return", LINE_BYTES_MAX, "\r\n", true),
            ("longest at the end", LINE_BYTES_MAX, "", true),
            ("one byte more", LINE_BYTES_MAX + 1, "\n", false),
            ("one byte more with carriage return", LINE_BYTES_MAX + 1, "\r\n", false),
            ("one byte more at the end", LINE_BYTES_MAX + 1, "", false),
            ("twice as long", 2 * LINE_BYTES_MAX, "\n", false),
        ];
        for (name, length, end, fits) in cases {
            let mut input = b"first\n".to_vec();
            input.resize(input.len() + length, b'x');
            input.extend_from_slice(end.as_bytes());
            if !end.is_empty() {
                input.extend_from_slice(b"next\n");
            }
            for chunk_bytes in [64 * 1024, input.len()] {
                let lines = lines(&input, chunk_bytes);
                assert_eq!(lines[0], (1, Some(b"first".to_vec())), "{name}");
                assert_eq!(lines[1].1.as_ref().map(Vec::len), fits.then_some(length), "{name}");
                if !end.is_empty() {
                    assert_eq!(lines[2], (3, Some(b"next".to_vec())), "{name}");
                }
            }
        }
        let mut endless = Lines::new();
        for _ in 0..40 {
            assert_eq!(endless.next(&mut &[b'x'; 1024 * 1024][..]), None);
            assert!(endless.partial.len() <= HELD_BYTES_MAX);
        }
        assert_eq!(endless.finish(), Some((1, Line::TooLong)));
    }
}
