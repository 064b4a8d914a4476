//! The demo's bridge: HTTP and the page, on a thread of its own.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ringfence_bridge_core::{Config, Context, Metrics, Positions, Stopper};
use ringfence_bridge_http::{HttpOptions, run_http};
use ringfence_client::Address;

use crate::cli::Failure;

/// How often the flag is looked at that ends it.
const EVERY: Duration = Duration::from_millis(50);

/// A bridge that runs.
pub(super) struct Bridge {
    address: SocketAddr,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Bridge {
    /// Serves HTTP at `address`, until `stop` is set. Returns when it can be reached.
    pub(super) fn start(
        engine: &Address,
        address: SocketAddr,
        metrics: SocketAddr,
        stop: Arc<AtomicBool>,
    ) -> Result<Bridge, Failure> {
        let (options, context, stopper) = configured(engine, address, metrics)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Failure::Operating(format!("the bridge's threads: {error}")))?;
        let running = async move {
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    tokio::time::sleep(EVERY).await;
                }
                stopper.stop();
            });
            run_http(options, context).await.map_err(Failure::operating)
        };
        let named = thread::Builder::new().name("ringfence-demo-bridge".to_owned());
        let thread = named
            .spawn(move || runtime.block_on(running))
            .map_err(|error| Failure::Operating(format!("a thread: {error}")))?;
        let bridge = Bridge { address, thread };
        while TcpStream::connect(address).is_err() {
            if bridge.thread.is_finished() {
                bridge.end()?;
                return Err(Failure::Operating("the bridge has ended".to_owned()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(bridge)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has ended.
    pub(super) fn end(self) -> Result<(), Failure> {
        self.thread.join().unwrap_or_else(|_| Err(Failure::Bug("the bridge".to_owned())))
    }
}

/// What the configuration of such a bridge says.
fn configured(
    engine: &Address,
    address: SocketAddr,
    metrics: SocketAddr,
) -> Result<(HttpOptions, Context, Stopper), Failure> {
    let engine = toml::Value::from(engine.to_string());
    let text = format!(
        "[engine]\nconnect = {engine}\n\
         [bridge]\ndrain = \"1s\"\n\
         [http]\nlisten = \"{address}\"\nanonymous = true\nengine-metrics = \"{metrics}\"\n"
    );
    let failed = |mistakes| Failure::Operating(format!("the bridge: {mistakes}"));
    let mut config = Config::parse("demo", &text).map_err(failed)?;
    let keys = config.http.take().expect("the text has the table");
    let options = HttpOptions::configure(keys, config.drain);
    let engine = config.engine.clone();
    config.finish("demo").map_err(failed)?;
    let (stopper, stop) = Stopper::new();
    let (positions, metrics) = (Positions::default(), Metrics::default());
    Ok((options, Context { engine, positions, metrics, stop }, stopper))
}
