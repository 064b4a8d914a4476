//! `GET /v1/events` as Server-Sent Events, and `GET /v1/outcomes` in pages.
//!
//! ```text
//!   subscription of a principal with a filter ──▶ Group: the last events, shared
//!        listener that is new, or not far behind ──────▲
//!        listener that is far behind ──▶ a subscription of its own, until it is not
//! ```

mod group;
mod listener;
mod pages;
mod position;
mod ring;
mod subscription;
mod teller;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use ringfence_bridge_core::{EngineOptions, Stop, code_of};
use ringfence_client::{ClientError, ErrorCode, Start, Subscribe};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::{Answer, Body, BodyError, Problem, body};
use crate::monitor::{Monitor, subscribe};
use crate::options::Limits;
use crate::principals::Principal;
use crate::query::{Filter, Query};
use crate::session::{Trouble, text_of, trouble_of};
use group::{Group, Share};
use listener::Listener;
use subscription::{Following, From};

pub use position::Position;

/// Groups by principal and filter.
type Groups = HashMap<(Arc<str>, Filter), Arc<Group>>;

/// All listeners.
#[derive(Debug)]
pub struct Events {
    engine: EngineOptions,
    monitor: Monitor,
    limits: Limits,
    stop: Stop,
    listeners: Arc<Semaphore>,
    subscriptions: Arc<Semaphore>,
    groups: Mutex<Groups>,
}

impl Events {
    /// Nobody listens yet.
    pub fn new(engine: EngineOptions, monitor: Monitor, limits: &Limits, stop: Stop) -> Events {
        Events {
            engine,
            monitor,
            limits: limits.clone(),
            stop,
            listeners: Arc::new(Semaphore::new(limits.listeners)),
            subscriptions: Arc::new(Semaphore::new(limits.subscriptions)),
            groups: Mutex::default(),
        }
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.limits.listeners - self.listeners.available_permits()
    }

    /// How many subscriptions with the engine there are.
    pub fn subscriptions(&self) -> usize {
        self.limits.subscriptions - self.subscriptions.available_permits()
    }

    /// Answers `GET /v1/events`.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, or why nothing can be told.
    pub async fn listen(
        &self,
        principal: &Principal,
        mut query: Query,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let filter = Filter::take(&mut query)?;
        let from = from(&mut query, headers, From::Now)?;
        query.finish()?;
        let Ok(permit) = Arc::clone(&self.listeners).try_acquire_owned() else {
            return Err(Problem::busy("as many listen as may"));
        };
        let share = self.share(principal, &filter).await?;
        if let From::After(position) = from
            && position > share.ring().end().1
        {
            self.check_reached(principal, position).await?;
        }
        let heartbeat = self.limits.heartbeat;
        let listener = match from {
            From::Now => Listener::at_end(share, permit, heartbeat),
            From::After(position) => match Listener::within(share, position, permit, heartbeat) {
                Ok(listener) => listener,
                Err((share, permit)) => self.far(principal, &filter, from, share, permit).await?,
            },
            From::Oldest => self.far(principal, &filter, from, share, permit).await?,
        };
        Ok(streamed(listener))
    }

    /// Whether a principal may follow the engine.
    ///
    /// # Errors
    ///
    /// Why not.
    pub async fn check(&self, principal: &Principal) -> Result<(), Problem> {
        let all = Filter::take(&mut Query::parse(None)?)?;
        self.share(principal, &all).await.map(drop)
    }

    /// Refuses a position that the engine has not reached.
    async fn check_reached(
        &self,
        principal: &Principal,
        position: Position,
    ) -> Result<(), Problem> {
        let wish = Subscribe::outcomes(Start::Now);
        let asking = subscribe(&self.engine, &principal.token, &wish);
        match tokio::time::timeout(self.limits.request_time, asking).await {
            Ok(Ok(asked)) => reached(position, asked.subscribed().last_sequence),
            Ok(Err(error)) => Err(problem_of(&error)),
            Err(_) => Err(Trouble::Away.into()),
        }
    }

    /// A listener that is far behind.
    async fn far(
        &self,
        principal: &Principal,
        filter: &Filter,
        from: From,
        share: Share,
        permit: OwnedSemaphorePermit,
    ) -> Result<Listener, Problem> {
        let (following, own_permit) = self.follow(principal, filter, from).await?;
        let permits = (permit, own_permit);
        Ok(Listener::catching_up(share, following, permits, self.limits.heartbeat))
    }

    /// A share in the group of a principal and a filter; begins one where there is none.
    async fn share(&self, principal: &Principal, filter: &Filter) -> Result<Share, Problem> {
        let key = (Arc::clone(&principal.id), filter.clone());
        if let Some(share) = self.known(&key) {
            return Ok(share);
        }
        let (following, permit) = self.follow(principal, filter, From::Now).await?;
        // Another may have begun one meanwhile.
        if let Some(share) = self.known(&key) {
            return Ok(share);
        }
        let Limits { listener_bytes, heartbeat, .. } = self.limits;
        let group = Group::start(following, listener_bytes, heartbeat, self.stop.clone(), permit);
        let share = group.join();
        self.lock().insert(key, group);
        share.ok_or_else(|| Problem::unavailable("stopping", "the bridge is being stopped"))
    }

