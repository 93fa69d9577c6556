//! snug-client
