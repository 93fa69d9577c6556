//! The parts, started for real.

mod ports;
mod postgres;
mod server;
