//! Which address is what. The OpenAPI document is made from the same table.

use hyper::{Method, StatusCode};
use ringfence_types::Op;

use crate::answer::Problem;
use crate::page::{self, File};
use crate::query::{digits, percent_decoded};

/// What an address stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Commands of any operation.
    Commands,
    /// Commands of one operation, which they may leave out.
    Create(Op),
    /// The look-up of one id.
    LookUp(Op),
    /// What became of a request with a key.
    Request,
    /// What happens, as Server-Sent Events.
    Events,
    /// What has happened, in pages.
    Outcomes,
    /// How bridge and engine are, as JSON.
    Stats,
    /// The OpenAPI document.
    OpenApi,
    /// Whether the program runs.
    Live,
    /// Whether it is of use.
    Ready,
    /// Numbers for Prometheus.
    Metrics,
}

/// An address.
#[derive(Debug)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Its path; what stands in braces is any segment.
    pub path: &'static str,
    /// What it stands for.
    pub kind: Kind,
    /// What it does, in a few words.
    pub summary: &'static str,
}

const fn get(path: &'static str, kind: Kind, summary: &'static str) -> Route {
    Route { method: "GET", path, kind, summary }
}

const fn post(path: &'static str, kind: Kind, summary: &'static str) -> Route {
    Route { method: "POST", path, kind, summary }
}

/// Every address but those of the page.
pub const ROUTES: &[Route] = &[
    post("/v1/commands", Kind::Commands, "Executes a command, or a batch of one operation"),
    post("/v1/accounts", Kind::Create(Op::CreateAccount), "Creates an account, or a batch"),
    post("/v1/transfers", Kind::Create(Op::CreateTransfer), "Creates a transfer, or a batch"),
    post("/v1/markets", Kind::Create(Op::CreateMarket), "Creates a market, or a batch"),
    post("/v1/orders", Kind::Create(Op::PlaceOrder), "Places an order, or a batch"),
    get("/v1/accounts/{id}", Kind::LookUp(Op::LookupAccount), "Looks up an account"),
    get("/v1/transfers/{id}", Kind::LookUp(Op::LookupTransfer), "Looks up a transfer"),
    get("/v1/orders/{id}", Kind::LookUp(Op::LookupOrder), "Looks up an order"),
    get("/v1/markets/{id}", Kind::LookUp(Op::LookupMarket), "Looks up a market and its book"),
    get("/v1/queues/{id}", Kind::LookUp(Op::LookupQueue), "Looks up the queue of an account"),
    get("/v1/requests/{key}", Kind::Request, "What became of a request with this key"),
    get("/v1/events", Kind::Events, "Tells what happens, as Server-Sent Events"),
    get("/v1/outcomes", Kind::Outcomes, "Outcomes and events from a sequence on, in pages"),
    get("/v1/stats", Kind::Stats, "How bridge and engine are"),
    get("/openapi.json", Kind::OpenApi, "This description"),
    get("/livez", Kind::Live, "Whether the bridge runs"),
    get("/readyz", Kind::Ready, "Whether the bridge can serve"),
    get("/metrics", Kind::Metrics, "Numbers of the bridge for Prometheus"),
];

/// What a request asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// An address of the table, with what stands in its braces.
    Route(Kind, Option<String>),
    /// A file of the page.
    File(&'static File),
}

