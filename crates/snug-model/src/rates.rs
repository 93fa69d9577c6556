//! How often something may happen: what an app sets, and what holds where it sets nothing.

use crate::{invalid::Invalid, limits};

/// How often something may happen: so many times at once, and so many times a minute in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    burst: u32,
    per_minute: u32,
}

impl Rate {
    /// A rate; `field` names it in the error.
    ///
    /// # Errors
    /// `Invalid` where one of the numbers is 0 or above its limit.
    pub fn new(field: &str, burst: u64, per_minute: u64) -> Result<Self, Invalid> {
        let checked = |name: &str, number: u64, max: u64| {
            let fits = u32::try_from(number).ok().filter(|_| (1..=max).contains(&number));
            fits.ok_or_else(|| Invalid::new(format!("{field}.{name}"), format!("must be 1 to {max}")))
        };
        Ok(Self {
            burst: checked("burst", burst, limits::RATE_BURST_MAX)?,
            per_minute: checked("per_minute", per_minute, limits::RATE_PER_MINUTE_MAX)?,
        })
    }

    /// How many times at once.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// How many times a minute in the long run.
    pub fn per_minute(self) -> u32 {
        self.per_minute
    }
}

/// What is to change of a rate; what is left out stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RatePatch {
    /// How many times at once.
    pub burst: Option<u64>,
    /// How many times a minute in the long run.
    pub per_minute: Option<u64>,
}

/// The rates of an app: each with its name, and what it is where the app has set nothing.
macro_rules! rates {
    ($($(#[doc = $doc:literal])+ $name:ident: $burst:ident, $per_minute:ident;)+) => {
        /// The rates that hold in an app.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Rates {
            $($(#[doc = $doc])+ pub $name: Rate,)+
        }

        impl Default for Rates {
            fn default() -> Self {
                Self { $($name: Rate { burst: limits::$burst as u32, per_minute: limits::$per_minute as u32 },)+ }
            }
        }

        /// The rates that an app has set itself; the others are the server's, which a later version may change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct OwnRates {
            $($(#[doc = $doc])+ pub $name: Option<Rate>,)+
        }

        /// What is to change of an app's rates; what is left out stays, and none inside is the server's again.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct RatesPatch {
            $($(#[doc = $doc])+ pub $name: Option<Option<RatePatch>>,)+
        }

        impl OwnRates {
            /// The rates that hold.
            pub fn in_force(&self) -> Rates {
                let server = Rates::default();
                Rates { $($name: self.$name.unwrap_or(server.$name),)+ }
            }

            /// These, changed as `patch` says; `field` names them in the error.
            ///
            /// # Errors
            /// `Invalid` where a number is 0 or above its limit.
            pub fn patched(&self, patch: &RatesPatch, field: &str) -> Result<Self, Invalid> {
                let now = self.in_force();
                $(let $name = match patch.$name {
                    None => self.$name,
                    Some(None) => None,
                    Some(Some(patch)) => Some(now.$name.patched(patch, &format!("{field}.{}", stringify!($name)))?),
                };)+
                Ok(Self { $($name,)+ })
            }
        }
    };
}

rates! {
    /// Requests of one user, by all of its sessions together.
    user: RATE_USER_BURST, RATE_USER_PER_MINUTE;
    /// Requests of one API key.
    key: RATE_KEY_BURST, RATE_KEY_PER_MINUTE;
    /// Requests in the app, whoever asks.
    app: RATE_APP_BURST, RATE_APP_PER_MINUTE;
    /// Messages to one conversation.
    conversation: RATE_CONVERSATION_BURST, RATE_CONVERSATION_PER_MINUTE;
    /// What comes from one address before anybody is authenticated: new sockets, and proofs that are exchanged for tokens.
    arrivals: RATE_ARRIVALS_BURST, RATE_ARRIVALS_PER_MINUTE;
    /// Credentials from one address that are not good.
    failures: RATE_FAILURES_BURST, RATE_FAILURES_PER_MINUTE;
}

impl Rate {
    fn patched(self, patch: RatePatch, field: &str) -> Result<Self, Invalid> {
        let burst = patch.burst.unwrap_or_else(|| self.burst.into());
        Self::new(field, burst, patch.per_minute.unwrap_or_else(|| self.per_minute.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(burst: Option<u64>, per_minute: Option<u64>) -> RatesPatch {
        RatesPatch { user: Some(Some(RatePatch { burst, per_minute })), ..RatesPatch::default() }
    }

    #[test]
    fn a_patch_changes_what_it_names_and_none_is_the_servers_again() {
        let server = Rates::default();
        let own = OwnRates::default().patched(&patch(Some(7), None), "rates").unwrap();
        let rates = own.in_force();
        assert_eq!((rates.user.burst(), rates.user.per_minute()), (7, server.user.per_minute()));
        assert_eq!(Rates { user: server.user, ..rates }, server);
        let own = own.patched(&patch(None, Some(9)), "rates").unwrap();
        assert_eq!(own.user, Some(Rate { burst: 7, per_minute: 9 }));
        let back = RatesPatch { user: Some(None), ..RatesPatch::default() };
        assert_eq!(own.patched(&back, "rates").unwrap(), OwnRates::default());
    }

    #[test]
    fn a_rate_is_neither_nothing_nor_without_end() {
        let most = (limits::RATE_BURST_MAX, limits::RATE_PER_MINUTE_MAX);
        assert!(Rate::new("r", 1, 1).is_ok() && Rate::new("r", most.0, most.1).is_ok());
        for (burst, per_minute, field) in [
            (0, 1, "r.burst"),
            (most.0 + 1, 1, "r.burst"),
            (1, 0, "r.per_minute"),
            (1, most.1 + 1, "r.per_minute"),
        ] {
            assert_eq!(Rate::new("r", burst, per_minute).unwrap_err().field, field);
        }
    }
}
