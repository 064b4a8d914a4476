//! A session without a name: it has one connection, and ends with it.

use std::time::Duration;

use super::AsyncSession;
use crate::{Address, Answer, ClientError, Options, SessionOptions};
use ringfence_codec::wire::EngineHello;
use ringfence_types::Command;

/// A session without a name, as [`Client`](crate::Client) is: it ends with its connection.
///
/// ```no_run
/// use ringfence_client::AsyncClient;
/// use ringfence_client::types::{Command, Lookup};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let address = "127.0.0.1:3001".parse()?;
/// let mut client = AsyncClient::connect(&address).await?;
/// let lookup = Command::lookup_account(Lookup { id: 1, reserved: [0; 7] });
/// let answers = client.execute(&[lookup]).await?;
/// println!("{:?}", answers[0].bodies.first().map(|event| event.body.account().debits_posted));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncClient {
    session: AsyncSession,
    hello: EngineHello,
}

impl AsyncClient {
    /// Opens a session with the engine that listens at `address`. A task of the current tokio
    /// runtime serves it, and tells the engine that somebody is there.
    ///
    /// # Errors
    ///
    /// As [`Client::connect`](crate::Client::connect).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn connect(address: &Address) -> Result<AsyncClient, ClientError> {
        AsyncClient::connect_with(address, Options::default()).await
    }

    /// As [`AsyncClient::connect`], for a session that asks for more than outcomes.
    ///
    /// # Errors
    ///
    /// As [`AsyncClient::connect`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn connect_with(
        address: &Address,
        options: Options,
    ) -> Result<AsyncClient, ClientError> {
        let Options { events, in_flight_commands_max, token, tls } = options;
        let options = SessionOptions {
            events,
            in_flight_commands_max,
            token,
            tls,
            // There is nothing to resume: the first connection is the only one.
            give_up_after: Duration::ZERO,
            ..SessionOptions::default()
        };
        let (session, hello) = AsyncSession::start(address, &options).await?;
        Ok(AsyncClient { session, hello })
    }

    /// What the engine allows.
    #[must_use]
    pub fn hello(&self) -> EngineHello {
        self.hello
    }

    /// Sends one batch and waits for its answers, one for each command in their order. Events on
    /// the way are dropped. Cancelled, the batch may have been sent; the next call is answered all
    /// the same.
    ///
    /// # Errors
    ///
    /// As [`Client::execute`](crate::Client::execute).
    pub async fn execute(&mut self, batch: &[Command]) -> Result<Vec<Answer>, ClientError> {
        self.session.execute(batch).await
    }
}
