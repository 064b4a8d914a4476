//! An engine by HTTP: commands, look-ups, and what happens as Server-Sent Events.
//!
//! ```text
//!   POST ──▶ gate: host, origin, token ──▶ session of the principal ──▶ engine
//!   GET  ──▶ gate ──┬─ look-ups: the same session              ▲
//!                   └─ events: one subscription for many ──────┘
//! ```
//!
//! # Invariants
//!
//! * What is malformed, too long, too slow or of another site is answered here and reaches no
//!   session with the engine.
//! * A request with an `Idempotency-Key` takes effect once, wherever bridge and engine are killed.
//! * A token is passed on to the engine, which alone knows whose it is and what that one may do.

mod answer;
mod body;
mod commands;
mod counters;
mod events;
mod gate;
mod monitor;
mod openapi;
mod options;
mod page;
mod patience;
mod principals;
mod query;
mod quiet;
mod room;
mod routes;
mod server;
mod session;
mod stats;
mod stream;
mod tls;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, HeaderName,
    HeaderValue, REFERRER_POLICY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, StatusCode, Version};
use ringfence_bridge_core::{Context, Failure, Metrics, SourceMetrics, Stop};

use answer::{Answer, Problem, answer};
use counters::Counters;
use events::Events;
use gate::KnownHost;
use monitor::Monitor;
use patience::Patience;
use principals::{Principal, Principals};
use query::Query;
use room::Rooms;
use routes::{Kind, Target};

pub use options::{HttpOptions, Limits};
pub use tls::Certificate;

/// What a page may do: use what comes from here, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What a response that is no page may do, should a browser show it: nothing.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

static CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// What all connections share.
struct App {
    options: HttpOptions,
    context: Context,
    monitor: Monitor,
    principals: Principals,
    /// Who asks where nobody says who.
    bridge: Principal,
    known_host: KnownHost,
    events: Events,
    counters: Counters,
    /// Memory of the bodies that are being read.
    rooms: Rooms,
    stop: Stop,
}

/// Serves HTTP until it is asked to stop.
///
/// # Errors
///
/// Why it cannot go on: the address is taken, the engine declines, or has another history.
pub async fn run_http(options: HttpOptions, context: Context) -> Result<(), Failure> {
    let metrics = context.metrics.source(&options.name);
    let result = run(options, context, &metrics).await;
    metrics.has_ended.store(true, Ordering::Relaxed);
    if let Err(failure) = &result {
        tracing::error!("http: it has ended: {failure}");
    }
    result
}

async fn run(
    options: HttpOptions,
    context: Context,
    metrics: &Arc<SourceMetrics>,
) -> Result<(), Failure> {
    let listener = server::listen(options.listen)?;
    let address = listener.local_addr().map_err(Failure::last)?;
    let monitor = Monitor::new(Arc::clone(metrics));
    let stop = context.stop.clone();
    let app = Arc::new(App {
        principals: Principals {
            engine: context.engine.clone(),
            prefix: format!("bridge:{}:{}", options.name, options.generation),
            sessions_max: options.limits.principals,
            remember: options.limits.remember,
            monitor: monitor.clone(),
            metrics: Arc::clone(metrics),
            sessions: Mutex::default(),
        },
        bridge: Principal::of_bridge(context.engine.token.clone()),
        known_host: KnownHost::default(),
        events: Events::new(context.engine.clone(), monitor.clone(), &options.limits, stop.clone()),
        counters: Counters::default(),
        monitor: monitor.clone(),
        rooms: Rooms::default(),
        stop,
        context: context.clone(),
        options,
    });
    metrics.is_connected.store(true, Ordering::Relaxed);
    let scheme = if app.options.certificate.is_some() { "https" } else { "http" };
    tracing::info!("listens on {scheme}://{address}");
    tokio::select! {
        failure = monitor.follow(&context.engine) => Err(failure),
        () = server::serve(listener, Arc::clone(&app)) => Ok(()),
    }
}

