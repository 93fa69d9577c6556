//! The permission decision: printed whole as a table, and held to its invariants.

mod cells;
mod invariants;
mod scene;
mod situations;
mod table;
