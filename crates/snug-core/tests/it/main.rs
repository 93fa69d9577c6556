//! The tests of snug-core: one binary, a file for each noun.

mod credentials;
mod jws;
mod key_sets;
mod sealing;
