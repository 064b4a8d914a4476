//! Bytes of a connection into frames.
//!
//! ```text
//!   feed: bytes, cut anywhere ──▶ head, up to an empty line ──▶ body, up to its length or a zero
//! ```
//!
//! # Invariants
//!
//! * What is kept is at most one head, one body of `body_bytes_max`, and what was fed last.
//! * The same bytes give the same frames, however they are cut.

use crate::frame::{Command, Frame, Headers};

/// Longest head of a frame, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most headers of a frame.
const HEADERS_MAX: usize = 1024;

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("a head of more than {HEAD_BYTES_MAX} bytes")]
    LongHead,
    #[error("more than {HEADERS_MAX} headers")]
    ManyHeaders,
    #[error("unknown frame `{0}`")]
    UnknownCommand(String),
    #[error("a header without a colon: `{0}`")]
    NoColon(String),
    #[error("an unknown escape in the header `{0}`")]
    Escape(String),
    #[error("content-length `{0}` is no length")]
    Length(String),
    #[error("no zero byte after a body of {0} bytes")]
    NoEnd(u64),
}

/// The body that is being read.
#[derive(Debug)]
struct Body {
    frame: Frame,
    /// Its length, where its head says it; otherwise a zero byte ends it.
    length: Option<u64>,
}

/// Reads frames. After an error the connection is of no more use.
#[derive(Debug)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
    /// Where what is not yet read begins in `bytes`.
    start: usize,
    /// Up to where an end of the head was looked for.
    searched: usize,
    body: Option<Body>,
    body_bytes_max: usize,
}

impl Decoder {
    /// Of bodies that are longer than `body_bytes_max` the rest is left out.
    pub fn new(body_bytes_max: usize) -> Decoder {
        Decoder { bytes: Vec::new(), start: 0, searched: 0, body: None, body_bytes_max }
    }

    /// Takes the next bytes of the connection.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame that is whole.
    pub fn next(&mut self) -> Result<Option<Frame>, DecodeError> {
        if self.body.is_none() {
            let Some(head) = self.head()? else { return Ok(None) };
            self.body = Some(head);
        }
        self.read_body()
    }

    /// Reads a head, and what says how long its body is.
    fn head(&mut self) -> Result<Option<Body>, DecodeError> {
        // Between frames these say only that somebody is there.
        let is_pulse = |byte: &&u8| matches!(byte, b'\n' | b'\r');
        self.start += self.bytes[self.start..].iter().take_while(is_pulse).count();
        self.searched = self.searched.max(self.start);
        let Some((end, body)) = self.head_end() else {
            let is_long = self.bytes.len() - self.start > HEAD_BYTES_MAX;
            return if is_long { Err(DecodeError::LongHead) } else { Ok(None) };
        };
        if end - self.start > HEAD_BYTES_MAX {
            return Err(DecodeError::LongHead);
        }
        let frame = parse_head(&self.bytes[self.start..end])?;
        let length = match frame.header("content-length") {
            Some(text) => {
                let length = text.trim().parse();
                Some(length.map_err(|_| DecodeError::Length(text.to_owned()))?)
            }
            None => None,
        };
        (self.start, self.searched) = (body, body);
        Ok(Some(Body { frame, length }))
    }

    /// Where the last line of the head ends, and where the body begins.
    fn head_end(&mut self) -> Option<(usize, usize)> {
        for at in memchr::memchr_iter(b'\n', &self.bytes[self.searched..]) {
            let at = self.searched + at;
            match self.bytes[at + 1..] {
                [b'\n', ..] => return Some((at, at + 2)),
                [b'\r', b'\n', ..] => return Some((at, at + 3)),
                [] | [b'\r'] => {
                    // Whether the empty line follows is in the bytes to come.
                    self.searched = at;
                    return None;
                }
                _ => {}
            }
        }
        self.searched = self.bytes.len();
        None
    }

