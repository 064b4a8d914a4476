//! The address that monitoring asks: `/metrics`, `/livez`, `/readyz`.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{Context, Failure};

/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Longest time for one request.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);

/// Answers at `address` until it is asked to stop. One request at a time: monitoring asks seldom.
///
/// # Errors
///
/// If the address cannot be had.
pub async fn serve_http(address: SocketAddr, context: Context) -> Result<(), Failure> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| Failure::last(format!("metrics: listening on {address}: {error}")))?;
    let mut stop = context.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.asked() => return Ok(()),
        };
        match accepted {
            // Whoever is too slow, or gone, gets no answer.
            Ok((stream, _)) => {
                let _ = tokio::time::timeout(REQUEST_TIME_MAX, answer(stream, &context)).await;
            }
            Err(error) => {
                tracing::warn!("metrics: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, context: &Context) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let is_over = stream.read_buf(&mut head).await? == 0;
        if is_over || head.len() > HEAD_BYTES_MAX {
            break;
        }
    }
    let (status, body) = page(&String::from_utf8_lossy(&head), context);
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn page(head: &str, context: &Context) -> (&'static str, String) {
    let mut words = head.split_whitespace();
    match (words.next(), words.next()) {
        (Some("GET"), Some("/metrics")) => ("200 OK", context.metrics.text()),
        (Some("GET"), Some("/livez")) => ("200 OK", "ok\n".to_owned()),
        (Some("GET"), Some("/readyz")) => match context.metrics.complaints() {
            complaints if complaints.is_empty() => ("200 OK", "ok\n".to_owned()),
            complaints => ("503 Service Unavailable", complaints.join("\n") + "\n"),
        },
        (Some("GET"), _) => ("404 Not Found", "not found\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET is answered\n".to_owned()),
    }
}
