//! Who asks, and the session of each.
//!
//! # Invariants
//!
//! * There are at most so many sessions at a time as the limit says; one that is idle gives its
//!   place to a new one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ringfence_bridge_core::{EngineOptions, SourceMetrics};
use ringfence_client::{Token, session_id};
use sha2::{Digest, Sha256};

use crate::answer::Problem;
use crate::monitor::Monitor;
use crate::session::{KeyHash, Session, SessionSetting};

/// Who asks: known by a token, of which only the engine knows whose it is.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The SHA-256 of the token, in hexadecimal digits; of the bridge itself a word.
    pub id: Arc<str>,
    /// The token.
    pub token: Token,
}

impl Principal {
    /// Whoever has this token.
    pub fn of_token(bytes: &[u8]) -> Option<Principal> {
        let digest = Sha256::digest(bytes);
        let halves = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits: String =
            halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect();
        Some(Principal { id: digits.into(), token: Token::new(bytes).ok()? })
    }

    /// The bridge itself, for those without a token.
    pub fn of_bridge(token: Token) -> Principal {
        Principal { id: "bridge".into(), token }
    }

    /// What a key of this principal is recognised by.
    pub fn key(&self, key: &[u8]) -> KeyHash {
        KeyHash::of(self.id.as_bytes(), key)
    }
}

/// The sessions of all principals.
#[derive(Debug)]
pub struct Principals {
    /// Where the engine is. The token of each principal takes the place of the bridge's own.
    pub engine: EngineOptions,
    /// Begins the names of sessions.
    pub prefix: String,
    /// Sessions at a time.
    pub sessions_max: usize,
    /// Answered requests whose keys are known, of each.
    pub remember: usize,
    /// How the engine is.
    pub monitor: Monitor,
    /// What is counted.
    pub metrics: Arc<SourceMetrics>,
    /// By the principal's id.
    pub sessions: Mutex<HashMap<Arc<str>, Arc<Session>>>,
}

impl Principals {
    /// The session of a principal; opens one where there is none.
    ///
    /// # Errors
    ///
    /// If there are as many as there may be, and none is idle.
    pub fn session(&self, principal: &Principal) -> Result<Arc<Session>, Problem> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get(&principal.id) {
            if !session.has_ended() {
                return Ok(Arc::clone(session));
            }
            sessions.remove(&principal.id);
        }
        if sessions.len() >= self.sessions_max {
            let idle = sessions.iter().filter(|(_, session)| session.is_idle());
            let longest = idle.max_by_key(|(_, session)| session.idle_time());
            let Some(id) = longest.map(|(id, _)| Arc::clone(id)) else {
                return Err(Problem::unavailable(
                    "too_many_principals",
                    "as many principals ask at the same time as there may be",
                ));
            };
            if let Some(session) = sessions.remove(&id) {
                session.close();
            }
        }
        let session = Session::start(SessionSetting {
            engine: EngineOptions { token: principal.token.clone(), ..self.engine.clone() },
            session: session_id(&format!("{}:{}", self.prefix, principal.id)),
            remember: self.remember,
            monitor: self.monitor.clone(),
            metrics: Arc::clone(&self.metrics),
        });
        sessions.insert(Arc::clone(&principal.id), Arc::clone(&session));
        Ok(session)
    }
}
