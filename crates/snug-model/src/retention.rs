//! Retention: how long each class of an app's data may live.

use crate::{
    ids::{ConversationId, UserId},
    invalid::Invalid,
    limits,
    time::Timestamp,
};

/// How long something may live, in whole days of 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Days(u16);

impl Days {
    /// So many days; `field` names them in the error.
    ///
    /// # Errors
    /// `Invalid` for none, and above the limit.
    pub fn new(field: &str, days: u64) -> Result<Self, Invalid> {
        let fits = u16::try_from(days).ok().filter(|_| (1..=limits::RETENTION_DAYS_MAX).contains(&days));
        let most = limits::RETENTION_DAYS_MAX;
        fits.map(Self).ok_or_else(|| Invalid::new(field, format!("must be 1 to {most} days, or null")))
    }

    /// How many.
    pub fn count(self) -> u16 {
        self.0
    }

    /// The same in milliseconds.
    pub fn ms(self) -> i64 {
        i64::from(self.0) * 24 * 60 * 60 * 1000
    }
}

/// How long messages live, by a name that customers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// 3 days.
    Free,
    /// 7 days.
    Starter,
    /// 90 days.
    Pro,
    /// 180 days.
    Enterprise,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Free, Self::Starter, Self::Pro, Self::Enterprise];

    /// How long messages live under it.
    pub fn messages(self) -> Days {
        Days(match self {
            Self::Free => 3,
            Self::Starter => 7,
            Self::Pro => 90,
            Self::Enterprise => 180,
        })
    }
}

/// The classes of an app's data: each with its name, and how many days it lives where the app has set nothing.
macro_rules! classes {
    ($($(#[doc = $doc:literal])+ $name:ident: $days:expr;)+) => {
        /// How long each class of an app's data may live; without days it stays until somebody deletes it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Retention {
            $($(#[doc = $doc])+ pub $name: Option<Days>,)+
        }

        impl Default for Retention {
            fn default() -> Self {
                Self { $($name: $days,)+ }
            }
        }

        /// What an app has set itself: of each class nothing, or the days, or that it stays.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct OwnRetention {
            $($(#[doc = $doc])+ pub $name: Option<Option<Days>>,)+
        }

        /// What is to change of an app's retention; what is left out stays, and none inside has it stay until it is deleted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct RetentionPatch {
            /// How long messages live, by name.
            pub preset: Option<Preset>,
            $($(#[doc = $doc])+ pub $name: Option<Option<u64>>,)+
        }

        impl OwnRetention {
            /// What holds.
            pub fn in_force(&self) -> Retention {
                let server = Retention::default();
                Retention { $($name: self.$name.unwrap_or(server.$name),)+ }
            }

            /// This, changed as `patch` says; `field` names it in the error.
            ///
            /// # Errors
            /// `Invalid` where a number is 0 or above its limit, or where days of messages are named beside a preset.
            pub fn patched(&self, patch: &RetentionPatch, field: &str) -> Result<Self, Invalid> {
                if patch.preset.is_some() && patch.messages.is_some() {
                    return Err(Invalid::new(format!("{field}.messages"), "is said by `preset` already"));
                }
                let mut own = *self;
                $(if let Some(days) = patch.$name {
                    let days = days.map(|days| Days::new(&format!("{field}.{}", stringify!($name)), days));
                    own.$name = Some(days.transpose()?);
                })+
                if let Some(preset) = patch.preset {
                    own.messages = Some(Some(preset.messages()));
                }
                Ok(own)
            }
        }
    };
}

classes! {
    /// Messages, their versions and reactions, since they were accepted.
    messages: None;
    /// Attachments, since they were uploaded.
    attachments: Some(Days(7));
    /// Deliveries to webhooks with what they carried, since they were due.
    webhook_deliveries: Some(Days(3));
    /// What is recorded to watch over the app, since it was.
    monitoring: Some(Days(7));
    /// Operators' accounts, since they were last used.
    operators: Some(Days(180));
    /// Users' profiles, since they were last used.
    users: None;
}

impl Retention {
    /// The name that customers know for how long messages live, if it has one.
    pub fn preset(&self) -> Option<Preset> {
        Preset::ALL.into_iter().find(|preset| self.messages == Some(preset.messages()))
    }
}

/// What a legal hold is on: what was said there, or by that person, is not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// A conversation.
    Conversation(ConversationId),
    /// A user.
    User(UserId),
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What it is on.
    pub on: Held,
    /// Since when.
    pub since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(count: u64) -> Option<Days> {
        Some(Days::new("days", count).unwrap())
    }

    #[test]
    fn the_presets_are_those_that_customers_know() {
        let known = Preset::ALL.map(|preset| preset.messages().count());
        assert_eq!(known, [3, 7, 90, 180]);
        let server = OwnRetention::default().in_force();
        assert_eq!((server.messages, server.preset()), (None, None), "nobody's messages go unasked");
        assert_eq!((server.attachments, server.webhook_deliveries), (days(7), days(3)));
        assert_eq!((server.monitoring, server.operators, server.users), (days(7), days(180), None));
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let patch = RetentionPatch { preset: Some(Preset::Pro), users: Some(Some(30)), ..Default::default() };
        let own = OwnRetention::default().patched(&patch, "retention").unwrap();
        let retention = own.in_force();
        assert_eq!((retention.messages, retention.preset()), (days(90), Some(Preset::Pro)));
        assert_eq!((retention.users, retention.attachments), (days(30), days(7)));
        let patch =
            RetentionPatch { messages: Some(Some(91)), attachments: Some(None), ..Default::default() };
        let retention = own.patched(&patch, "retention").unwrap().in_force();
        assert_eq!((retention.messages, retention.preset(), retention.attachments), (days(91), None, None));
        let patch = RetentionPatch { messages: Some(None), ..Default::default() };
        assert_eq!(own.patched(&patch, "retention").unwrap().in_force().messages, None);
    }

    #[test]
    fn days_have_bounds_and_are_not_said_twice() {
        for (count, good) in [(0, false), (1, true), (limits::RETENTION_DAYS_MAX, true)] {
            assert_eq!(Days::new("days", count).is_ok(), good);
        }
        let most =
            RetentionPatch { messages: Some(Some(limits::RETENTION_DAYS_MAX + 1)), ..Default::default() };
        let twice =
            RetentionPatch { preset: Some(Preset::Free), messages: Some(Some(3)), ..Default::default() };
        for patch in [most, twice] {
            let refused = OwnRetention::default().patched(&patch, "retention").unwrap_err();
            assert_eq!(refused.field, "retention.messages");
        }
        assert_eq!(Days::new("days", 2).unwrap().ms(), 172_800_000);
    }
}
