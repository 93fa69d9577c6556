//! The disk whose power can be cut: that it is a file system as good as another, that it loses what was not synced, and that
//! it tells a database that syncs from one that does not. These tests need root and /dev/fuse.

mod disk;
mod likeness;
mod postgres;
mod sqlite;
