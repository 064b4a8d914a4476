//! How bridge and engine are: for people, for monitoring, and for the page.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::StatusCode;
use ringfence_codec::MetricsPage;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::App;
use crate::answer::{Answer, Problem, answer, json as json_answer};
use crate::principals::Principal;

/// How long the engine's metrics may take.
const METRICS_TIME: Duration = Duration::from_secs(2);
/// Longest page of the engine's metrics.
const METRICS_BYTES_MAX: u64 = 1024 * 1024;

impl App {
    /// Answers `/readyz`.
    pub fn readiness(&self) -> Answer {
        let complaints = self.metrics().complaints();
        match complaints.is_empty() {
            true => answer(StatusCode::OK, "text/plain; charset=utf-8", "ok\n"),
            false => answer(
                StatusCode::SERVICE_UNAVAILABLE,
                "text/plain; charset=utf-8",
                complaints.join("\n") + "\n",
            ),
        }
    }

    /// Answers `/metrics`.
    pub fn metrics_page(&self) -> Answer {
        let mut text = self.metrics().text();
        let mut page = MetricsPage::new("ringfence_bridge_");
        self.counters.print(&mut page, self.events.listeners(), self.events.subscriptions());
        text.push_str(&page.into_text());
        answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
    }

    /// Answers `/v1/stats`. What the engine counts is shown to those who may follow it.
    ///
    /// # Errors
    ///
    /// If the principal may not read.
    pub async fn stats(&self, principal: &Principal) -> Result<Answer, Problem> {
        self.events.check(principal).await?;
        self.monitor.refresh(&self.context.engine).await;
        let engine = self.monitor.engine();
        let known = engine.map(|engine| {
            json!({
                "id": engine.id.text(),
                "up": engine.is_up,
                "last_sequence": engine.last_sequence.to_string(),
                "oldest_sequence": engine.oldest_sequence.to_string(),
            })
        });
        let responses: Map<String, Value> = self
            .counters
            .responses()
            .map(|(status, count)| (status.to_string(), count.to_string().into()))
            .collect();
        let metrics = match self.options.engine_metrics {
            Some(address) => match metrics_of(address).await {
                Ok(text) => samples(&text),
                Err(error) => {
                    tracing::debug!("the engine's metrics at {address}: {error}");
                    Value::Null
                }
            },
            None => Value::Null,
        };
        let stats = json!({
            "engine": known,
            "complaints": self.metrics().complaints(),
            "connections": self.counters.connections.get(),
            "listeners": self.events.listeners(),
            "subscriptions": self.events.subscriptions(),
            "responses": responses,
            "engine_metrics": metrics,
        });
        Ok(json_answer(StatusCode::OK, stats.to_string()))
    }
}

/// The text of the engine's metrics.
async fn metrics_of(address: SocketAddr) -> std::io::Result<String> {
    let asking = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.take(METRICS_BYTES_MAX).read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    let asked = tokio::time::timeout(METRICS_TIME, asking).await;
    let text: String = asked.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))?;
    let (_, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    Ok(body.to_owned())
}

/// Samples of Prometheus's text form: by name with labels, as texts.
fn samples(text: &str) -> Value {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.filter_map(|line| line.rsplit_once(' '));
    Value::Object(samples.map(|(name, value)| (name.to_owned(), value.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = "# TYPE a gauge\na 5\nb{x=\"y z\"} 1.5\n";
        assert_eq!(samples(text), json!({"a": "5", "b{x=\"y z\"}": "1.5"}));
    }
}
