//! What happened after a sequence, read again as often as somebody asks.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Feed, Wish};
use crate::{Context, EngineOptions, Failure, Position, Record, SinkMetrics, SinkOptions, ask};

/// Records after which a page ends.
const RECORDS_MAX: usize = 1000;
/// How long a page may take.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Reads what a sink is told, from any sequence on that the engine still has. Clones read the same.
#[derive(Debug, Clone)]
pub struct Replay {
    options: SinkOptions,
    engine: EngineOptions,
    metrics: Arc<SinkMetrics>,
}

/// What happened after a sequence.
#[derive(Debug)]
pub struct Page {
    /// In their order; about a thousand at most.
    pub records: Vec<Record>,
    /// Up to where nothing is missing.
    pub position: Position,
    /// Whether the engine had nothing more when it was asked.
    pub is_last: bool,
}

impl Replay {
    /// Reads what the sink with these options is told.
    #[must_use]
    pub fn new(options: &SinkOptions, context: &Context) -> Replay {
        // Lag is that of the sink, and not of those who read again.
        let metrics = Arc::default();
        Replay { options: options.clone(), engine: context.engine.clone(), metrics }
    }

    /// Reads what comes after the sequence `after`. `engine` is the text of the engine's id whose
    /// sequence it is, where that is known.
    ///
    /// # Errors
    ///
    /// If it is another engine, has not come so far, or no longer has what is asked for.
    pub async fn read(&self, engine: Option<&str>, after: u64) -> Result<Page, Failure> {
        let known = ask(&self.engine).await?;
        if engine.is_some_and(|engine| engine != known.id.text()) {
            let id = &known.id;
            return Err(Failure::last(format!("the engine is {id}: it is another one")));
        }
        let last = known.last_sequence;
        if after > last {
            let why = format!("sequence {after} lies beyond the engine's last, {last}");
            return Err(Failure::last(why));
        }
        let position = Position { engine: known.id, sequence: after };
        let mut page = Page { records: Vec::new(), position, is_last: after == last };
        if after + 1 < known.oldest_sequence {
            let oldest = known.oldest_sequence;
            return Err(Failure::last(format!("the oldest outcome that is kept is {oldest}")));
        }
        let wish = self.options.wish(0, &page.position);
        let reading = self.fill(&mut page, wish, last);
        match tokio::time::timeout(TIME_MAX, reading).await {
            Ok(read) => read.map(|()| page),
            Err(_) => Err(Failure::retry("the engine takes too long")),
        }
    }

    async fn fill(&self, page: &mut Page, wish: Wish, last: u64) -> Result<(), Failure> {
        if page.is_last {
            return Ok(());
        }
        let mut feed = Feed::start(&self.engine, wish, Arc::clone(&self.metrics));
        while !page.is_last && page.records.len() < RECORDS_MAX {
            let stretch = feed.next().await?;
            page.records.extend(stretch.records);
            page.position.sequence = stretch.sequence;
            page.is_last = stretch.sequence >= last;
        }
        Ok(())
    }
}
