//! snug-model
