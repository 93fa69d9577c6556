//! snug-core

pub mod sealing;
