//! Commands by `POST`, look-ups by `GET`, and what became of a request with a key.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Request, StatusCode};
use ringfence_bridge_core::{
    ContentType, Malformed, decode_json, decode_records, encode_answers, is_array,
};
use ringfence_client::Answer as EngineAnswer;
use ringfence_types::{Command, Lookup, Op, Status};
use tokio::time::{Instant, timeout_at};

use crate::App;
use crate::answer::{Answer, Problem, json};
use crate::patience::Patience;
use crate::principals::Principal;
use crate::session::{Asked, Done, KeyHash, Known, Pending, Session, Trouble};

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
static PREFER: HeaderName = HeaderName::from_static("prefer");
static RINGFENCE_OP: HeaderName = HeaderName::from_static("ringfence-op");
static RINGFENCE_SEQUENCE: HeaderName = HeaderName::from_static("ringfence-sequence");
static RINGFENCE_STATUS: HeaderName = HeaderName::from_static("ringfence-status");

/// Longest `Idempotency-Key`, in bytes.
const KEY_BYTES_MAX: usize = 255;

impl App {
    /// Answers a `POST` of commands; `implied` is the operation of the address.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, or why it has no outcome.
    pub async fn execute(
        &self,
        principal: &Principal,
        implied: Option<Op>,
        request: Request<Incoming>,
        patience: &Patience,
    ) -> Result<Answer, Problem> {
        let deadline = Instant::now() + self.options.limits.request_time;
        let headers = request.headers();
        let content_type = content_type(headers)?;
        let key = key(headers)?;
        let is_async = wants_async(headers);
        if is_async && key.is_none() {
            let detail = "`Prefer: respond-async` needs an Idempotency-Key";
            return Err(Problem::bad("key_missing", detail));
        }
        let session = self.principals.session(principal)?;
        if self.monitor.is_up() {
            // One whom the engine does not know is not listened to any further.
            ready(&session, deadline).await?;
        }
        let body = self.body(principal, request).await?;
        let batch = decode(&body, content_type, implied)?;
        let is_array = content_type == ContentType::Records || is_array(&body, &batch);
        let key_hash = key.as_ref().map(|key| principal.key(key.as_bytes()));
        drop(body);
        let session = self.unless_ended(session, principal)?;
        let asked = self.ask(&session, batch, key_hash, deadline).await?;
        let is_repeat = asked.is_repeat;
        let mut response = match (asked.outcome, key) {
            (Pending::Comes(_), Some(key)) if is_async => accepted(&key),
            (outcome, _) => respond(wait(outcome, deadline, patience).await?, is_array)?,
        };
        if is_repeat {
            let headers = response.headers_mut();
            headers.insert(&IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    /// Answers a look-up.
    ///
    /// # Errors
    ///
    /// As [`App::execute`].
    pub async fn look_up(
        &self,
        principal: &Principal,
        op: Op,
        id: u128,
        patience: &Patience,
    ) -> Result<Answer, Problem> {
        let deadline = Instant::now() + self.options.limits.request_time;
        let mut command = Command::lookup_account(Lookup { id, ..Lookup::default() });
        command.header.op = op as u8;
        let session = self.principals.session(principal)?;
        let asked = self.ask(&session, vec![command], None, deadline).await?;
        let done = wait(asked.outcome, deadline, patience).await?;
        let mut response = respond(done, false)?;
        if response.status() == StatusCode::UNPROCESSABLE_ENTITY && is_not_found(&response) {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        Ok(response)
    }

    /// Answers what became of a request with a key.
    ///
    /// # Errors
    ///
    /// If the key is not known.
    pub async fn request(&self, principal: &Principal, key: &str) -> Result<Answer, Problem> {
        let deadline = Instant::now() + self.options.limits.request_time;
        let session = self.principals.session(principal)?;
        ready(&session, deadline).await?;
        match session.look_up(principal.key(key.as_bytes())) {
            Some(Known::Answered(done)) => {
                let is_array = matches!(&done, Done::Answers(answers) if answers.len() > 1);
                let mut response = respond(done, is_array)?;
                *response.status_mut() = StatusCode::OK;
                Ok(response)
            }
            Some(Known::UnderWay(_)) => Ok(accepted(key)),
            None => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "unknown_key",
                "no request with this key is known: it was not executed, or too long ago",
            )),
        }
    }

    /// The session, or a new one where it has ended meanwhile.
    fn unless_ended(
        &self,
        session: Arc<Session>,
        principal: &Principal,
    ) -> Result<Arc<Session>, Problem> {
        match session.has_ended() {
            false => Ok(session),
            true => self.principals.session(principal),
        }
    }

    async fn ask(
        &self,
        session: &Session,
        mut batch: Vec<Command>,
        key: Option<KeyHash>,
        deadline: Instant,
    ) -> Result<Asked, Problem> {
        if !self.monitor.is_up() {
            // What became of a request with a key is known all the same.
            return session.ask(batch, key)?.map_err(|_| Trouble::Away.into());
        }
        loop {
            ready(session, deadline).await?;
            match session.ask(batch, key)? {
                Ok(asked) => return Ok(asked),
                Err(back) => batch = back,
            }
        }
    }
}

/// Waits until requests can be sent.
async fn ready(session: &Session, deadline: Instant) -> Result<(), Problem> {
    if session.is_open() {
        return Ok(());
    }
    match timeout_at(deadline, session.ready()).await {
        Ok(ready) => Ok(ready?),
        Err(_) => Err(Trouble::Away.into()),
    }
}

/// Waits for the outcome.
async fn wait(outcome: Pending, deadline: Instant, patience: &Patience) -> Result<Done, Problem> {
    let comes = match outcome {
        Pending::Here(done) => return Ok(done),
        Pending::Comes(comes) => comes,
    };
    match patience.until(deadline, comes).await {
        Some(Ok(done)) => Ok(done?),
        Some(Err(_)) => Err(Trouble::NoSession("the session was closed".to_owned()).into()),
        None => Err(Problem::unavailable(
            "no_outcome_yet",
            "the request is under way and has no outcome yet; repeat it with its Idempotency-Key",
        )),
    }
}

/// What a body may be.
const CONTENT_TYPES: [(&str, ContentType); 2] = [
    ("application/json", ContentType::Json),
    ("application/vnd.ringfence.commands", ContentType::Records),
];

fn content_type(headers: &HeaderMap) -> Result<ContentType, Problem> {
    let wrong =
        |detail: String| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", detail);
    let is_encoded = headers.get(CONTENT_ENCODING).is_some_and(|it| it != "identity");
    if is_encoded {
        return Err(wrong("a body with a Content-Encoding is not read".to_owned()));
    }
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let text = given.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = text.split(';').next().unwrap_or_default().trim();
    let known = CONTENT_TYPES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
    match known {
        Some((_, content_type)) if given.next().is_none() => Ok(*content_type),
        _ => Err(wrong(
            "what is read is application/json and application/vnd.ringfence.commands".to_owned(),
        )),
    }
}

/// The key of a request: one of letters, digits and signs.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(Problem::bad("bad_key", "more than one Idempotency-Key"));
    }
    let text = value.to_str().ok().filter(|text| !text.is_empty() && text.len() <= KEY_BYTES_MAX);
    match text {
        Some(text) => Ok(Some(text.to_owned())),
        None => {
            let detail = format!("an Idempotency-Key is 1 to {KEY_BYTES_MAX} characters of ASCII");
            Err(Problem::bad("bad_key", detail))
        }
    }
}

