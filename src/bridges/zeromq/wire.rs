//! ZMTP 3.0 as far as a socket that is bound needs it: greeting, handshake without passwords, and
//! frames. <https://rfc.zeromq.org/spec/23/>

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Length of a greeting.
const GREETING_BYTES: usize = 64;
/// What a greeting begins with: a byte, eight that say nothing, a byte, and the version.
const SIGNATURE: [u8; 10] = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f];
/// How peers come in: without passwords, in clear.
const MECHANISM: &[u8] = b"NULL";
/// Longest command that is read, in bytes.
const COMMAND_BYTES_MAX: u64 = 1024;
/// Most frames of a message that is read.
const FRAMES_MAX: usize = 64;
/// What is read at once of a frame that is passed over.
const SKIP_BYTES: usize = 16 * 1024;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// Why a peer is not served any longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Protocol(&'static str),
}

/// What a peer sends.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The frames of a message; of those that are too long, the length alone.
    Message(Vec<Frame>),
    /// It asks whether this side is there; the bytes go back to it.
    Ping(Bytes),
}

/// A frame of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    Bytes(Bytes),
    /// One that is longer than what is read, of so many bytes.
    TooLong(u64),
}

impl Frame {
    /// Its bytes; none of one that is too long.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Frame::Bytes(bytes) => bytes,
            Frame::TooLong(_) => &[],
        }
    }
}

/// Greets a peer and returns the type of its socket.
///
/// # Errors
///
/// If it does not speak ZMTP 3 without passwords, or its socket's type is none of `partners`.
pub(crate) async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    socket_type: &str,
    partners: &[&str],
) -> Result<(), WireError> {
    let mut greeting = [0; GREETING_BYTES];
    greeting[..10].copy_from_slice(&SIGNATURE);
    greeting[10] = 3;
    greeting[12..12 + MECHANISM.len()].copy_from_slice(MECHANISM);
    stream.write_all(&greeting).await?;
    let mut theirs = [0; GREETING_BYTES];
    stream.read_exact(&mut theirs).await?;
    if theirs[0] != SIGNATURE[0] || theirs[9] != SIGNATURE[9] || theirs[10] < 3 {
        return Err(WireError::Protocol("it does not speak ZMTP 3"));
    }
    if !theirs[12..32].starts_with(MECHANISM) {
        return Err(WireError::Protocol("its mechanism is not NULL"));
    }
    let mut ready = BytesMut::new();
    property(&mut ready, b"Socket-Type", socket_type.as_bytes());
    property(&mut ready, b"Identity", b"");
    stream.write_all(&command(b"READY", &ready)).await?;
    let (flags, length) = header(stream).await?;
    if flags & COMMAND == 0 || length > COMMAND_BYTES_MAX {
        return Err(WireError::Protocol("it is not ready"));
    }
    let body = exactly(stream, length).await?;
    let Some(properties) = body.strip_prefix(b"\x05READY") else {
        return Err(WireError::Protocol("it is not ready"));
    };
    match property_of(properties, b"socket-type") {
        Some(theirs) if partners.iter().any(|partner| partner.as_bytes() == theirs) => Ok(()),
        _ => Err(WireError::Protocol("a socket of its type has no use for this one")),
    }
}

fn property(output: &mut BytesMut, name: &[u8], value: &[u8]) {
    output.put_u8(u8::try_from(name.len()).expect("names are short"));
    output.put_slice(name);
    output.put_u32(u32::try_from(value.len()).expect("values are short"));
    output.put_slice(value);
}

/// The value of the property whose name in lower case is `wanted`.
fn property_of<'a>(mut properties: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    loop {
        let (length, rest) = properties.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        properties = rest;
    }
}

fn command(name: &[u8], body: &[u8]) -> Bytes {
    let mut output = BytesMut::new();
    put_header(&mut output, COMMAND, 1 + name.len() + body.len());
    output.put_u8(u8::try_from(name.len()).expect("names are short"));
    output.put_slice(name);
    output.put_slice(body);
    output.freeze()
}

/// The answer to a [`Incoming::Ping`].
pub(crate) fn pong(context: &[u8]) -> Bytes {
    command(b"PONG", context)
}

fn put_header(output: &mut BytesMut, flags: u8, length: usize) {
    match u8::try_from(length) {
        Ok(length) => output.put_slice(&[flags, length]),
        Err(_) => {
            output.put_u8(flags | LONG);
            output.put_u64(length as u64);
        }
    }
}

/// A message as it goes over the wire.
pub(crate) fn message<B: AsRef<[u8]>>(frames: &[B]) -> Bytes {
    let bytes: usize = frames.iter().map(|frame| 9 + frame.as_ref().len()).sum();
    let mut output = BytesMut::with_capacity(bytes);
    for (at, frame) in frames.iter().enumerate() {
        let frame = frame.as_ref();
        put_header(&mut output, if at + 1 < frames.len() { MORE } else { 0 }, frame.len());
        output.put_slice(frame);
    }
    output.freeze()
}

async fn header<R: AsyncRead + Unpin>(reader: &mut R) -> Result<(u8, u64), WireError> {
    let flags = reader.read_u8().await?;
    if flags & !(MORE | LONG | COMMAND) != 0 {
        return Err(WireError::Protocol("a frame has unknown flags"));
    }
    let length = match flags & LONG {
        0 => reader.read_u8().await?.into(),
        _ => reader.read_u64().await?,
    };
    Ok((flags, length))
}

