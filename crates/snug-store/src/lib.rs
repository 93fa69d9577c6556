//! snug-store