fn wants_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all(&PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut words = values.flat_map(|value| value.split(','));
    words.any(|word| word.trim().eq_ignore_ascii_case("respond-async"))
}

fn decode(
    body: &[u8],
    content_type: ContentType,
    implied: Option<Op>,
) -> Result<Vec<Command>, Problem> {
    let batch = match content_type {
        ContentType::Records => decode_records(body),
        ContentType::Json | ContentType::JsonLines => decode_json(body, implied),
    };
    let batch = batch.map_err(problem_of)?;
    let op = Op::from_number(batch[0].header.op).expect("it was decoded");
    match implied.filter(|implied| *implied != op) {
        Some(implied) => Err(Problem::bad(
            "other_op",
            format!("this address takes {}; /v1/commands takes {}", implied.name(), op.name()),
        )
        .with("field", "op")),
        None => Ok(batch),
    }
}

fn problem_of(malformed: Malformed) -> Problem {
    let Malformed { reason, line, column, field, .. } = malformed;
    let mut problem = Problem::bad("malformed", reason);
    if let Some(line) = line {
        problem = problem.with("line", line);
    }
    if let Some(column) = column {
        problem = problem.with("column", column);
    }
    if let Some(field) = field {
        problem = problem.with("field", field);
    }
    problem
}

/// It is under way.
fn accepted(key: &str) -> Answer {
    let mut response = json(StatusCode::ACCEPTED, "{\"status\":\"under_way\"}");
    let escaped: String = key
        .bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    set_location(&mut response, format!("/v1/requests/{escaped}"));
    response
}

/// The outcome of a command, or the outcomes of a batch.
fn respond(done: Done, is_array: bool) -> Result<Answer, Problem> {
    let answers = match done {
        Done::Answers(answers) => answers,
        Done::Lost => {
            return Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "outcome_lost",
                "it was executed, but its outcome is no longer kept: look it up",
            ));
        }
    };
    let status = if is_array { StatusCode::OK } else { status_of(&answers[0]) };
    let mut body = Vec::with_capacity(128 * answers.len() + 2);
    encode_answers(&answers, is_array, &mut body);
    let mut response = json(status, body);
    let first = &answers[0];
    let is_same = answers.iter().all(|it| it.outcome.status() == first.outcome.status());
    let word = if is_same { first.outcome.status().name() } else { "mixed" };
    let headers = response.headers_mut();
    headers.insert(&RINGFENCE_SEQUENCE, first.sequence.into());
    headers.insert(&RINGFENCE_OP, HeaderValue::from_static(first.outcome.op().name()));
    headers.insert(&RINGFENCE_STATUS, HeaderValue::from_static(word));
    if status == StatusCode::CREATED
        && let Some(location) = location_of(first)
    {
        set_location(&mut response, location);
    }
    Ok(response)
}

fn set_location(response: &mut Answer, location: String) {
    let location = HeaderValue::try_from(location).expect("it is made of visible characters");
    response.headers_mut().insert(LOCATION, location);
}

/// The status of a single command's response.
fn status_of(answer: &EngineAnswer) -> StatusCode {
    match answer.outcome.status() {
        Status::Created | Status::Queued => StatusCode::CREATED,
        status if status.is_success() => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn is_not_found(response: &Answer) -> bool {
    // `not_found`, `order_not_found` and the like.
    let status = response.headers().get(&RINGFENCE_STATUS);
    status.is_some_and(|status| status.as_bytes().ends_with(b"not_found"))
}

/// Where to look up what was created.
fn location_of(answer: &EngineAnswer) -> Option<String> {
    let place = match answer.outcome.op() {
        Op::CreateAccount => "accounts",
        Op::CreateTransfer => "transfers",
        Op::CreateMarket => "markets",
        Op::PlaceOrder => "orders",
        _ => return None,
    };
    let mut id = itoa::Buffer::new();
    Some(["/v1/", place, "/", id.format(answer.outcome.id)].concat())
}
