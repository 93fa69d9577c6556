//! The rates of an app: how often what may happen.

use serde::{Deserialize, Serialize};
use snug_model::{limits, rates as model};
use utoipa::ToSchema;

use crate::json::present;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rate {
    /// How many times at once.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub burst: u32,
    /// How many times a minute in the long run.
    #[schema(minimum = 1, maximum = 60_000_000)]
    pub per_minute: u32,
}

// The schema's numbers are those that are checked.
const _: () = assert!(limits::RATE_BURST_MAX == 1_000_000 && limits::RATE_PER_MINUTE_MAX == 60_000_000);

/// Changes a rate; what is left out stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RatePatch {
    /// How many times at once.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false, minimum = 1, maximum = 1_000_000)]
    pub burst: Option<u64>,
    /// How many times a minute in the long run.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false, minimum = 1, maximum = 60_000_000)]
    pub per_minute: Option<u64>,
}

macro_rules! rates {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        /// How often what may happen in an app.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub struct Rates {
            $($(#[doc = $doc])+ pub $name: Rate,)+
        }

        /// Changes an app's rates; what is left out stays, and `null` is the server's own rate again.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct RatesPatch {
            $(
                $(#[doc = $doc])+
                #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
                #[schema(value_type = Option<RatePatch>, required = false)]
                pub $name: Option<Option<RatePatch>>,
            )+
        }

        impl RatesPatch {
            /// Sets every rate as high as it can be: for measurements, and for tests of something else.
            pub fn highest() -> Self {
                let rate = RatePatch {
                    burst: Some(limits::RATE_BURST_MAX),
                    per_minute: Some(limits::RATE_PER_MINUTE_MAX),
                };
                Self { $($name: Some(Some(rate)),)+ }
            }
        }

        impl From<model::Rates> for Rates {
            fn from(rates: model::Rates) -> Self {
                Self { $($name: rates.$name.into(),)+ }
            }
        }

        impl From<RatesPatch> for model::RatesPatch {
            fn from(patch: RatesPatch) -> Self {
                Self { $($name: patch.$name.map(|rate| rate.map(Into::into)),)+ }
            }
        }
    };
}

rates! {
    /// Requests of one user, by all of its sessions together.
    user;
    /// Requests of one API key.
    key;
    /// Requests in the app, whoever asks.
    app;
    /// Messages to one conversation.
    conversation;
    /// What comes from one address before anybody is authenticated: new sockets, and proofs that are exchanged for tokens.
    arrivals;
    /// Credentials from one address that are not good.
    failures;
}

impl From<model::Rate> for Rate {
    fn from(rate: model::Rate) -> Self {
        Self { burst: rate.burst(), per_minute: rate.per_minute() }
    }
}

impl From<RatePatch> for model::RatePatch {
    fn from(patch: RatePatch) -> Self {
        Self { burst: patch.burst, per_minute: patch.per_minute }
    }
}
