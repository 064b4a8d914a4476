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

/// Runs a source until it is asked to stop. Its session stays while connections to the broker come
/// and go, so what is under way is not sent twice.
///
/// # Errors
///
/// Why no further attempt is made: above all that another bridge has taken the session over.
pub async fn run_source<S: Source>(
    mut source: S,
    options: PortOptions,
    context: Context,
) -> Result<(), Failure> {
    let metrics = context.metrics.source(&options.name);
    let result = run(&mut source, &options, &context).await;
    metrics.is_connected.store(false, Ordering::Relaxed);
    metrics.has_ended.store(true, Ordering::Relaxed);
    if let Err(failure) = &result {
        tracing::error!(source = options.name, "it has ended: {failure}");
    }
    result
}

async fn run<S: Source>(
    source: &mut S,
    options: &PortOptions,
    context: &Context,
) -> Result<(), Failure> {
    let metrics = context.metrics.source(&options.name);
    let mut stop = context.stop.clone();
    let mut back_off = BackOff::new(FIRST_WAIT);
    let mut port: Option<Port<S::Handle>> = None;
    while !stop.is_asked() {
        let start = Instant::now();
        let failure = match attempt(source, &mut port, options, context).await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        if metrics.is_connected.swap(false, Ordering::Relaxed) {
            count(&metrics.reconnects);
        }
        if start.elapsed() > FIRM_AFTER {
            back_off.reset();
        }
        // Why the session ended says more than what came of it.
        let ended = port.as_ref().and_then(Port::failure);
        if ended.is_some() {
            port = None;
        }
        let failure = ended.unwrap_or(failure);
        if failure.is_final() {
            return Err(failure);
        }
        tracing::warn!(source = options.name, "{failure}");
        if stop.sleep(back_off.wait()).await {
            break;
        }
    }
    Ok(())
}

async fn attempt<S: Source>(
    source: &mut S,
    port: &mut Option<Port<S::Handle>>,
    options: &PortOptions,
    context: &Context,
) -> Result<(), Failure> {
    let port = match port {
        Some(port) => port,
        none => none.insert(open_port(options.clone(), context).await?),
    };
    port.renew();
    source.serve(port).await
}
