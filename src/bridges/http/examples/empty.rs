//! What hyper alone does: answers every request with 200 and nothing, whatever it asks.
//!
//! The bridge's speed is compared with it: `PERF.md` says how.
//!
//! ```text
//! cargo run --release -p ringfence-bridge-http --example empty -- 127.0.0.1:8081
//! ```

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Response;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listens on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service =
                service_fn(|_| async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) });
            // It ends with an error when its client goes away.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
