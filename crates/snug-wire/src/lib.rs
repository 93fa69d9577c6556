//! snug-wire
