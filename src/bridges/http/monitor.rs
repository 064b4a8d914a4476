//! Whether the engine is there, which one it is, and how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringfence_bridge_core::{
    CountedSession, EngineId, EngineOptions, Failure, SourceMetrics, code_of,
};
use ringfence_client::{
    AsyncSubscription, BackOff, ClientError, ErrorCode, Followed, Start, Subscribe,
    SubscriptionOptions, Token,
};
use ringfence_types::Op;
use tokio::sync::watch;

/// Longest time before the second attempt to connect.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// How old the oldest sequence may be that is told, in milliseconds, and how long asking may take.
const OLDEST_AGE_MS_MAX: u64 = 5_000;
const OLDEST_TIME_MAX: Duration = Duration::from_secs(1);

/// What is known of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Which one it is.
    pub id: EngineId,
    /// Whether it is there just now.
    pub is_up: bool,
    /// Whether it asks who somebody is: without an access file it lets in any token.
    pub checks_tokens: bool,
    /// The last command published.
    pub last_sequence: u64,
    /// The oldest outcome that could be had when it was asked last.
    pub oldest_sequence: u64,
}

/// How the engine is. Clones tell the same.
#[derive(Debug, Clone)]
pub struct Monitor {
    engine: Arc<watch::Sender<Option<Engine>>>,
    metrics: Arc<SourceMetrics>,
    start: Instant,
    /// When the oldest sequence was asked for last, in milliseconds after `start`.
    asked_ms: Arc<AtomicU64>,
}

impl Monitor {
    /// Knows nothing yet: [`Monitor::follow`] finds out.
    pub fn new(metrics: Arc<SourceMetrics>) -> Monitor {
        Monitor {
            engine: Arc::new(watch::channel(None).0),
            metrics,
            start: Instant::now(),
            asked_ms: Arc::default(),
        }
    }

    /// Whether the engine is there.
    pub fn is_up(&self) -> bool {
        self.engine.borrow().as_ref().is_some_and(|engine| engine.is_up)
    }

    /// What is known of it; `None` before it was reached for the first time.
    pub fn engine(&self) -> Option<Engine> {
        self.engine.borrow().clone()
    }

    /// Whether it asks who somebody is; `None` before it was reached for the first time.
    pub fn checks_tokens(&self) -> Option<bool> {
        self.engine.borrow().as_ref().map(|engine| engine.checks_tokens)
    }

    /// Returns when the engine is away.
    pub async fn away(&self) {
        self.until(|engine| engine.is_some_and(|engine| !engine.is_up)).await;
    }

    /// Returns when the engine is there.
    pub async fn up(&self) {
        self.until(|engine| engine.is_some_and(|engine| engine.is_up)).await;
    }

    async fn until(&self, is_so: impl Fn(Option<&Engine>) -> bool) {
        // The sender lives as long as this does.
        let _ = self.engine.subscribe().wait_for(|engine| is_so(engine.as_ref())).await;
    }

    /// Its last sequence, once it was reached.
    pub async fn last_sequence(&self) -> u64 {
        let mut engine = self.engine.subscribe();
        // The sender lives as long as this does.
        let known = engine.wait_for(Option::is_some).await;
        known.ok().and_then(|engine| engine.as_ref().map(|it| it.last_sequence)).unwrap_or(0)
    }

    /// Asks for the oldest sequence where it was not asked for lately: it grows with what the log
    /// gives up.
    pub async fn refresh(&self, options: &EngineOptions) {
        let now = self.start.elapsed().as_millis() as u64;
        // Relaxed: at worst it is asked twice.
        let is_old = now >= self.asked_ms.load(Ordering::Relaxed) + OLDEST_AGE_MS_MAX;
        if !is_old || !self.is_up() {
            return;
        }
        self.asked_ms.store(now, Ordering::Relaxed);
        let wish = Subscribe::outcomes(Start::Now);
        let asking = subscribe(options, &options.token, &wish);
        if let Ok(Ok(asked)) = tokio::time::timeout(OLDEST_TIME_MAX, asking).await {
            let oldest = asked.subscribed().oldest_sequence;
            self.engine.send_modify(|engine| {
                if let Some(engine) = engine {
                    engine.oldest_sequence = oldest;
                }
            });
        }
    }

    /// Follows the engine. Returns why it is of no use to go on: the engine declines, or has another
    /// history.
    pub async fn follow(&self, options: &EngineOptions) -> Failure {
        let mut back_off = BackOff::new(FIRST_WAIT);
        let mut session = CountedSession::new(Arc::clone(&self.metrics));
        loop {
            let error = match self.connection(options, &mut back_off, &mut session).await {
                Ok(failure) => return failure,
                Err(error) => error,
            };
            session.set_connected(false);
            let was_up = self.engine.send_if_modified(|engine| {
                engine.as_mut().is_some_and(|engine| std::mem::take(&mut engine.is_up))
            });
            if !error.is_temporary() {
                return Failure::last(format!(
                    "the engine does not let the bridge follow it (role `read`): {error}"
                ));
            }
            if was_up {
                tracing::warn!("the engine is away: {error}");
            }
            tokio::time::sleep(back_off.wait().min(Duration::from_millis(500))).await;
        }
    }

    /// One connection, until it ends with an error; a failure where another is of no use.
    async fn connection(
        &self,
        options: &EngineOptions,
        back_off: &mut BackOff,
        session: &mut CountedSession,
    ) -> Result<Failure, ClientError> {
        // To nothing but progress.
        let wish =
            Subscribe { operations: 1 << Op::Pulse as u8, ..Subscribe::outcomes(Start::Now) };
        let mut subscription = subscribe(options, &options.token, &wish).await?;
        let id = EngineId::from(&subscription.hello());
        if let Some(known) = self.engine().filter(|known| known.id != id) {
            let known = known.id;
            return Ok(Failure::last(format!(
                "the engine is {id} and was {known}: its journal is another one, or was repaired"
            )));
        }
        let checks_tokens = checks_tokens(options).await?;
        let subscribed = subscription.subscribed();
        tracing::info!(checks_tokens, "follows engine {id}");
        back_off.reset();
        session.set_connected(true);
        self.engine.send_replace(Some(Engine {
            id,
            is_up: true,
            checks_tokens,
            last_sequence: subscribed.last_sequence,
            oldest_sequence: subscribed.oldest_sequence,
        }));
        loop {
            if let Followed::Progress(progress) = subscription.next().await? {
                self.engine.send_modify(|engine| {
                    if let Some(engine) = engine {
                        engine.last_sequence = progress.last_sequence;
                    }
                });
            }
        }
    }
}

/// Subscribes with a token.
pub async fn subscribe(
    options: &EngineOptions,
    token: &Token,
    wish: &Subscribe,
) -> Result<AsyncSubscription, ClientError> {
    let shown = SubscriptionOptions { token: token.clone(), ..options.follows() };
    AsyncSubscription::open_with(&options.address, &shown, wish).await
}

/// Whether the engine refuses a token that nobody has.
async fn checks_tokens(options: &EngineOptions) -> Result<bool, ClientError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let token = Token::new(format!("nobody-{text}")).expect("it is short");
    match subscribe(options, &token, &Subscribe::outcomes(Start::Now)).await {
        Ok(_) => Ok(false),
        Err(error) if code_of(&error) == Some(ErrorCode::Unauthenticated) => Ok(true),
        Err(error) => Err(error),
    }
}
