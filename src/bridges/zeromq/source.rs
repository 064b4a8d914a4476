//! A ROUTER socket whose messages are commands.
//!
//! ```text
//!   request: [ROUTING …, empty frame] [HEADER] BODY      HEADER: a JSON object; may be left out
//!   reply:   [ROUTING …, empty frame] [HEADER] BODY      as the request was
//! ```

use bytes::Bytes;
use ringfence_bridge_core::{
    ContentType, Failure, Identity, Keys, Malformed, Message, Port, Settled, Settlement, Source,
    SourceOptions,
};
use serde_json::{Map, Value, json};

use crate::endpoint::Endpoint;
use crate::router::{Request, Router, WayBack};
use crate::wire::Frame;

/// Room for the header of a message beside its body, in bytes.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// A ROUTER socket whose messages are commands.
#[derive(Debug)]
pub struct ZmqSource {
    name: String,
    endpoint: Endpoint,
    credit: usize,
    message_bytes_max: usize,
}

/// What belongs to a message.
#[derive(Debug)]
pub struct ZmqHandle {
    way_back: WayBack,
    /// Its header, if it had one: then its reply has one.
    header: Option<Map<String, Value>>,
}

impl ZmqSource {
    /// Reads `bind` and `trust-network`.
    pub fn configure(keys: &mut Keys, options: &SourceOptions) -> ZmqSource {
        ZmqSource {
            name: options.name.clone(),
            endpoint: Endpoint::configure(keys, "bind"),
            credit: options.credit,
            message_bytes_max: options.message_bytes_max,
        }
    }
}

impl Source for ZmqSource {
    type Handle = ZmqHandle;

    async fn serve(&mut self, port: &mut Port<ZmqHandle>) -> Result<(), Failure> {
        let bytes_max = self.message_bytes_max + HEADER_BYTES_MAX;
        let mut router = Router::bind(&self.endpoint, bytes_max).await?;
        port.set_connected(true);
        tracing::info!(source = self.name, "takes messages at {}", self.endpoint);
        // Messages that are given to the port and not settled.
        let mut under_way = 0;
        loop {
            tokio::select! {
                settled = port.next() => match settled? {
                    Some(settled) => {
                        under_way -= 1;
                        self.settle(&settled);
                    }
                    None => return Ok(()),
                },
                request = router.next(), if under_way < self.credit => {
                    match self.message(request) {
                        Ok(message) => {
                            under_way += 1;
                            port.give(message).await?;
                        }
                        Err(no_message) => {
                            let (handle, malformed) = *no_message;
                            port.count_dead(&malformed);
                            self.refuse(&handle, &malformed);
                        }
                    }
                }
            }
        }
    }
}

/// Why a request is no message, and where to say so.
type NoMessage = Box<(ZmqHandle, Malformed)>;

impl ZmqSource {
    fn message(&self, request: Request) -> Result<Message<ZmqHandle>, NoMessage> {
        let Request { frames, way_back } = request;
        // One of several frames is answered with a header too.
        let header = (frames.len() > 1).then(Map::new);
        let mut handle = ZmqHandle { way_back, header };
        let (header, body) = match frames.as_slice() {
            [body] => (None, body),
            [header, body] => (Some(header), body),
            _ => {
                return no_message(
                    handle,
                    malformed("a message is a header and a body, or a body"),
                );
            }
        };
        if let Some(Frame::TooLong(bytes)) = header {
            let most = HEADER_BYTES_MAX;
            let why = format!("header of {bytes} bytes: there is room for {most} beside a body");
            return no_message(handle, malformed(&why));
        }
        if let Some(header) = header {
            match serde_json::from_slice(header.bytes()) {
                Ok(header) => handle.header = Some(header),
                Err(error) => {
                    let why = format!("the header is no JSON object: {error}");
                    return no_message(handle, malformed(&why));
                }
            }
        }
        let body = match body {
            Frame::Bytes(bytes) => bytes.to_vec(),
            Frame::TooLong(bytes) => {
                let bytes = usize::try_from(*bytes).unwrap_or(usize::MAX);
                return no_message(handle, Malformed::too_long(bytes, self.message_bytes_max));
            }
        };
        let said = handle.header.as_ref().and_then(|header| header.get("content-type")?.as_str());
        let identity = handle.header.as_ref().map_or(Ok(Identity::None), identity);
        match ContentType::parse(said).and_then(|content_type| Ok((content_type, identity?))) {
            Ok((content_type, identity)) => Ok(Message { body, content_type, identity, handle }),
            Err(malformed) => no_message(handle, malformed),
        }
    }

