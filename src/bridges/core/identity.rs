//! What a message is recognised by when it comes again.
//!
//! # Invariants
//!
//! * Texts of different headers are different identities, even if they are the same texts.
//! * An empty text identifies nothing.

use crate::Malformed;

/// What a message is recognised by when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Nothing: only the ids of its commands protect it.
    None,
    /// Its sender's word for it: `message-id`, `Idempotency-Key`, or session and request number.
    Key(Vec<u8>),
    /// Its place in the source. The request number is one more.
    Offset(u64),
}

const SESSION: &str = "ringfence-session";
const REQUEST: &str = "ringfence-request";
const KEY: &str = "idempotency-key";

impl Identity {
    /// By the header `own` of the protocol, else by session and request, else by the idempotency
    /// key. `header` returns the text of a header, whose name is in lower case.
    ///
    /// # Errors
    ///
    /// If session or request is there and empty, or if one of the texts has a zero byte in it.
    pub fn of(own: &str, header: impl Fn(&str) -> Option<String>) -> Result<Identity, Malformed> {
        let text = |name: &str| match header(name) {
            Some(text) if text.contains('\0') => {
                Err(Malformed::of_header(name, "it has a zero byte in it"))
            }
            text => Ok(text),
        };
        let filled = |name: &str| Ok(text(name)?.filter(|text| !text.is_empty()));
        if let Some(id) = filled(own)? {
            return Ok(Identity::Key(id.into_bytes()));
        }
        let (session, request) = (text(SESSION)?, text(REQUEST)?);
        for (name, text) in [(SESSION, &session), (REQUEST, &request)] {
            if text.as_ref().is_some_and(String::is_empty) {
                return Err(Malformed::of_header(name, "it is empty"));
            }
        }
        if let (Some(session), Some(request)) = (session, request) {
            return Ok(Identity::Key(format!("\0{SESSION}\0{session}\0{request}").into_bytes()));
        }
        match filled(KEY)? {
            Some(key) => Ok(Identity::Key(format!("\0{KEY}\0{key}").into_bytes())),
            None => Ok(Identity::None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(own: &str, headers: &[(&str, &str)]) -> Result<Identity, Malformed> {
        Identity::of(own, |wanted| {
            let found = headers.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    fn key(text: &str) -> Result<Identity, Malformed> {
        Ok(Identity::Key(text.as_bytes().to_vec()))
    }

    const ID: &str = "message-id";

    #[test]
    fn the_first_of_three_headers_that_is_there_identifies_a_message() {
        let all = [(KEY, "k"), (SESSION, "s"), (REQUEST, "7"), (ID, "m")];
        assert_eq!(of(ID, &all), key("m"));
        assert_eq!(of(ID, &all[..3]), key("\0ringfence-session\0s\x007"));
        assert_eq!(of(ID, &all[..2]), key("\0idempotency-key\0k"));
        assert_eq!(of(ID, &all[1..2]), Ok(Identity::None));
        assert_eq!(of(ID, &[]), Ok(Identity::None));
        assert_eq!(of(KEY, &all[..3]), key("k"));
    }

    #[test]
    fn an_empty_text_identifies_nothing() {
        assert_eq!(of(ID, &[(ID, "")]), Ok(Identity::None));
        assert_eq!(of(ID, &[(KEY, "")]), Ok(Identity::None));
        assert_eq!(of(KEY, &[(KEY, "")]), Ok(Identity::None));
        assert_eq!(of(ID, &[(ID, ""), (KEY, "k")]), key("\0idempotency-key\0k"));
    }

    #[test]
    fn an_empty_session_or_request_is_malformed_and_named() {
        for (headers, name) in [
            ([(SESSION, ""), (REQUEST, "7")], SESSION),
            ([(SESSION, "s"), (REQUEST, "")], REQUEST),
            ([(SESSION, ""), (KEY, "k")], SESSION),
        ] {
            let malformed = of(ID, &headers).unwrap_err();
            assert_eq!(malformed.reason, format!("header {name}: it is empty"));
        }
    }

    #[test]
    fn the_same_text_in_another_header_is_another_identity() {
        let found = [
            of(ID, &[(ID, "s:7")]),
            of(ID, &[(KEY, "s:7")]),
            of(ID, &[(SESSION, "s"), (REQUEST, "7")]),
            of(ID, &[(SESSION, "s:7"), (REQUEST, "8")]),
            of(ID, &[(SESSION, "s"), (REQUEST, "7:8")]),
        ];
        for (at, identity) in found.iter().enumerate() {
            assert!(identity.is_ok() && !found[..at].contains(identity), "{identity:?}");
        }
        let pretends = of(ID, &[(ID, "\0idempotency-key\0s:7")]).unwrap_err();
        assert_eq!(pretends.reason, "header message-id: it has a zero byte in it");
    }
}
