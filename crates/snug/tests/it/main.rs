//! The built binary, from outside: what a back end, a client and an operator see of it.

mod audit;
mod backup;
mod check;
mod commands;
mod config;
mod erasure;
mod help_desk;
mod logs;
mod memory;
mod moved;
mod refusals;
mod regions;
mod rotation;
mod serving;
mod signed;
mod socket;
mod stage;
mod talk;
mod tls;
