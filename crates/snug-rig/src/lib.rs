//! Real parts to test with, started and stopped by whoever needs them.
//!
//! [`Postgres`] is a private PostgreSQL server, [`Server`] the built `snug` binary, [`Part`] any other program that serves,
//! and `PowerDisk` (feature `power`) a disk whose power can be cut. Each is a value: making it starts the part and answers
//! once it is ready, dropping it stops the part and removes what it left, and a guard does the same where the process that
//! made it was killed.
//!
//! Every call blocks the thread that makes it until the part has done what was asked.

mod guard;
mod part;
mod ports;
mod postgres;
#[cfg(feature = "power")]
mod power;
mod process;
mod server;
mod wait;

pub use part::Part;
pub use ports::free_port;
pub use postgres::{Installation, Postgres, PostgresOptions, TestDatabase};
#[cfg(feature = "power")]
pub use power::{PowerCounters, PowerDisk};
pub use server::{Backend, Server, ServerOptions};
