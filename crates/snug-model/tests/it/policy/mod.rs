//! The permission decision: printed whole as a table, and held to its invariants.

mod cells;
mod holders;
mod invariants;
mod scene;
mod shown;
mod situations;
mod table;
