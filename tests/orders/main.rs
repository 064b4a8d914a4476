//! Markets and orders, rule by rule: text in, statuses, trades, depth and balances out.

#[path = "../support/mod.rs"]
mod support;

mod amends;
mod cancels;
mod holds;
mod lane;
mod market;
mod matching;
mod overflow;
mod scene;
mod statuses;
mod time;