impl App {
    /// Answers a request of the connection that has this `patience`.
    async fn answer(&self, request: Request<Incoming>, patience: &Patience) -> Answer {
        let version = request.version();
        // A body without a length is where two readers may see different ends of a request: so
        // nothing behind it is read.
        let is_last =
            version < Version::HTTP_2 && request.headers().contains_key(TRANSFER_ENCODING);
        let is_page = request.method() != Method::POST
            && page::FILES.iter().any(|file| file.path == request.uri().path());
        let mut response = match self.admitted(request, patience).await {
            Ok(response) => response,
            Err(problem) => problem.into(),
        };
        self.counters.count_response(response.status().as_u16());
        let headers = response.headers_mut();
        let policy = if is_page { PAGE_POLICY } else { DATA_POLICY };
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            let alone = HeaderValue::from_static("same-origin");
            headers.insert(&CROSS_ORIGIN_RESOURCE_POLICY, alone);
        }
        if is_last {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Answers a request that names this host and is of no other site.
    async fn admitted(
        &self,
        request: Request<Incoming>,
        patience: &Patience,
    ) -> Result<Answer, Problem> {
        let (uri, headers) = (request.uri(), request.headers());
        // Of HTTP/1 longer heads do not come so far.
        let headers_max = self.options.limits.headers;
        if headers.len() > headers_max {
            let detail = format!("the request has more than {headers_max} header fields");
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Err(Problem::new(status, "too_many_headers", detail));
        }
        self.known_host.check(&self.options, request.version(), uri, headers)?;
        let origin = gate::check_origin(&self.options, uri, headers)?;
        let mut response = match (&origin, request.method() == Method::OPTIONS) {
            (Some(_), true) => {
                let mut response = answer(StatusCode::NO_CONTENT, "text/plain", "");
                gate::preflight(&mut response);
                response
            }
            _ => self.routed(request, patience).await.unwrap_or_else(Answer::from),
        };
        if let Some(origin) = origin {
            gate::allow_origin(&mut response, origin);
        }
        Ok(response)
    }

    async fn routed(
        &self,
        request: Request<Incoming>,
        patience: &Patience,
    ) -> Result<Answer, Problem> {
        let (kind, part) = match routes::find(request.method(), request.uri().path())? {
            Target::File(file) => {
                let mut response = answer(StatusCode::OK, file.content_type, file.content);
                let headers = response.headers_mut();
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
                return Ok(response);
            }
            Target::Route(kind, part) => (kind, part.unwrap_or_default()),
        };
        match kind {
            Kind::Live => return Ok(answer(StatusCode::OK, "text/plain", "ok\n")),
            Kind::Ready => return Ok(self.readiness()),
            Kind::Metrics => return Ok(self.metrics_page()),
            Kind::OpenApi => return Ok(openapi::response()),
            _ => {}
        }
        let principal = self.principal(&request)?;
        let query = Query::parse(request.uri().query())?;
        match kind {
            Kind::Events => {
                let headers = request.headers();
                let listening = self.events.listen(&principal, query, headers).await;
                listening.or_else(|problem| events::come_again(problem, headers))
            }
            Kind::Outcomes => self.events.page(&principal, query).await,
            other => {
                query.finish()?;
                match other {
                    Kind::Commands => self.execute(&principal, None, request, patience).await,
                    Kind::Create(op) => self.execute(&principal, Some(op), request, patience).await,
                    Kind::LookUp(op) => {
                        let id = routes::id_of(op, &part)?;
                        self.look_up(&principal, op, id, patience).await
                    }
                    Kind::Request => self.request(&principal, &routes::key_of(&part)?).await,
                    _ => self.stats(&principal).await,
                }
            }
        }
    }

    fn principal(&self, request: &Request<Incoming>) -> Result<Principal, Problem> {
        let checks_tokens = self.monitor.checks_tokens();
        gate::principal(&self.options, &self.bridge, checks_tokens, request.headers())
    }

    fn metrics(&self) -> &Metrics {
        &self.context.metrics
    }
}
