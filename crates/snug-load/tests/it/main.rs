//! The tool's tests: what it makes of a log, and that nothing wrong gets past its checker.

mod acks;
mod checker;
mod cli;
mod corruption;
mod histories;
mod log;
mod plan;
mod report;
mod schedule;
