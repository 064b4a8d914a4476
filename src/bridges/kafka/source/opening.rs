//! Opening the session of a partition, and where reading begins.

use std::sync::Arc;

use rdkafka::consumer::Consumer;
use ringfence_bridge_core::{Context, Failure, Port, PortOptions, open_port};

use super::Partition;
use super::consumer::Member;
use super::lane::KafkaHandle;
use crate::retry;
use crate::topics::ANSWER_TIME_MAX;

/// A partition whose session stands.
pub(super) struct Opened {
    pub partition: Partition,
    pub port: Port<KafkaHandle>,
    /// The offset to begin with.
    pub start: i64,
}

/// Opens the session of a partition; `None` if the partition is refused.
pub(super) async fn open(
    partition: Partition,
    options: PortOptions,
    context: Context,
    member: Arc<Member>,
) -> Result<Option<Opened>, Failure> {
    let port = open_port(partition.port_options(&options), &context).await?;
    let asked = partition.clone();
    let marks = tokio::task::spawn_blocking(move || {
        member.fetch_watermarks(&asked.topic, asked.number, ANSWER_TIME_MAX)
    });
    let marks = marks.await.map_err(Failure::last)?;
    let marks = marks.map_err(|error| retry(&format!("{partition}: its ends"), error))?;
    let next = i64::try_from(port.last_request()).map_err(Failure::last)?;
    match begin(next, marks) {
        Ok(Begin { start, missing }) => {
            if missing > 0 {
                let source = &options.name;
                tracing::error!(source, "{partition}: {missing} messages were deleted unread");
            }
            Ok(Some(Opened { partition, port, start }))
        }
        Err(reason) => {
            tracing::error!(source = options.name, "{partition} is not read: {reason}");
            let metrics = context.metrics.source(&options.name);
            metrics.refuse_partition(&partition.to_string(), reason);
            Ok(None)
        }
    }
}

/// Where to begin, and how many messages before it nobody has read.
#[derive(Debug, PartialEq, Eq)]
struct Begin {
    start: i64,
    missing: i64,
}

/// Where to begin in a partition with these ends, after a session whose next offset is `next`.
fn begin(next: i64, (low, high): (i64, i64)) -> Result<Begin, String> {
    if high < next {
        return Err(format!(
            "it ends at offset {high}, before the last request of its session at {last}: it was \
             made anew or cut. Raise the source's `generation` to read it from its beginning",
            last = next - 1
        ));
    }
    // A session that has taken nothing begins with what there is.
    let missing = if next == 0 { 0 } else { (low - next).max(0) };
    Ok(Begin { start: next.max(low), missing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_after_the_sessions_last_request() {
        //  name                   next  ends       start  missing
        let cases = [
            ("new session", 0, (0, 0), 0, 0),
            ("new session, old topic", 0, (40, 90), 40, 0),
            ("in the middle", 50, (40, 90), 50, 0),
            ("at the end", 90, (40, 90), 90, 0),
            ("deleted unread", 30, (40, 90), 40, 10),
        ];
        for (name, next, ends, start, missing) in cases {
            assert_eq!(begin(next, ends), Ok(Begin { start, missing }), "{name}");
        }
    }

    #[test]
    fn a_partition_that_ends_before_the_last_request_is_refused() {
        let refused = begin(91, (0, 90)).unwrap_err();
        assert!(refused.contains("generation"), "{refused}");
    }
}
