//! A subscriber beside a load: it takes everything, and says how late it comes.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::latency_histogram;
use hdrhistogram::Histogram;
use ringfence_client::{ClientError, Reply, Start, Subscribe, Subscription, SubscriptionOptions};
use ringfence_codec::Address;

/// How long to wait for something at a time.
const LISTENS: Duration = Duration::from_millis(100);

/// A thread that follows an engine until it has seen so many outcomes.
pub(super) struct Subscriber(thread::JoinHandle<Result<Histogram<u64>, ClientError>>);

impl Subscriber {
    /// Follows the engine at `address`: the `outcomes` outcomes after the sequence `after`, with
    /// their events and the bodies of their commands. Not simply from now on: the outcome log may
    /// still lack what the engine has answered.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if the engine lets no subscriber in.
    ///
    /// # Panics
    ///
    /// If no thread can be had.
    pub(super) fn start(
        address: &Address,
        options: &SubscriptionOptions,
        after: u64,
        outcomes: u64,
    ) -> Result<Subscriber, ClientError> {
        let wish =
            Subscribe { events: true, commands: true, ..Subscribe::outcomes(Start::After(after)) };
        let mut subscription = Subscription::open_with(address, options, &wish)?;
        let thread = thread::Builder::new().name("subscriber".into()).spawn(move || {
            let mut latency_ns = latency_histogram();
            while latency_ns.len() < outcomes {
                subscription.receive(LISTENS, |reply| take(&reply, &mut latency_ns))?;
            }
            Ok(latency_ns)
        });
        Ok(Subscriber(thread.expect("a thread for the subscriber")))
    }

    /// Waits until it has everything. For each outcome the nanoseconds from when its command was
    /// taken in to when it arrived here.
    ///
    /// # Errors
    ///
    /// [`ClientError`], why it did not get everything.
    ///
    /// # Panics
    ///
    /// If its thread has panicked.
    pub(super) fn join(self) -> Result<Histogram<u64>, ClientError> {
        self.0.join().expect("the subscriber does not panic")
    }
}

fn take(reply: &Reply<'_>, latency_ns: &mut Histogram<u64>) {
    if let Reply::Outcomes { outcomes, .. } = reply {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        for outcome in *outcomes {
            // Timestamps run ahead of the clock where many commands come in one reading of it.
            latency_ns.saturating_record((now as u64).saturating_sub(outcome.timestamp));
        }
    }
}
