//! Who may ask: the host that is asked for, the page that asks, and the token.

use std::sync::OnceLock;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, HOST, HeaderMap,
    HeaderName, HeaderValue, ORIGIN, VARY,
};
use hyper::http::uri::Authority;
use hyper::{StatusCode, Uri, Version};

use crate::answer::{Answer, Problem};
use crate::options::HttpOptions;
use crate::principals::Principal;

/// Headers that a page of another origin may send.
const HEADERS_ALLOWED: &str = "authorization, content-type, idempotency-key, last-event-id, prefer";
/// Headers of responses that a page of another origin may read.
const HEADERS_EXPOSED: &str = "idempotent-replayed, location, retry-after, \
                               ringfence-sequence, ringfence-op, ringfence-status";

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The host that was the first to be let in: nearly every request names it, and needs no further
/// look.
#[derive(Debug, Default)]
pub struct KnownHost(OnceLock<HeaderValue>);

impl KnownHost {
    /// Refuses a request that names another host than this, or none.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check(
        &self,
        options: &HttpOptions,
        version: Version,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        let header = headers.get(HOST).filter(|_| uri.authority().is_none());
        let is_one = headers.get_all(HOST).iter().nth(1).is_none();
        if is_one && header.is_some() && header == self.0.get() {
            return Ok(());
        }
        check_host(options, version, uri, headers)?;
        if let Some(copy) = header.and_then(|it| HeaderValue::from_bytes(it.as_bytes()).ok()) {
            // It fails where another one is known.
            let _ = self.0.set(copy);
        }
        Ok(())
    }
}

fn check_host(
    options: &HttpOptions,
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let mut named = headers.get_all(HOST).iter();
    let header = named.next();
    if named.next().is_some() {
        return Err(Problem::bad("bad_host", "more than one Host"));
    }
    let wrong = || Problem::bad("bad_host", "the Host is none");
    let authority = match (uri.authority(), header) {
        // HTTP/2 names it in the address.
        (Some(authority), _) => authority.clone(),
        (None, Some(value)) => Authority::try_from(value.as_bytes()).map_err(|_| wrong())?,
        (None, None) if version == Version::HTTP_11 => {
            return Err(Problem::bad("bad_host", "the Host is missing"));
        }
        (None, None) => return Ok(()),
    };
    // A page could otherwise name an address of its own that leads here, and be let in as this
    // machine's own.
    if options.anonymous && !is_here(options, authority.host()) {
        let detail = format!("`{}` is not among `hosts`", authority.host());
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "other_host", detail));
    }
    Ok(())
}

fn is_here(options: &HttpOptions, host: &str) -> bool {
    let number = host.trim_start_matches('[').trim_end_matches(']');
    let is_number = number.parse::<std::net::IpAddr>().is_ok();
    is_number
        || host.eq_ignore_ascii_case("localhost")
        || options.hosts.iter().any(|known| host.eq_ignore_ascii_case(known))
}

/// Refuses what a page of another site asks for, unless its origin is configured. Returns that
/// origin.
///
/// # Errors
///
/// If it is of another site.
pub fn check_origin(
    options: &HttpOptions,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Option<HeaderValue>, Problem> {
    let refused = || {
        let detail = "a page of another site asks; `cors-origins` does not have it";
        Problem::new(StatusCode::FORBIDDEN, "cross_site", detail)
    };
    let mut origins = headers.get_all(ORIGIN).iter();
    let origin = origins.next();
    if origins.next().is_some() {
        return Err(refused());
    }
    let text = origin.map(HeaderValue::to_str).transpose().map_err(|_| refused())?;
    if text.is_some_and(|text| options.cors_origins.iter().any(|known| known == text)) {
        return Ok(origin.cloned());
    }
    // What a browser says of the page counts whatever its origin looks like.
    let is_of_this_site = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    if !headers.get_all(&SEC_FETCH_SITE).iter().all(is_of_this_site) {
        return Err(refused());
    }
    let Some(text) = text else { return Ok(None) };
    let here = uri.authority().map(|authority| authority.as_str());
    let here = here.or_else(|| headers.get(HOST)?.to_str().ok());
    let asks = text.split_once("://").map(|(_, authority)| authority);
    match (here, asks) {
        (Some(here), Some(asks)) if here.eq_ignore_ascii_case(asks) => Ok(None),
        _ => Err(refused()),
    }
}

/// Lets a page of this origin read the response.
pub fn allow_origin(response: &mut Answer, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(HEADERS_EXPOSED));
    headers.append(VARY, HeaderValue::from_static("origin"));
}

/// Answers the question of a browser what a page may do.
pub fn preflight(response: &mut Answer) {
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, HEAD, POST");
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS_ALLOWED));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}

/// Who asks.
///
/// # Errors
///
/// If nothing says who.
pub fn principal(
    options: &HttpOptions,
    bridge: &Principal,
    checks_tokens: Option<bool>,
    headers: &HeaderMap,
) -> Result<Principal, Problem> {
    let unknown = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let first = shown.next();
    if shown.next().is_some() {
        return Err(Problem::bad("bad_authorization", "more than one Authorization"));
    }
    let Some(value) = first else {
        return match options.anonymous {
            true => Ok(bridge.clone()),
            false => Err(unknown("an Authorization with a Bearer token is missing")),
        };
    };
    let token = bearer(value).ok_or_else(|| unknown("the Authorization is no Bearer token"))?;
    if checks_tokens == Some(false) {
        // Any token would be as good: it must not become more than nothing.
        return match options.anonymous {
            true => Ok(bridge.clone()),
            false => Err(Problem::unavailable(
                "no_access_file",
                "the engine checks no tokens: it has no access file",
            )),
        };
    }
    Principal::of_token(token).ok_or_else(|| unknown("the token is too long"))
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(b"bearer ".len())?;
    let token = token.trim_ascii();
    let is_one = !token.is_empty() && token.iter().all(u8::is_ascii_graphic);
    (scheme.eq_ignore_ascii_case(b"bearer ") && is_one).then_some(token)
}
