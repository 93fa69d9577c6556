//! The operator's commands. They open the stores themselves, beside a running server too.

pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod clock;
mod given;
pub(crate) mod keys;
pub(crate) mod regions;
pub(crate) mod rotate;
pub(crate) mod signed;
pub(crate) mod tokens;
