//! How much of an app was used.

use std::ops::AddAssign;

/// How much was used in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Users that were made.
    pub users: i64,
    /// Conversations that were made.
    pub conversations: i64,
    /// Messages that were sent.
    pub messages: i64,
    /// Sockets that said `hello`.
    pub sockets: i64,
    /// Bytes of what the messages say, as they are stored: sealed, with their padding.
    pub bytes: i64,
}

impl AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.users += other.users;
        self.conversations += other.conversations;
        self.messages += other.messages;
        self.sockets += other.sockets;
        self.bytes += other.bytes;
    }
}

/// What was used on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayUsed {
    /// Days since 1970, UTC.
    pub day: i64,
    /// How much.
    pub used: Used,
}