    fn read_body(&mut self) -> Result<Option<Frame>, DecodeError> {
        let here = &self.bytes[self.start..];
        let body = self.body.as_mut().expect("its head was read");
        let (part, is_whole) = match body.length {
            Some(length) => {
                let left = usize::try_from(length - body.frame.body_bytes).unwrap_or(usize::MAX);
                let part = &here[..here.len().min(left)];
                // The zero byte has to be there too.
                (part, part.len() < here.len())
            }
            None => match memchr::memchr(0, here) {
                Some(end) => (&here[..end], true),
                None => (here, false),
            },
        };
        let room = self.body_bytes_max - body.frame.body.len();
        body.frame.body.extend_from_slice(&part[..part.len().min(room)]);
        body.frame.body_bytes += part.len() as u64;
        self.start += part.len();
        if !is_whole {
            self.searched = self.start;
            return Ok(None);
        }
        if self.bytes[self.start] != 0 {
            return Err(DecodeError::NoEnd(body.frame.body_bytes));
        }
        self.start += 1;
        self.searched = self.start;
        Ok(self.body.take().map(|body| body.frame))
    }
}

fn parse_head(head: &[u8]) -> Result<Frame, DecodeError> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| match line {
        [line @ .., b'\r'] => line,
        line => line,
    });
    let name = lines.next().unwrap_or_default();
    let command = Command::ALL.into_iter().find(|command| command.name().as_bytes() == name);
    let command = command.ok_or_else(|| DecodeError::UnknownCommand(shown(name)))?;
    let mut headers = Headers::new();
    for line in lines {
        if headers.len() == HEADERS_MAX {
            return Err(DecodeError::ManyHeaders);
        }
        let colon = memchr::memchr(b':', line).ok_or_else(|| DecodeError::NoColon(shown(line)))?;
        let text = |bytes| {
            let text = if command.has_escapes() { unescape(bytes) } else { Some(bytes.to_vec()) };
            let text = text.ok_or_else(|| DecodeError::Escape(shown(line)))?;
            // One that is not UTF-8 comes from a client of another protocol.
            Ok(String::from_utf8_lossy(&text).into_owned())
        };
        headers.push((text(&line[..colon])?, text(&line[colon + 1..])?));
    }
    Ok(Frame { headers, ..Frame::new(command) })
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned()
}

