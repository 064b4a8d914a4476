//! Responses: outcomes, and what is wrong as `application/problem+json`.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};

use crate::session::Trouble;

/// Why the body of a response ended early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// The body of a response.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;
/// A response.
pub type Answer = Response<Body>;

/// Room for the headers of most responses, so that it is made once.
const HEADERS: usize = 16;

/// A body that is there.
pub fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A response with a body that is there.
pub fn answer(status: StatusCode, content_type: &'static str, bytes: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(body(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    *headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A JSON value.
pub fn json(status: StatusCode, bytes: impl Into<Bytes>) -> Answer {
    answer(status, "application/json", bytes)
}

/// What is wrong with a request, or with the bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// What is wrong, in one word: clients decide by it.
    pub code: &'static str,
    /// What is wrong, for a person.
    pub detail: String,
    /// Where: `line`, `column`, `field` and the like.
    pub more: Map<String, Value>,
    /// When it may be tried again, in seconds.
    pub retry_after: Option<u64>,
    /// Methods that are allowed.
    pub allow: Option<&'static str>,
}

impl Problem {
    /// A problem without particulars.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        Problem { status, code, detail, more: Map::new(), retry_after: None, allow: None }
    }

    /// A request that makes no sense.
    pub fn bad(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// The bridge cannot answer now.
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            retry_after: Some(1),
            ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
        }
    }

    /// More is asked for than there is room for.
    pub fn busy(detail: impl Into<String>) -> Problem {
        Problem {
            retry_after: Some(1),
            ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail)
        }
    }

    /// A header or a parameter of the request that has no meaning.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Problem {
        Problem::bad("bad_parameter", format!("`{name}`: {}", detail.into())).with("field", name)
    }

    /// With one more particular.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Problem {
        match trouble {
            Trouble::Unauthenticated(detail) => {
                Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
            }
            Trouble::Forbidden(detail) => {
                Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail)
            }
            Trouble::NoSession(detail) => Problem::unavailable(
                "no_session",
                format!("{detail}; what was under way may have been executed"),
            ),
            Trouble::Busy => {
                Problem::busy("as many commands are under way as the engine allows at a time")
            }
            Trouble::Conflict => Problem::new(
                StatusCode::CONFLICT,
                "key_conflict",
                "this Idempotency-Key was used with other commands",
            ),
            Trouble::Away => {
                Problem::unavailable("engine_away", "the engine cannot be reached just now")
            }
        }
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Answer {
        let Problem { status, code, detail, more, retry_after, allow } = problem;
        let mut members = Map::new();
        members.insert("type".to_owned(), format!("urn:ringfence:{code}").into());
        members.insert("title".to_owned(), status.canonical_reason().unwrap_or("").into());
        members.insert("status".to_owned(), status.as_u16().into());
        members.insert("detail".to_owned(), detail.into());
        members.extend(more);
        let text = Value::Object(members).to_string();
        let mut response = answer(status, "application/problem+json", text);
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(methods) = allow {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
