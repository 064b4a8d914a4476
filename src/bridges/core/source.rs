//! A source of messages, connected again and again.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ringfence_client::BackOff;

use crate::metrics::count;
use crate::{Context, FIRM_AFTER, FIRST_WAIT, Failure, Port, PortOptions, open_port};

/// Where messages come from, and how they are acknowledged there.
pub trait Source: Send {
    /// What belongs to a message: what acknowledges it, and where its reply goes.
    type Handle: Send + 'static;

    /// Serves one connection: connects, gives every message to the port, and does with what the
    /// port settles as [`crate::Settlement`] says. Calls [`Port::set_connected`] once messages can
    /// come. Returns without an error when [`Port::next`] returns `None`.
    ///
    /// # Errors
    ///
    /// Why the connection ended; of the port's errors, the same.
    fn serve(
        &mut self,
        port: &mut Port<Self::Handle>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Attempts at serving a source, one after another.
pub trait Attempts: Send {
    /// Serves until a stop is asked for and all is settled.
    ///
    /// # Errors
    ///
    /// Why it ended before.
    fn attempt(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Runs a source until it is asked to stop. Its session stays while connections to the broker come
/// and go, so what is under way is not sent twice.
///
/// # Errors
///
/// Why no further attempt is made: above all that another bridge has taken the session over.
pub async fn run_source<S: Source>(
    source: S,
    options: PortOptions,
    context: Context,
) -> Result<(), Failure> {
    let (name, shared) = (options.name.clone(), context.clone());
    run_attempts(OnePort { source, port: None, options, context }, &name, &shared).await
}

/// Makes attempts until one ends well, one fails for good, or a stop is asked for. Counts in the
/// metrics of the source `name`.
///
/// # Errors
///
/// Why no further attempt is made.
pub async fn run_attempts(
    attempts: impl Attempts,
    name: &str,
    context: &Context,
) -> Result<(), Failure> {
    let metrics = context.metrics.source(name);
    let result = again_and_again(attempts, name, context).await;
    metrics.is_connected.store(false, Ordering::Relaxed);
    metrics.has_ended.store(true, Ordering::Relaxed);
    if let Err(failure) = &result {
        metrics.trouble.set(failure);
        tracing::error!(source = name, "it has ended: {failure}");
    }
    result
}

async fn again_and_again(
    mut attempts: impl Attempts,
    name: &str,
    context: &Context,
) -> Result<(), Failure> {
    let metrics = context.metrics.source(name);
    let mut stop = context.stop.clone();
    let mut back_off = BackOff::new(FIRST_WAIT);
    while !stop.is_asked() {
        let start = Instant::now();
        let failure = match attempts.attempt().await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        metrics.trouble.set(&failure);
        if metrics.is_connected.swap(false, Ordering::Relaxed) {
            count(&metrics.reconnects);
        }
        if start.elapsed() > FIRM_AFTER {
            back_off.reset();
        }
        if failure.is_final() {
            return Err(failure);
        }
        tracing::warn!(source = name, "{failure}");
        if stop.sleep(back_off.wait()).await {
            break;
        }
    }
    Ok(())
}

/// A source with one session.
struct OnePort<S: Source> {
    source: S,
    port: Option<Port<S::Handle>>,
    options: PortOptions,
    context: Context,
}

impl<S: Source> Attempts for OnePort<S> {
    async fn attempt(&mut self) -> Result<(), Failure> {
        let result = self.serve().await;
        // Why the session ended says more than what came of it.
        let ended = self.port.as_ref().and_then(Port::failure);
        if ended.is_some() {
            self.port = None;
        }
        result.map_err(|failure| ended.unwrap_or(failure))
    }
}

impl<S: Source> OnePort<S> {
    async fn serve(&mut self) -> Result<(), Failure> {
        let port = match &mut self.port {
            Some(port) => port,
            none => none.insert(open_port(self.options.clone(), &self.context).await?),
        };
        port.renew();
        self.source.serve(port).await
    }
}
