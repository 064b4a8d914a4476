//! Payments that are sent with so many under way, and timed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ringfence::bench::latency_histogram;
use ringfence::types::Command;

use crate::broker::{Answer, Client, Failure};

/// How long the next answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// What a turn found.
pub struct Measured {
    /// From the first payment that was sent to the last answer.
    pub seconds: f64,
    /// From when a payment was sent to when its answer was taken.
    pub latency_ns: Histogram<u64>,
    /// Payments that were not made.
    pub refused: u64,
}

/// A payment as it is sent.
pub struct Payment {
    id: u128,
    body: Vec<u8>,
}

impl From<&Command> for Payment {
    fn from(command: &Command) -> Payment {
        let transfer = command.body.transfer();
        let body = format!(
            "{{\"op\":\"create_transfer\",\"id\":\"{}\",\"debit_account_id\":\"{}\",\
             \"credit_account_id\":\"{}\",\"amount\":\"{}\",\"ledger\":{},\"code\":{}}}",
            transfer.id,
            transfer.debit_account_id,
            transfer.credit_account_id,
            transfer.amount,
            transfer.ledger,
            transfer.code
        );
        Payment { id: transfer.id, body: body.into_bytes() }
    }
}

/// Sends `payments` with at most `window` under way, and takes the answer to each. Ends when the
/// broker has confirmed everything, which the seconds do not count.
pub async fn run(
    client: &mut impl Client,
    payments: &[Payment],
    window: usize,
) -> Result<Measured, Failure> {
    let (mut latency_ns, mut refused) = (latency_histogram(), 0);
    let mut sent: HashMap<u128, Instant> = HashMap::with_capacity(2 * window);
    let start = Instant::now();
    let mut next = payments.iter();
    let mut unanswered = payments.len();
    while unanswered > 0 {
        while sent.len() < window
            && let Some(payment) = next.next()
        {
            sent.insert(payment.id, Instant::now());
            client.send(&payment.body, payment.id)?;
        }
        let answer = tokio::time::timeout(ANSWER_TIME_MAX, client.next()).await;
        let mut answered = Some(answer.map_err(|_| "no answer comes")??);
        while let Some(Answer { id, is_created }) = answered {
            refused += u64::from(!is_created);
            let at = sent.remove(&id).ok_or_else(|| format!("an answer to {id}, not asked"))?;
            latency_ns.saturating_record(at.elapsed().as_nanos() as u64);
            unanswered -= 1;
            answered = client.try_next()?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    client.finish().await?;
    Ok(Measured { seconds, latency_ns, refused })
}
