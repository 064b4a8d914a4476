//! Talks to a running Ringfence engine.
//!
//! ```text
//!   commands ──▶ Sender ──────▶ socket ──▶ engine
//!   answers  ◀── Receiver ◀─── socket ◀── engine
//!
//!   submit:  NDJSON ──thread──▶ Sender        Receiver ──caller──▶ NDJSON
//!                        └─ what was sent, in order ─▶┘
//! ```
//!
//! ```no_run
//! use ringfence_client::types::{Command, Status, Transfer};
//! use ringfence_client::{Address, Client};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let address: Address = "unix:/var/lib/ringfence/ringfence.sock".parse()?;
//! let mut client = Client::connect(&address)?;
//! let payment = Transfer {
//!     id: 9000,
//!     debit_account_id: 2,
//!     credit_account_id: 1,
//!     amount: 2500,
//!     ledger: 978,
//!     code: 7,
//!     ..Transfer::default()
//! };
//! for answer in client.execute(&[Command::create_transfer(payment)])? {
//!     match answer.outcome.status() {
//!         Status::Created | Status::Exists => println!("paid, at sequence {}", answer.sequence),
//!         refused => println!("refused: {}", refused.name()),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! * Answers come in the order of the commands, one for each.
//! * The engine stops reading while too many commands of a session are unanswered. So sending
//!   and receiving are two halves that never wait for each other: one thread has each.
//! * Whatever the other end sends, a call ends with an answer or an error: it never panics.

#[cfg(feature = "tokio")]
mod asynchronous;
mod back_off;
mod connection;
mod credentials;
mod error;
mod followed;
mod lines;
mod receiver;
mod resuming;
mod sender;
mod session;
mod submit;
mod submit_session;
mod subscription;
mod tls;

#[cfg(feature = "tokio")]
pub use asynchronous::{
    AsyncClient, AsyncResumingSubscription, AsyncSession, AsyncSessionReceiver, AsyncSessionSender,
    AsyncSubscription,
};
pub use back_off::BackOff;
pub use credentials::{CredentialError, Token};
pub use error::ClientError;
pub use followed::Followed;
pub use receiver::{Answer, Received, Receiver};
pub use resuming::place::SubscriptionOptions;
pub use resuming::{
    Delivered, HistoryChanged, ResumingSubscription, Session, SessionOptions, SessionSender,
    session_id,
};
pub use ringfence_codec::wire::{
    ClientHello, EngineHello, ErrorCode, Progress, Reply, ServerError, Start, Subscribe,
    Subscribed, Violation,
};
pub use ringfence_codec::{Address, AddressError};
pub use ringfence_types as types;
pub use sender::Sender;
pub use session::{Client, Options};
pub use submit::{SubmitError, SubmitReport, submit};
pub use submit_session::submit_session;
pub use subscription::Subscription;
pub use tls::Tls;
#[cfg(feature = "tls")]
pub use tls::{TlsFiles, TlsSocket};

#[cfg(test)]
mod tests;
