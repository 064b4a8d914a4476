//! Many listeners of one bridge: pays at a steady rate, and counts what each of them hears.
//!
//! ```text
//! cargo run --release -p ringfence-bridge-http --example listeners -- 127.0.0.1:8080 1000 10
//! ```
//!
//! The arguments are the bridge's address, the number of listeners, and for how many seconds 1,000
//! payments a second are made from account 1 to account 2 of ledger 978. It ends with status 1 if a
//! listener has missed something, or got it twice.

use std::io::{Error, Result};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Payments in one request.
const BATCH: u64 = 10;
/// Time between two requests: 1,000 payments a second.
const INTERVAL: Duration = Duration::from_millis(10);
/// How long a listener waits for what is still to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// When each batch was sent, by the sequence of its last payment.
type Sent = Arc<Mutex<Vec<(u64, Instant)>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let mut number = |default| arguments.next().and_then(|it| it.parse().ok()).unwrap_or(default);
    let (listeners, seconds): (u64, u64) = (number(1000), number(10));
    let sent = Sent::default();
    let mut tasks = JoinSet::new();
    let batches = seconds * 1000 / BATCH;
    for _ in 0..listeners {
        let reader = listen(&address).await?;
        tasks.spawn(hear(reader, batches * BATCH, Arc::clone(&sent)));
    }
    let start = Instant::now();
    pay(&address, batches, &sent).await?;
    let rate = (batches * BATCH) as f64 / start.elapsed().as_secs_f64();
    let mut delays = Vec::new();
    let mut failed = 0;
    while let Some(heard) = tasks.join_next().await {
        match heard.map_err(Error::other)? {
            Ok(mut its) => delays.append(&mut its),
            Err(error) => {
                failed += 1;
                eprintln!("a listener: {error}");
            }
        }
    }
    delays.sort_unstable();
    let at = |part: usize| delays.get(delays.len() * part / 1000).map_or(0, |it| it.as_millis());
    println!(
        "{listeners} listeners, {rate:.0} payments/s, {failed} listeners failed, \
         heard after ms p50 {} p99 {} p99.9 {}",
        at(500),
        at(990),
        at(999)
    );
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Begins to listen; returns once the bridge has said from where on.
async fn listen(address: &str) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /v1/events?events=false HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while !line.starts_with(b"id: ") {
        line.clear();
        if reader.read_until(b'\n', &mut line).await? == 0 {
            return Err(Error::other("the bridge does not let it listen"));
        }
    }
    Ok(reader)
}

/// Hears so many outcomes, each one behind the last; how long after its batch was sent.
async fn hear(mut reader: BufReader<TcpStream>, count: u64, sent: Sent) -> Result<Vec<Duration>> {
    const BEGINNING: &[u8] = b"data: {\"sequence\":\"";
    let (mut line, mut last, mut heard) = (Vec::new(), None, 0);
    let mut delays = Vec::new();
    let mut batch = 0;
    while heard < count {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        let read = tokio::time::timeout(PATIENCE, read).await;
        if read.map_err(|_| Error::other(format!("nothing came after {last:?}")))?? == 0 {
            return Err(Error::other(format!("cut off after {last:?}")));
        }
        let Some(rest) = line.strip_prefix(BEGINNING) else { continue };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        let sequence = digits.fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0'));
        if last.is_some_and(|last| last + 1 != sequence) {
            return Err(Error::other(format!("{sequence} came after {last:?}")));
        }
        (last, heard) = (Some(sequence), heard + 1);
        let sent = sent.lock().expect("nobody panics with it");
        if let Some((_, at)) = sent.get(batch).filter(|(end, _)| *end <= sequence) {
            delays.push(at.elapsed());
            batch += 1;
        }
    }
    Ok(delays)
}

async fn pay(address: &str, batches: u64, sent: &Sent) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(Error::other)?;
    let mut id = now.as_nanos();
    let mut ticks = tokio::time::interval(INTERVAL);
    for _ in 0..batches {
        ticks.tick().await;
        let payments: Vec<String> = (0..BATCH)
            .map(|_| {
                id += 1;
                payment(id)
            })
            .collect();
        let body = format!("[{}]", payments.join(","));
        let length = body.len();
        let head = format!(
            "POST /v1/transfers HTTP/1.1\r\nHost: {address}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        let at = Instant::now();
        stream.write_all((head + &body).as_bytes()).await?;
        let first = response(&mut stream).await?;
        sent.lock().expect("nobody panics with it").push((first + BATCH - 1, at));
    }
    Ok(())
}

fn payment(id: u128) -> String {
    format!(
        "{{\"id\":\"{id}\",\"debit_account_id\":1,\"credit_account_id\":2,\"amount\":1,\
         \"ledger\":978,\"code\":1}}"
    )
}

/// Reads a response whole; the sequence of its first outcome.
async fn response(stream: &mut TcpStream) -> Result<u64> {
    let mut reader = BufReader::new(stream);
    let (mut sequence, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 {
            return Err(Error::other("the bridge has closed the connection"));
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line == "\r\n" {
                break;
            }
            continue;
        };
        match name {
            "ringfence-sequence" => sequence = value.parse().map_err(Error::other)?,
            "content-length" => length = value.parse().map_err(Error::other)?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    match sequence {
        0 => Err(Error::other(String::from_utf8_lossy(&body))),
        sequence => Ok(sequence),
    }
}
