//! snug-rig