/// Reads `length` bytes, which the caller has found to be few enough.
async fn exactly<R: AsyncRead + Unpin>(reader: &mut R, length: u64) -> Result<Bytes, WireError> {
    let length = usize::try_from(length).map_err(|_| WireError::Protocol("a frame is too long"))?;
    let mut bytes = BytesMut::with_capacity(length);
    while bytes.len() < length {
        let mut rest = (&mut *reader).take((length - bytes.len()) as u64);
        if rest.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
    }
    Ok(bytes.freeze())
}

async fn skip<R: AsyncRead + Unpin>(reader: &mut R, length: u64) -> Result<(), WireError> {
    let mut left = length;
    let mut buffer = vec![0; SKIP_BYTES];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(SKIP_BYTES).min(SKIP_BYTES);
        reader.read_exact(&mut buffer[..most]).await?;
        left -= most as u64;
    }
    Ok(())
}

/// Reads what a peer sends next. Of a message, frames are kept as long as they have together at
/// most `bytes_max` bytes; longer ones are passed over.
///
/// # Errors
///
/// If the connection is lost, or the peer does not speak the protocol.
pub(crate) async fn read<R: AsyncRead + Unpin>(
    reader: &mut R,
    bytes_max: usize,
) -> Result<Incoming, WireError> {
    let mut frames = Vec::new();
    let mut room = bytes_max as u64;
    loop {
        let (flags, length) = header(reader).await?;
        if flags & COMMAND != 0 {
            if !frames.is_empty() || length > COMMAND_BYTES_MAX {
                return Err(WireError::Protocol("a command is where none can be"));
            }
            let body = exactly(reader, length).await?;
            // A ping is its name, two bytes of time, and what goes back.
            if let Some(rest) = body.strip_prefix(b"\x04PING") {
                return Ok(Incoming::Ping(Bytes::copy_from_slice(rest.get(2..).unwrap_or(&[]))));
            }
            continue;
        }
        if frames.len() == FRAMES_MAX {
            return Err(WireError::Protocol("a message has too many frames"));
        }
        if length <= room {
            room -= length;
            frames.push(Frame::Bytes(exactly(reader, length).await?));
        } else {
            skip(reader, length).await?;
            frames.push(Frame::TooLong(length));
        }
        if flags & MORE == 0 {
            return Ok(Incoming::Message(frames));
        }
    }
}

/// What a message of a SUB socket asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Subscribe(Bytes),
    Unsubscribe(Bytes),
}

impl Wish {
    /// `None` if the message is no such wish.
    pub fn of(frames: &[Frame]) -> Option<Wish> {
        let [Frame::Bytes(bytes)] = frames else { return None };
        let mut topic = bytes.clone();
        match bytes.first()? {
            0 => {
                topic.advance(1);
                Some(Wish::Unsubscribe(topic))
            }
            1 => {
                topic.advance(1);
                Some(Wish::Subscribe(topic))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(mut bytes: &[u8], bytes_max: usize) -> Result<Vec<Frame>, WireError> {
        match read(&mut bytes, bytes_max).await? {
            Incoming::Message(frames) => Ok(frames),
            Incoming::Ping(_) => panic!("it is a message"),
        }
    }

    #[tokio::test]
    async fn messages_are_read_as_they_were_written() {
        let long = vec![7; 300];
        let written = message(&[&b""[..], b"short", &long]);
        let frames = read_all(&written, 1000).await.unwrap();
        let bytes: Vec<&[u8]> = frames.iter().map(Frame::bytes).collect();
        assert_eq!(bytes, [&b""[..], b"short", &long]);
    }

    #[tokio::test]
    async fn frames_that_are_too_long_are_passed_over() {
        let written = message(&[&b"id"[..], &[7; 40_000], b"end"]);
        let frames = read_all(&written, 1000).await.unwrap();
        assert_eq!(frames[1], Frame::TooLong(40_000));
        assert_eq!(frames[2].bytes(), b"end");
    }

    #[tokio::test]
    async fn hostile_frames_are_refused_without_reserving_memory() {
        let endless = [MORE, 0].repeat(FRAMES_MAX + 1);
        let vast_command = [&[COMMAND | LONG][..], &u64::MAX.to_be_bytes()].concat();
        let vast = [&[LONG][..], &u64::MAX.to_be_bytes()].concat();
        for (name, bytes) in [
            ("endless", endless),
            ("vast command", vast_command),
            ("vast", vast),
            ("flags", vec![0xf0, 1, 0]),
        ] {
            assert!(read_all(&bytes, 1000).await.is_err(), "{name}");
        }
    }

    #[tokio::test]
    async fn sockets_that_fit_come_in_and_others_do_not() {
        async fn come_in(ours: &str, theirs: &str) -> (bool, bool) {
            let (mut here, mut there) = tokio::io::duplex(1024);
            let partners = [ours];
            let (here, there) = tokio::join!(
                greet(&mut here, ours, &["DEALER", "REQ"]),
                greet(&mut there, theirs, &partners)
            );
            (here.is_ok(), there.is_ok())
        }
        assert_eq!(come_in("ROUTER", "DEALER").await, (true, true));
        assert_eq!(come_in("ROUTER", "SUB").await, (false, true));
    }

    #[test]
    fn wishes_of_subscribers_are_read() {
        let of = |bytes: &'static [u8]| Wish::of(&[Frame::Bytes(Bytes::from_static(bytes))]);
        assert_eq!(of(b"\x01out"), Some(Wish::Subscribe(Bytes::from_static(b"out"))));
        assert_eq!(of(b"\x00out"), Some(Wish::Unsubscribe(Bytes::from_static(b"out"))));
        assert_eq!(of(b"other"), None);
        assert_eq!(of(b""), None);
    }
}
