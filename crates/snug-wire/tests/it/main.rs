//! What a customer's program sees, compared with what was promised.

mod frames;
