//! Whether a broker answers at all, and why not: what goes on asks for topics and transactions, and
//! hears of a refused password no more than that the time is over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use ringfence_bridge_core::Failure;

use crate::topics::ANSWER_TIME_MAX;
use crate::{KafkaServer, retry};

/// How long a turn waits for what the client has to say.
const TURN: Duration = Duration::from_millis(50);

/// The last that a client has said.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Saying>);

#[derive(Default)]
struct Saying {
    last: Mutex<String>,
    /// Whether it has lost all its brokers since that was asked last.
    has_lost_all: AtomicBool,
}

impl Said {
    pub fn last(&self) -> String {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it has lost all its brokers since this was asked last.
    pub fn has_lost_all(&self) -> bool {
        // Relaxed: nothing else is read by it.
        self.0.has_lost_all.swap(false, Ordering::Relaxed)
    }
}

impl ClientContext for Said {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!("{level:?} {facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // That all are down says less than why the last of them is.
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                self.0.has_lost_all.store(true, Ordering::Relaxed);
            }
            _ => reason.clone_into(&mut self.0.last.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl ConsumerContext for Said {}

impl ProducerContext for Said {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, _: ()) {}
}

impl KafkaServer {
    /// Returns once a broker has answered.
    ///
    /// # Errors
    ///
    /// Why none does: at once where it refuses certificate or password, else after some time.
    pub(crate) async fn reach(&self) -> Result<(), Failure> {
        let config = self.client(&[("group.id", "ringfence-bridge")]);
        let said = Said::default();
        let consumer: BaseConsumer<Said> =
            config.create_with_context(said.clone()).map_err(Failure::last)?;
        let reaching = tokio::task::spawn_blocking(move || {
            if answers(&consumer) {
                return Ok(());
            }
            // One that hangs refuses nothing.
            let said = Some(said.last()).filter(|said| !said.is_empty());
            let why = said.unwrap_or_else(|| "nothing comes back from its address".to_owned());
            Err(retry("no broker answers", why))
        });
        reaching.await.map_err(Failure::last)?
    }
}

fn answers(consumer: &BaseConsumer<Said>) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < ANSWER_TIME_MAX {
        if consumer.client().fetch_cluster_id(Duration::ZERO).is_some() {
            return true;
        }
        if consumer.poll(TURN).is_some_and(|polled| polled.is_err_and(|error| is_refusal(&error))) {
            return false;
        }
    }
    false
}

/// Whether another attempt will not fare better unless something is changed.
fn is_refusal(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL))
}
