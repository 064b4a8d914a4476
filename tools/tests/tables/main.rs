//! Tables of what goes in and what comes out, played to every subject.

mod accounts;
mod chains;
mod id_times;
mod imports;
mod orders;
mod queues;
mod repeats;
mod retention;
mod risk;
mod transfers;
mod two_phase;
