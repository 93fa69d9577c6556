//! The workloads. Each provides what it needs, and then measures its cases in rounds, in turn with what they are compared with.

pub(super) mod connect;
pub(super) mod durable;
pub(super) mod fan_out;
pub(super) mod idle;
pub(super) mod mixed;
pub(super) mod noisy;
pub(super) mod page;
pub(super) mod stopped;
pub(super) mod storm;