    fn known(&self, key: &(Arc<str>, Filter)) -> Option<Share> {
        let mut groups = self.lock();
        groups.retain(|_, group| !group.has_ended());
        groups.get(key)?.join()
    }

    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a subscription: a group that nobody listens to gives way.
    fn permit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        if let Ok(permit) = Arc::clone(&self.subscriptions).try_acquire_owned() {
            return Ok(permit);
        }
        self.lock().values().filter(|group| group.is_idle()).for_each(|group| group.end());
        Err(Problem::busy("there are as many subscriptions with the engine as may be"))
    }

    async fn follow(
        &self,
        principal: &Principal,
        filter: &Filter,
        from: From,
    ) -> Result<(Following, OwnedSemaphorePermit), Problem> {
        if !self.monitor.is_up() {
            return Err(Trouble::Away.into());
        }
        let permit = self.permit()?;
        let opening = Following::open(&self.engine, &principal.token, filter, from);
        match tokio::time::timeout(self.limits.request_time, opening).await {
            Ok(Ok(following)) => Ok((following, permit)),
            Ok(Err(error)) => Err(problem_of(&error)),
            Err(_) => Err(Trouble::Away.into()),
        }
    }
}

/// Where a listener begins: `Last-Event-ID` before `after` before `from`, and `otherwise` where
/// there is none of them.
fn from(query: &mut Query, headers: &HeaderMap, otherwise: From) -> Result<From, Problem> {
    let after = query.take("after");
    let first = query.take("from");
    let last_id = match headers.get("last-event-id").map(HeaderValue::to_str) {
        // Browsers send none where there is none, others an empty one.
        None | Some(Ok("")) => None,
        Some(Ok(id)) => Some(("Last-Event-ID", id)),
        Some(Err(_)) => return Err(Problem::parameter("Last-Event-ID", "it is no text")),
    };
    if let Some((name, text)) = last_id.or(after.as_deref().map(|after| ("after", after))) {
        let position = text.parse().map_err(|wrong| Problem::parameter(name, wrong))?;
        return Ok(From::After(position));
    }
    match first.as_deref() {
        None => Ok(otherwise),
        Some("now") => Ok(From::Now),
        Some("oldest") => Ok(From::Oldest),
        Some(text) => {
            let sequence: Option<u64> = crate::query::digits(text);
            let sequence = sequence
                .ok_or_else(|| Problem::parameter("from", "it is a sequence, `oldest` or `now`"))?;
            Ok(From::After(Position::after(sequence.saturating_sub(1))))
        }
    }
}

/// Refuses a position after the engine's last sequence: it is of another engine, or of this one
/// before a backup was restored.
fn reached(position: Position, last_sequence: u64) -> Result<(), Problem> {
    if position.sequence <= last_sequence {
        return Ok(());
    }
    let detail = format!("the engine has not reached {position}: its last is {last_sequence}");
    Err(Problem::bad("sequence_ahead", detail))
}

/// What an error of a subscription is to those who asked.
fn problem_of(error: &ClientError) -> Problem {
    let text = text_of(error);
    match (code_of(error), error) {
        (Some(ErrorCode::TooFarBehind), ClientError::Refused { error, .. }) => {
            Problem::new(StatusCode::GONE, "too_far_behind", text)
                .with("oldest_sequence", error.value.to_string())
        }
        (Some(ErrorCode::NoOutcomeLog), _) => {
            Problem::new(StatusCode::NOT_IMPLEMENTED, "no_outcome_log", text)
        }
        _ => trouble_of(error).into(),
    }
}

fn streamed(listener: Listener) -> Answer {
    let frames = stream::unfold(listener, |mut listener| async move {
        let bytes: Bytes = listener.next().await?;
        Some((Ok::<_, BodyError>(Frame::data(bytes)), listener))
    });
    event_stream(StreamBody::new(frames).boxed_unsync())
}

/// What an `EventSource` gets where the bridge cannot tell it anything just now: a stream that says
/// when to come again, and ends. By an error it would give up for good. `EventSource` is known by
/// what it accepts; others get the problem.
///
/// # Errors
///
/// The problem, if it does not pass or if something else asks.
pub fn come_again(problem: Problem, headers: &HeaderMap) -> Result<Answer, Problem> {
    let accepts = headers.get(ACCEPT).is_some_and(|accepts| accepts == "text/event-stream");
    match problem.retry_after {
        Some(seconds) if accepts => {
            let text = format!("retry: {}\n: {}\n\n", seconds * 1000, problem.code);
            Ok(event_stream(body(text)))
        }
        _ => Err(problem),
    }
}

fn event_stream(body: Body) -> Answer {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather what they pass on are asked not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
