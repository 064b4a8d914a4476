//! Frames, and how they are written.

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Ack,
    Begin,
    Commit,
    Connect,
    Connected,
    Disconnect,
    Error,
    Message,
    Receipt,
    Send,
    Subscribe,
}

impl Command {
    pub const ALL: [Command; 11] = [
        Command::Ack,
        Command::Begin,
        Command::Commit,
        Command::Connect,
        Command::Connected,
        Command::Disconnect,
        Command::Error,
        Command::Message,
        Command::Receipt,
        Command::Send,
        Command::Subscribe,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Command::Ack => "ACK",
            Command::Begin => "BEGIN",
            Command::Commit => "COMMIT",
            Command::Connect => "CONNECT",
            Command::Connected => "CONNECTED",
            Command::Disconnect => "DISCONNECT",
            Command::Error => "ERROR",
            Command::Message => "MESSAGE",
            Command::Receipt => "RECEIPT",
            Command::Send => "SEND",
            Command::Subscribe => "SUBSCRIBE",
        }
    }

    /// Whether headers of such a frame are written with escapes. Those of the two frames that
    /// begin a connection are not, for the sake of STOMP 1.0.
    pub fn has_escapes(self) -> bool {
        !matches!(self, Command::Connect | Command::Connected)
    }
}

/// Names and values, in the order in which they stand in a frame.
pub(crate) type Headers = Vec<(String, String)>;

/// A frame. Of headers with one name the first one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub command: Command,
    pub headers: Headers,
    pub body: Vec<u8>,
    /// Length of the body as it was sent: longer than `body` where its end was left out.
    pub body_bytes: u64,
}

impl Frame {
    pub fn new(command: Command) -> Frame {
        Frame { command, headers: Vec::new(), body: Vec::new(), body_bytes: 0 }
    }

    /// The frame with one more header.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Frame {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The frame with more headers.
    #[must_use]
    pub fn with_all<N: Into<String>>(
        mut self,
        headers: impl IntoIterator<Item = (N, String)>,
    ) -> Frame {
        self.headers.extend(headers.into_iter().map(|(name, value)| (name.into(), value)));
        self
    }

    /// The frame with this body.
    #[must_use]
    pub fn with_body(mut self, body: &[u8]) -> Frame {
        self.body = body.to_vec();
        self.body_bytes = body.len() as u64;
        self
    }

    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Appends the frame to `out`. A body that is text goes without `content-length`: ActiveMQ and
    /// Artemis then make a text message of it, and a message of bytes otherwise.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.command.name().as_bytes());
        out.push(b'\n');
        for (name, value) in &self.headers {
            self.write_text(name, out);
            out.push(b':');
            self.write_text(value, out);
            out.push(b'\n');
        }
        if memchr::memchr(0, &self.body).is_some() || std::str::from_utf8(&self.body).is_err() {
            out.extend_from_slice(format!("content-length:{}\n", self.body.len()).as_bytes());
        }
        out.push(b'\n');
        out.extend_from_slice(&self.body);
        out.push(0);
    }

    fn write_text(&self, text: &str, out: &mut Vec<u8>) {
        let has_escapes = self.command.has_escapes();
        for byte in text.bytes() {
            match byte {
                // A frame ends with it, and there is no escape for it.
                0 => out.extend_from_slice("\u{fffd}".as_bytes()),
                b'\n' if has_escapes => out.extend_from_slice(b"\\n"),
                b'\r' if has_escapes => out.extend_from_slice(b"\\r"),
                b':' if has_escapes => out.extend_from_slice(b"\\c"),
                b'\\' if has_escapes => out.extend_from_slice(b"\\\\"),
                // It would begin another header.
                b'\n' | b'\r' => out.push(b' '),
                byte => out.push(byte),
            }
        }
    }
}

/// The value of the first header of this name.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(frame: &Frame) -> String {
        let mut out = Vec::new();
        frame.write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn frames_are_written_with_escapes_but_for_the_first() {
        let send = Frame::new(Command::Send).with("a:b", "c\\d\r\n\0").with_body(b"{}");
        assert_eq!(written(&send), "SEND\na\\cb:c\\\\d\\r\\n\u{fffd}\n\n{}\0");
        let connect = Frame::new(Command::Connect).with("passcode", "a:b\\c\nd");
        assert_eq!(written(&connect), "CONNECT\npasscode:a:b\\c d\n\n\0");
    }

    #[test]
    fn only_a_body_that_is_no_text_has_its_length() {
        let frame = |body: &[u8]| written(&Frame::new(Command::Send).with_body(body));
        assert_eq!(frame(b"a"), "SEND\n\na\0");
        assert_eq!(frame(b"a\0"), "SEND\ncontent-length:2\n\na\0\0");
        assert_eq!(frame(b"\xff"), "SEND\ncontent-length:1\n\n\u{fffd}\0");
    }

    #[test]
    fn of_two_headers_with_one_name_the_first_counts() {
        let frame = Frame::new(Command::Message).with("a", "1").with("a", "2");
        assert_eq!(frame.header("a"), Some("1"));
        assert_eq!(frame.header("b"), None);
    }
}