    fn settle(&self, settled: &Settled<ZmqHandle>) {
        let Settled { handle, settlement } = settled;
        match settlement {
            Settlement::Done(replies) => {
                let mut header = Map::new();
                header.insert("message-id".to_owned(), replies.identity().into());
                header.insert("content-type".to_owned(), replies.content_type().into());
                for (name, value) in replies.headers() {
                    header.insert(name.to_owned(), value.into());
                }
                reply(handle, header, replies.body().into());
            }
            Settlement::Dead { malformed, .. } => self.refuse(handle, malformed),
            Settlement::Known | Settlement::Lost => {
                let why = "it was executed, but its outcomes can no longer be had";
                reply(handle, Map::new(), json!({ "error": why }).to_string().into());
            }
        }
    }

    /// There is no place for dead letters but with their senders.
    fn refuse(&self, handle: &ZmqHandle, malformed: &Malformed) {
        tracing::warn!(source = self.name, "a message is no command: {malformed}");
        let mut header = Map::new();
        for (name, value) in malformed.headers() {
            header.insert(name.to_owned(), value.into());
        }
        let body = json!({
            "error": malformed.reason,
            "line": malformed.line,
            "column": malformed.column,
            "field": malformed.field,
        });
        reply(handle, header, body.to_string().into());
    }
}

fn no_message<T>(handle: ZmqHandle, malformed: Malformed) -> Result<T, NoMessage> {
    Err(Box::new((handle, malformed)))
}

fn malformed(reason: &str) -> Malformed {
    let reason = reason.to_owned();
    Malformed { kind: "malformed", reason, line: None, column: None, field: None }
}

/// Replies with a header if the message had one; what it says to correlate them comes back.
fn reply(handle: &ZmqHandle, mut header: Map<String, Value>, body: Bytes) {
    let Some(asked) = &handle.header else {
        handle.way_back.reply(&[body]);
        return;
    };
    let correlation = asked.get("correlation-id").or_else(|| asked.get("message-id"));
    if let Some(correlation) = correlation {
        header.insert("correlation-id".to_owned(), correlation.clone());
    }
    handle.way_back.reply(&[Value::Object(header).to_string().into(), body]);
}

/// What the message is recognised by: `message-id`, else session and request number, else its
/// idempotency key.
fn identity(header: &Map<String, Value>) -> Result<Identity, Malformed> {
    Identity::of("message-id", |name| match header.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_recognised_by_their_headers() {
        let of = |header: Value| identity(header.as_object().unwrap());
        let key = |text: &str| Ok(Identity::Key(text.as_bytes().to_vec()));
        assert_eq!(of(json!({})), Ok(Identity::None));
        assert_eq!(of(json!({"message-id": ""})), Ok(Identity::None));
        assert_eq!(of(json!({"idempotency-key": "k"})), key("\0idempotency-key\0k"));
        let request = json!({"ringfence-session": "s", "ringfence-request": 7});
        assert_eq!(of(request), key("\0ringfence-session\0s\x007"));
        assert_eq!(of(json!({"ringfence-session": "s"})), Ok(Identity::None));
        assert_eq!(of(json!({"message-id": "m", "idempotency-key": "k"})), key("m"));
        assert!(of(json!({"ringfence-session": "", "ringfence-request": 7})).is_err());
    }
}
