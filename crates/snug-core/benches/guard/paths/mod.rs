//! The paths: each gets ready, and takes so many turns.

pub(crate) mod append;
pub(crate) mod decide;
pub(crate) mod deliver;
pub(crate) mod encode;
pub(crate) mod seal;
pub(crate) mod sync;
