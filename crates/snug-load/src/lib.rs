//! The load and replay tool: feeds logs of real conversations through a server, as a back end and as the people of the
//! log, and compares what every reader saw with what the log says.
//!
//! [`log`] reads a file, [`plan`] turns it into acts and the changes they must make, [`checker`] compares what a reader
//! took in with them, and [`acks`] keeps what the server acknowledged. [`replay`] is the tool itself, and [`verify`] holds a
//! server to an earlier replay. [`bench`] measures, beside floors and peers.

pub mod acks;
pub mod bench;
pub mod checker;
pub mod cli;
pub mod findings;
pub mod history;
pub mod ids;
pub mod log;
pub mod plan;
pub mod replay;
pub mod report;
pub mod schedule;
mod target;
pub mod verify;
