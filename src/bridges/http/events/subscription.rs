//! A subscription with the engine that goes on when its connection is lost, as lines.

use futures_util::FutureExt;
use ringfence_bridge_core::EngineOptions;
use ringfence_client::{AsyncResumingSubscription, ClientError, Start, SubscriptionOptions, Token};
use tokio::time::{Instant, timeout_at};

use super::Position;
use super::teller::{Teller, What};
use crate::monitor::subscribe;
use crate::query::Filter;

/// Messages that are taken at once.
const TURN_MAX: usize = 64;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// With what comes from now on.
    Now,
    /// With the oldest that is kept.
    Oldest,
    /// After a position.
    After(Position),
}

impl From {
    /// Where a subscription begins.
    ///
    /// # Errors
    ///
    /// If the engine does not say what its oldest outcome is.
    pub async fn start(
        self,
        engine: &EngineOptions,
        token: &Token,
        filter: &Filter,
    ) -> Result<Start, ClientError> {
        Ok(match self {
            From::Now => Start::Now,
            From::After(position) => Start::After(position.sequence),
            From::Oldest => {
                let now = subscribe(engine, token, &filter.wish(Start::Now)).await?;
                Start::After(now.subscribed().oldest_sequence.saturating_sub(1))
            }
        })
    }
}

/// A subscription with the engine.
#[derive(Debug)]
pub struct Following {
    subscription: AsyncResumingSubscription,
    teller: Teller,
}

impl Following {
    /// Begins to follow. Waits for as long as the engine cannot be reached.
    ///
    /// # Errors
    ///
    /// Why the engine declines.
    pub async fn open(
        engine: &EngineOptions,
        token: &Token,
        filter: &Filter,
        from: From,
    ) -> Result<Following, ClientError> {
        let start = from.start(engine, token, filter).await?;
        let options = SubscriptionOptions { token: token.clone(), ..engine.follows() };
        let wish = filter.wish(start);
        let subscription = AsyncResumingSubscription::open(&engine.address, options, wish).await?;
        let position = match from {
            From::After(position) => position,
            From::Now | From::Oldest => Position::after(subscription.position()),
        };
        Ok(Following { subscription, teller: Teller::new(position) })
    }

    /// Where one is who has everything that was told.
    pub fn position(&self) -> Position {
        self.teller.position()
    }

    /// Takes what is there, or waits for something until `deadline`; whether anything came. Safe to
    /// cancel.
    ///
    /// # Errors
    ///
    /// Why nothing more comes.
    pub async fn next(
        &mut self,
        deadline: Instant,
        mut tell: impl FnMut(What, Position, &[u8]),
    ) -> Result<bool, ClientError> {
        let Ok(first) = timeout_at(deadline, self.subscription.next()).await else {
            return Ok(false);
        };
        self.teller.take(first?, &mut tell);
        for _ in 1..TURN_MAX {
            let Some(followed) = self.subscription.next().now_or_never() else { break };
            self.teller.take(followed?, &mut tell);
        }
        Ok(true)
    }
}