/// What a request asks for.
///
/// # Errors
///
/// If there is nothing at this address, or not with this method.
pub fn find(method: &Method, path: &str) -> Result<Target, Problem> {
    if let Some(file) = page::FILES.iter().find(|file| file.path == path) {
        return match *method {
            Method::GET | Method::HEAD => Ok(Target::File(file)),
            _ => Err(not_allowed("GET, HEAD")),
        };
    }
    let mut allowed: Option<&'static str> = None;
    for route in ROUTES {
        let Some(part) = part_of(route.path, path) else { continue };
        let is_get = *method == Method::GET || *method == Method::HEAD;
        // A stream has no end that could be left out.
        let is_asked = match route.kind {
            Kind::Events => *method == Method::GET,
            _ if route.method == "GET" => is_get,
            _ => *method == Method::POST,
        };
        if is_asked {
            return Ok(Target::Route(route.kind, part.map(str::to_owned)));
        }
        allowed = Some(match route.kind {
            Kind::Events => "GET",
            _ if route.method == "GET" => "GET, HEAD",
            _ => "POST",
        });
    }
    match allowed {
        Some(methods) => Err(not_allowed(methods)),
        None => Err(Problem::new(StatusCode::NOT_FOUND, "no_such_address", "nothing is here")),
    }
}

fn not_allowed(methods: &'static str) -> Problem {
    Problem {
        allow: Some(methods),
        ..Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("this address answers {methods}"),
        )
    }
}

/// What stands in the braces of `pattern`; `None` if `path` is another.
fn part_of<'a>(pattern: &str, path: &'a str) -> Option<Option<&'a str>> {
    if !pattern.ends_with('}') {
        return (pattern == path).then_some(None);
    }
    let (before, _) = pattern.split_once('{')?;
    let part = path.strip_prefix(before)?;
    (!part.is_empty() && !part.contains('/')).then_some(Some(part))
}

/// The id in an address.
///
/// # Errors
///
/// If it is no number, or one that is too large.
pub fn id_of(op: Op, text: &str) -> Result<u128, Problem> {
    let wrong = || Problem::parameter("id", "it is a number in digits, as large as ids are");
    let id: u128 = digits(text).ok_or_else(wrong)?;
    // The id of a market has 32 bits.
    let is_too_large = op.has_market_id() && id > u128::from(u32::MAX);
    if is_too_large { Err(wrong()) } else { Ok(id) }
}

/// The key in an address.
///
/// # Errors
///
/// If it is badly encoded.
pub fn key_of(text: &str) -> Result<String, Problem> {
    percent_decoded(text).ok_or_else(|| Problem::parameter("key", "it is badly encoded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_with_their_method_alone() {
        let found = |method: &str, path: &str| {
            find(&method.parse().unwrap(), path).map_err(|problem| problem.status.as_u16())
        };
        let account = Target::Route(Kind::LookUp(Op::LookupAccount), Some("7".to_owned()));
        assert_eq!(found("GET", "/v1/accounts/7"), Ok(account.clone()));
        assert_eq!(found("HEAD", "/v1/accounts/7"), Ok(account));
        let create = Target::Route(Kind::Create(Op::CreateAccount), None);
        assert_eq!(found("POST", "/v1/accounts"), Ok(create));
        //  method, path, status
        let cases = [
            ("GET", "/v1/accounts", 405),
            ("POST", "/v1/accounts/7", 405),
            ("HEAD", "/v1/events", 405),
            ("DELETE", "/v1/transfers/7", 405),
            ("GET", "/v1/accounts/", 404),
            ("GET", "/v1/accounts/7/", 404),
            ("GET", "/v1//accounts/7", 404),
            ("GET", "/v1/../v1/stats", 404),
            ("GET", "/v1/stats/", 404),
            ("GET", "/V1/stats", 404),
            ("GET", "", 404),
        ];
        for (method, path, status) in cases {
            assert_eq!(found(method, path), Err(status), "{method} {path}");
        }
    }

    #[test]
    fn ids_are_digits_alone() {
        let id = |text| id_of(Op::LookupAccount, text).ok();
        assert_eq!(id("340282366920938463463374607431768211455"), Some(u128::MAX));
        for wrong in ["", "-1", "+1", "0x1", "1%20", "340282366920938463463374607431768211456"] {
            assert_eq!(id(wrong), None, "{wrong}");
        }
        assert!(id_of(Op::LookupMarket, "4294967296").is_err());
    }
}
