//! Why a socket is closed, as numbers that tell a client what to do next.

macro_rules! close_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $number:literal, $reason:literal;)+) => {
        /// Why the server closes a socket.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum CloseCode {
            $($(#[doc = $doc])+ $variant = $number,)+
        }

        impl CloseCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The number in the close frame.
            pub fn number(self) -> u16 {
                self as u16
            }

            /// The close code of that number.
            pub fn from_number(number: u16) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.number() == number)
            }

            /// The reason in the close frame, where nothing more particular is known.
            pub fn reason(self) -> &'static str {
                match self { $(Self::$variant => $reason,)+ }
            }
        }
    };
}

close_codes! {
    /// The server stops. Reconnect.
    Stopping = 4000, "server stopping";
    /// The session lagged for too long. Reconnect.
    Lagged = 4001, "lagged too long";
    /// A frame was not a JSON object, not UTF-8, binary, or without a usable `n`. Do not reconnect.
    Unreadable = 4400, "unreadable frame";
    /// The token ended or was revoked, or the app is unknown. Reconnect with a fresh token.
    Unauthenticated = 4401, "unauthenticated";
    /// The user is banned, or the page's origin is not one of the app's. Do not reconnect.
    Banned = 4403, "banned";
    /// No `hello` came in time. Do not reconnect.
    NoHello = 4408, "no hello in time";
    /// A frame was too large. Do not reconnect.
    TooLarge = 4413, "frame too large";
    /// The app lives in another region: the reason is the address. Do not reconnect here.
    WrongRegion = 4421, "wrong region";
    /// Too many connections or requests. Reconnect with backoff.
    RateLimited = 4429, "too many requests";
}

/// What a client does about a close code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconnect {
    /// Connect again.
    Now,
    /// Connect again with another token.
    WithFreshToken,
    /// Connect again after a while, longer each time.
    WithBackoff,
    /// Leave it.
    Never,
}

impl CloseCode {
    /// What a client does about it.
    pub fn reconnect(self) -> Reconnect {
        match self {
            Self::Stopping | Self::Lagged => Reconnect::Now,
            Self::Unauthenticated => Reconnect::WithFreshToken,
            Self::RateLimited => Reconnect::WithBackoff,
            Self::Unreadable | Self::Banned | Self::NoHello | Self::TooLarge | Self::WrongRegion => {
                Reconnect::Never
            }
        }
    }
}
