//! The five stages: each reads lanes, does its work, writes its own lane.

mod counted;
mod gateway;
mod journal;
mod origins;
mod publish;
mod risk;
mod settle;

use counted::Alike;
pub(super) use counted::OwnTimes;
pub(super) use gateway::GatewayStage;
pub(super) use journal::JournalStage;
pub(super) use origins::Origins;
pub(super) use publish::{Notices, PublishStage};
pub(super) use risk::RiskStage;
pub(super) use settle::SettleStage;

/// Commands that risk and settle take on in one step, so that the next stage has work early and
/// what they touch stays in the cache of their core. Chains are not cut.
const STEP_COMMANDS: usize = 512;
