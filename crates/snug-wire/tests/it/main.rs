//! What a customer's program sees, compared with what was promised.

mod attributes;
mod claims;
mod frames;
mod objects;
mod problems;
mod properties;
mod queries;
mod reactions;
mod requests;
mod samples;
mod schemas;
mod times;
