//! `GET /v1/outcomes` in pages.

use std::time::Duration;

use hyper::StatusCode;
use ringfence_client::ClientError;
use tokio::time::{Instant, timeout_at};

use super::teller::Teller;
use super::{Events, From, Position, problem_of, reached};
use crate::answer::{Answer, Problem, json};
use crate::monitor::subscribe;
use crate::principals::Principal;
use crate::query::{Filter, Query};
use crate::session::Trouble;

/// How long a page is filled at most.
const PAGE_TIME: Duration = Duration::from_secs(2);

/// Most items of one page.
const ITEMS_MAX: usize = 1000;
/// Items of a page where nothing else is said.
const ITEMS: usize = 100;

impl Events {
    /// Answers `GET /v1/outcomes`.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, or why nothing can be told.
    pub async fn page(&self, principal: &Principal, mut query: Query) -> Result<Answer, Problem> {
        let filter = Filter::take(&mut query)?;
        let limit = query.parsed("limit", "it is a number")?.unwrap_or(ITEMS);
        if !(1..=ITEMS_MAX).contains(&limit) {
            return Err(Problem::parameter("limit", format!("it is 1 to {ITEMS_MAX}")));
        }
        let from = super::from(&mut query, &Default::default(), From::Oldest)?;
        query.finish()?;
        if !self.monitor.is_up() {
            return Err(Trouble::Away.into());
        }
        let _permit = self.permit()?;
        let filling = self.fill(principal, &filter, from, limit);
        let filled = tokio::time::timeout(self.limits.request_time, filling).await;
        let mut page = match filled {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => {
                // What lies ahead of the engine is said as for a listener.
                if let From::After(position) = from {
                    self.check_reached(principal, position).await?;
                }
                return Err(problem_of(&error));
            }
            Err(_) => return Err(Trouble::Away.into()),
        };
        if let From::After(position) = from {
            reached(position, page.last_sequence)?;
        }
        let mut body = b"{\"items\":[".to_vec();
        body.append(&mut page.items);
        let Page { next, last_sequence, .. } = page;
        let rest = format!("],\"next\":\"{next}\",\"last_sequence\":\"{last_sequence}\"}}");
        body.extend_from_slice(rest.as_bytes());
        Ok(json(StatusCode::OK, body))
    }

    /// Fills a page up to what the engine had published when it was asked.
    async fn fill(
        &self,
        principal: &Principal,
        filter: &Filter,
        from: From,
        limit: usize,
    ) -> Result<Page, ClientError> {
        let (engine, token) = (&self.engine, &principal.token);
        let start = from.start(engine, token, filter).await?;
        let mut subscription = subscribe(engine, token, &filter.wish(start)).await?;
        let subscribed = subscription.subscribed();
        let position = match from {
            From::After(position) => position,
            From::Now | From::Oldest => Position::after(subscribed.after_sequence),
        };
        let mut teller = Teller::new(position);
        let mut page = Page::new(limit, position, subscribed.last_sequence);
        let deadline = Instant::now() + PAGE_TIME;
        while !page.is_full() && teller.position().sequence < page.last_sequence {
            let Ok(followed) = timeout_at(deadline, subscription.next()).await else { break };
            teller.take(followed?, &mut |_, position, line: &[u8]| page.add(position, line));
        }
        if !page.is_full() {
            page.next = teller.position();
        }
        Ok(page)
    }
}

/// Items, joined by commas.
struct Page {
    items: Vec<u8>,
    left: usize,
    /// Where the next page begins.
    next: Position,
    /// The last command that the engine had published.
    last_sequence: u64,
}

impl Page {
    fn new(limit: usize, next: Position, last_sequence: u64) -> Page {
        Page { items: Vec::new(), left: limit, next, last_sequence }
    }

    fn is_full(&self) -> bool {
        self.left == 0
    }

    fn add(&mut self, position: Position, line: &[u8]) {
        if self.is_full() {
            return;
        }
        if !self.items.is_empty() {
            self.items.push(b',');
        }
        self.items.extend_from_slice(line);
        self.left -= 1;
        self.next = position;
    }
}
