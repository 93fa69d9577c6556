//! snug-core
