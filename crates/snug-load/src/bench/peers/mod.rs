//! Servers that others could run in Snug's place, set up to do nothing but what is measured, each with a client that does no
//! more than a measurement needs: it shares the machine with the server.
//!
//! [`Nats`] is NATS with JetStream, [`Ejabberd`] an XMPP server with its archive in SQL. A missing one is an error that says
//! how to install it.

mod ejabberd;
mod line;
mod nats;
mod xmpp;

pub use self::{
    ejabberd::Ejabberd,
    nats::{Nats, NatsLink},
    xmpp::XmppLink,
};
pub use super::link::Heard;
