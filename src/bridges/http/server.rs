//! Connections: accepted, secured, bounded in number and time.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use ringfence_bridge_core::Failure;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::App;
use crate::options::Limits;
use crate::patience::Patience;
use crate::quiet::Connection;
use crate::stream::Impatient;

/// What one gets who comes when there are as many as may be.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
                      Content-Length: 0\r\nConnection: close\r\n\r\n";
/// How long a handshake of TLS may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// What the kernel may keep of what a connection does not take, in bytes. Linux takes it twice, for
/// its own records too; without a limit it is some MiB.
const SEND_BUFFER_BYTES: u32 = 128 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listens at an address.
pub fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let bound = bind(address);
    bound.map_err(|error| Failure::last(format!("http: listening on {address}: {error}")))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of an earlier bridge may still be ending.
    socket.set_reuseaddr(true)?;
    // Connections have it from the socket that accepts them.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves connections until it is asked to stop; then those that are under way, for a while.
pub async fn serve(listener: TcpListener, app: Arc<App>) {
    let mut stop = app.stop.clone();
    let places = Arc::new(Semaphore::new(app.options.limits.connections));
    let graceful = GracefulShutdown::new();
    let builder = Arc::new(builder(&app.options.limits));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.asked() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("http: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            app.counters.count_full();
            refuse(stream, app.options.certificate.is_some());
            continue;
        };
        let app = Arc::clone(&app);
        let (watcher, builder) = (graceful.watcher(), Arc::clone(&builder));
        tokio::spawn(async move { connection(stream, app, &builder, watcher, place).await });
    }
    drop(listener);
    // Who is still there then is cut off.
    let _ = tokio::time::timeout(app.options.limits.drain, graceful.shutdown()).await;
}

/// Answers without waiting, as far as that can be read.
fn refuse(mut stream: TcpStream, is_secured: bool) {
    if !is_secured {
        tokio::spawn(async move {
            let written = stream.write_all(FULL);
            let _ = tokio::time::timeout(Duration::from_millis(100), written).await;
        });
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(limits.head_bytes.max(8192))
        .max_headers(limits.headers)
        .half_close(false)
        .writev(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.head_bytes as u32)
        .keep_alive_interval(limits.header_time)
        .keep_alive_timeout(limits.header_time)
        .max_send_buf_size(256 * 1024);
    builder
}

async fn connection(
    stream: TcpStream,
    app: Arc<App>,
    builder: &Builder<TokioExecutor>,
    watcher: Watcher,
    place: OwnedSemaphorePermit,
) {
    app.counters.connections.add(1);
    // It fails on a connection that is gone.
    let _ = stream.set_nodelay(true);
    match app.options.certificate.clone() {
        None => serve_connection(stream, &app, builder, watcher).await,
        Some(certificate) => {
            let handshake = certificate.acceptor().accept(stream);
            match tokio::time::timeout(HANDSHAKE_TIME, handshake).await {
                Ok(Ok(stream)) => serve_connection(stream, &app, builder, watcher).await,
                Ok(Err(_)) | Err(_) => app.counters.count_broken(),
            }
        }
    }
    app.counters.connections.sub(1);
    drop(place);
}

async fn serve_connection<S>(
    stream: S,
    app: &Arc<App>,
    builder: &Builder<TokioExecutor>,
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let patience = Arc::new(Patience::default());
    let service = service_fn(|request| {
        let (app, patience) = (Arc::clone(app), Arc::clone(&patience));
        async move { Ok::<_, Infallible>(app.answer(request, &patience).await) }
    });
    let limits = &app.options.limits;
    let stream = Impatient::new(stream, limits.header_time, limits.write_time);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    // What a client did wrong on its connection was answered there, as far as that can be.
    if Connection::new(watcher.watch(connection.into_owned())).await.is_err() {
        app.counters.count_broken();
    }
}
