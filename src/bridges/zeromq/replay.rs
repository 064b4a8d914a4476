//! A ROUTER socket that gives outcomes and events after a sequence, as often as it is asked.
//!
//! ```text
//!   request: [ROUTING …, empty frame] {"after": "17", "engine": "…"}
//!   reply:   [ROUTING …, empty frame] {"after": "40", …}  then of each record: TOPIC HEADER BODY
//! ```

use std::sync::Arc;

use bytes::Bytes;
use ringfence_bridge_core::{Failure, Replay};
use serde_json::{Map, Value, json};
use tokio::task::AbortHandle;

use crate::endpoint::Endpoint;
use crate::router::{Request, Router};
use crate::sink::Form;
use crate::wire::Frame;

/// Longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 1024;

/// A task that answers requests, one at a time. Dropping it ends all its connections.
#[derive(Debug)]
pub(crate) struct Replayer(AbortHandle);

impl Drop for Replayer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Replayer {
    pub async fn bind(
        endpoint: &Endpoint,
        replay: Replay,
        form: Arc<Form>,
    ) -> Result<Replayer, Failure> {
        let mut router = Router::bind(endpoint, REQUEST_BYTES_MAX).await?;
        let task = tokio::spawn(async move {
            loop {
                let request = router.next().await;
                let frames = answer(&request, &replay, &form).await.unwrap_or_else(|why| {
                    tracing::warn!("a replay is refused: {why}");
                    vec![json!({ "error": why }).to_string().into()]
                });
                request.way_back.reply(&frames);
            }
        });
        Ok(Replayer(task.abort_handle()))
    }
}

/// The frames of the answer: where the records end, and the records.
async fn answer(request: &Request, replay: &Replay, form: &Form) -> Result<Vec<Bytes>, String> {
    let [Frame::Bytes(body)] = request.frames.as_slice() else {
        return Err("a request is one frame, such as {\"after\": \"17\"}".to_owned());
    };
    let asked: Map<String, Value> =
        serde_json::from_slice(body).map_err(|error| format!("no request: {error}"))?;
    let after = match asked.get("after") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(number)) => number.as_u64(),
        _ => None,
    };
    let after = after.ok_or("`after` is missing: the last sequence that was dealt with")?;
    let engine = match asked.get("engine") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => return Err("`engine` is a text".to_owned()),
    };
    let page = replay.read(engine, after).await.map_err(|failure| failure.to_string())?;
    let head = json!({
        "engine": page.position.engine.text(),
        "after": page.position.sequence.to_string(),
        "is-last": page.is_last,
    });
    let mut frames: Vec<Bytes> = vec![head.to_string().into()];
    for record in &page.records {
        frames.extend(form.frames(record, None));
    }
    Ok(frames)
}