/// Without escapes; `None` if there is one that STOMP does not have.
fn unescape(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b'c' => b':',
                b'\\' => b'\\',
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    /// What comes out, fed in these pieces.
    fn decoded(pieces: &[&[u8]], body_bytes_max: usize) -> Result<Vec<Frame>, DecodeError> {
        let mut decoder = Decoder::new(body_bytes_max);
        let mut frames = Vec::new();
        for piece in pieces {
            decoder.feed(piece);
            while let Some(frame) = decoder.next()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn one(bytes: &[u8]) -> Result<Frame, DecodeError> {
        Ok(decoded(&[bytes], 1 << 20)?.remove(0))
    }

    fn message() -> Frame {
        Frame::new(Command::Message)
    }

    #[test]
    fn frames_are_read_as_the_specification_writes_them() {
        let long = "MESSAGE\ncontent-length:3\n\na\0b\0";
        let cases: [(&str, &str, Frame); 6] = [
            ("plain", "MESSAGE\na:b\n\nhi\0", message().with("a", "b").with_body(b"hi")),
            ("CR LF", "MESSAGE\r\na:b\r\n\r\nhi\0", message().with("a", "b").with_body(b"hi")),
            ("no header", "\n\r\nMESSAGE\n\n\0", message()),
            ("escapes", "MESSAGE\na\\c:\\n\\r\\\\:\n\n\0", message().with("a:", "\n\r\\:")),
            ("length", long, message().with("content-length", "3").with_body(b"a\0b")),
            (
                "first frame",
                "CONNECTED\na:\\n:b\n\n\0",
                Frame::new(Command::Connected).with("a", "\\n:b"),
            ),
        ];
        for (name, text, frame) in cases {
            assert_eq!(one(text.as_bytes()), Ok(frame), "{name}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let long_head = format!("MESSAGE\na:{}", "b".repeat(HEAD_BYTES_MAX));
        let many = format!("MESSAGE\n{}\n\0", "a:b\n".repeat(HEADERS_MAX + 1));
        let cases: [(&str, DecodeError); 8] = [
            ("HELLO\n\n\0", DecodeError::UnknownCommand("HELLO".to_owned())),
            ("MESSAGE\nab\n\n\0", DecodeError::NoColon("ab".to_owned())),
            ("MESSAGE\na:\\t\n\n\0", DecodeError::Escape("a:\\t".to_owned())),
            ("MESSAGE\na:\\\n\n\0", DecodeError::Escape("a:\\".to_owned())),
            ("MESSAGE\ncontent-length:-1\n\n\0", DecodeError::Length("-1".to_owned())),
            ("MESSAGE\ncontent-length:1\n\nab\0", DecodeError::NoEnd(1)),
            (&long_head, DecodeError::LongHead),
            (&many, DecodeError::ManyHeaders),
        ];
        for (text, error) in cases {
            assert_eq!(one(text.as_bytes()), Err(error));
        }
    }

    #[test]
    fn the_rest_of_a_long_body_is_left_out() {
        for head in ["MESSAGE\n\n", "MESSAGE\ncontent-length:100\n\n"] {
            let text = format!("{head}{}\0RECEIPT\n\n\0", "x".repeat(100));
            for cut in 0..text.len() {
                let (before, after) = text.as_bytes().split_at(cut);
                let frames = decoded(&[before, after], 10).unwrap();
                assert_eq!((frames[0].body.len(), frames[0].body_bytes), (10, 100));
                assert_eq!(frames[1], Frame::new(Command::Receipt));
            }
        }
    }

    #[test]
    fn frames_are_the_same_wherever_they_are_cut() {
        let bytes = b"\nMESSAGE\r\na:b\\c\r\nx:\r\n\r\nbody\0\n\nMESSAGE\ncontent-length:2\n\n\0\0\0ERROR\n\n\0";
        let whole = decoded(&[bytes], 100).unwrap();
        assert_eq!(whole.len(), 3);
        for cut in 0..=bytes.len() {
            for again in cut..=bytes.len() {
                let pieces = [&bytes[..cut], &bytes[cut..again], &bytes[again..]];
                assert_eq!(decoded(&pieces, 100).unwrap(), whole, "{cut}, {again}");
            }
        }
    }

    fn random_text(random: &mut Pcg64, alphabet: &str) -> String {
        let characters: Vec<char> = alphabet.chars().collect();
        let length = random.random_range(0..12);
        (0..length).map(|_| characters[random.random_range(0..characters.len())]).collect()
    }

    fn random_frame(random: &mut Pcg64) -> Frame {
        let command = Command::ALL[random.random_range(0..Command::ALL.len())];
        let alphabet = if command.has_escapes() { "ab:\\\n\rü€ " } else { "abü€ " };
        let headers = (0..random.random_range(0..5))
            .map(|_| (random_text(random, alphabet), random_text(random, alphabet)));
        let headers: Vec<_> = headers.collect();
        let body: Vec<u8> = match random.random_bool(0.5) {
            true => random_text(random, "{}\"a\n\r:").into_bytes(),
            false => (0..random.random_range(0..40)).map(|_| random.random()).collect(),
        };
        Frame::new(command).with_all(headers).with_body(&body)
    }

    #[test]
    fn what_is_written_is_read_back_however_it_is_cut() {
        for seed in 0..300 {
            let mut random = Pcg64::seed_from_u64(seed);
            let frames: Vec<Frame> = (0..4).map(|_| random_frame(&mut random)).collect();
            let mut bytes = Vec::new();
            frames.iter().for_each(|frame| frame.write(&mut bytes));
            let mut pieces = Vec::new();
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.random_range(0..=rest.len().min(9)));
                pieces.push(piece);
                rest = after;
            }
            let mut read = decoded(&pieces, 1000).unwrap();
            for frame in &mut read {
                frame.headers.retain(|(name, _)| name != "content-length");
            }
            assert_eq!(read, frames, "seed {seed}");
        }
    }

    #[test]
    fn whatever_comes_what_is_kept_has_a_limit() {
        const PIECES: [&[u8]; 10] = [
            b"MESSAGE\n",
            b"a:b\n",
            b"\n",
            b"\r",
            b"\0",
            b"content-length:",
            b"7\n",
            b"x",
            b":",
            b"\\",
        ];
        for seed in 0..2000 {
            let mut random = Pcg64::seed_from_u64(seed);
            let mut decoder = Decoder::new(16);
            for _ in 0..200 {
                decoder.feed(PIECES[random.random_range(0..PIECES.len())]);
                match decoder.next() {
                    Ok(Some(frame)) => assert!(frame.body.len() <= 16, "seed {seed}"),
                    Ok(None) => assert!(decoder.bytes.len() <= HEAD_BYTES_MAX, "seed {seed}"),
                    Err(_) => break,
                }
            }
        }
    }
}
