//! The least of HTTP that instruments need: one request a connection, no body.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::metrics_text;
use ringfence_node::counters::{Reading, State};

/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// How long a request, and its answer, may take.
const TIME_MAX: Duration = Duration::from_secs(2);
/// Requests answered at once; more are closed.
const ANSWERED_AT_ONCE: usize = 16;
/// Reads of what comes behind a request, at most.
const RESTS_MAX: usize = 8;
/// Most fields of a request's head.
const FIELDS_MAX: usize = 64;

/// Numbers cannot be shown there.
#[derive(Debug, thiserror::Error)]
#[error("showing metrics at {address}: {error}")]
pub struct MetricsError {
    address: SocketAddr,
    #[source]
    error: io::Error,
}

type Look = dyn Fn() -> Reading + Send + Sync;

/// Answers until it is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Listens at `address`, and answers with what `look` says then.
    ///
    /// # Errors
    ///
    /// If it cannot be listened at, or the system refuses a thread.
    pub fn start(
        address: SocketAddr,
        look: impl Fn() -> Reading + Send + Sync + 'static,
    ) -> Result<MetricsServer, MetricsError> {
        let failed = |error| MetricsError { address, error };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (look, stopped): (Arc<Look>, _) = (Arc::new(look), Arc::clone(&stop));
        let named = thread::Builder::new().name("ringfence-http".to_owned());
        let thread = named.spawn(move || listen(&listener, &look, &stopped)).map_err(failed)?;
        Ok(MetricsServer { address: bound, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        // Relaxed: the flag carries nothing but itself.
        self.stop.store(true, Ordering::Relaxed);
        // It wakes the thread, which looks at the flag. Where that fails there is nobody to wake.
        drop(TcpStream::connect_timeout(&self.address, TIME_MAX));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn listen(listener: &TcpListener, look: &Arc<Look>, stop: &AtomicBool) {
    let answering = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        // Relaxed: the flag carries nothing but itself.
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else {
            // No descriptor, most likely: there may be one in a moment.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        // Relaxed: a number stands for itself.
        if answering.fetch_add(1, Ordering::Relaxed) >= ANSWERED_AT_ONCE {
            answering.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (look, ends) = (Arc::clone(look), Arc::clone(&answering));
        let named = thread::Builder::new().name("ringfence-http".to_owned());
        let answered = named.spawn(move || {
            // Who is gone gets no answer.
            drop(answer(stream, &*look));
            ends.fetch_sub(1, Ordering::Relaxed);
        });
        if answered.is_err() {
            answering.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What is asked for, by method and path.
fn respond(method: &str, path: &str, look: &Look) -> (&'static str, &'static str, String) {
    const PLAIN: &str = "text/plain; charset=utf-8";
    const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
    if method != "GET" && method != "HEAD" {
        return ("405 Method Not Allowed", PLAIN, "GET alone\n".to_owned());
    }
    match path.split('?').next().unwrap_or_default() {
        "/metrics" => ("200 OK", PROMETHEUS, metrics_text(&look())),
        "/livez" => ("200 OK", PLAIN, "alive\n".to_owned()),
        "/readyz" => match look().state {
            State::Ready => ("200 OK", PLAIN, "ready\n".to_owned()),
            State::Starting => {
                ("503 Service Unavailable", PLAIN, "the journal is being replayed\n".to_owned())
            }
            _ => ("503 Service Unavailable", PLAIN, "the engine takes nothing in\n".to_owned()),
        },
        _ => ("404 Not Found", PLAIN, "there are /metrics, /livez and /readyz\n".to_owned()),
    }
}

fn answer(mut stream: TcpStream, look: &Look) -> io::Result<()> {
    stream.set_write_timeout(Some(TIME_MAX))?;
    let head = read_head(&mut stream)?;
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let is_whole = request.parse(&head).is_ok_and(|parsed| parsed.is_complete());
    let asked = request.method.zip(request.path).filter(|_| is_whole);
    let (status, kind, body) = match asked {
        Some((method, path)) => respond(method, path, look),
        None => ("400 Bad Request", "text/plain", "no request of HTTP/1.1\n".to_owned()),
    };
    let length = body.len();
    let without_body = asked.is_some_and(|(method, _)| method == "HEAD");
    let body = if without_body { "" } else { body.as_str() };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes())?;
    // What was sent and not read would make the system drop the answer.
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(TIME_MAX))?;
    let mut rest = [0; HEAD_BYTES_MAX];
    for _ in 0..RESTS_MAX {
        if stream.read(&mut rest)? == 0 {
            break;
        }
    }
    Ok(())
}

/// Reads up to the empty line that ends a request's head.
fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let until = Instant::now() + TIME_MAX;
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|four| four == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => break,
            count => head.extend_from_slice(&part[..count]),
        }
    }
    Ok(head)
}
