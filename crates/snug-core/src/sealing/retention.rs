//! How an app's retention is laid out in a sealed value.

use minicbor::{CborLen, Decode, Encode};
use snug_model::retention::{Days, OwnRetention};

/// Of the retention that an app has set itself: of each class its days, or 0 where it stays until it is deleted.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub(super) struct RetentionLayout {
    #[n(0)]
    messages: Option<u16>,
    #[n(1)]
    attachments: Option<u16>,
    #[n(2)]
    webhook_deliveries: Option<u16>,
    #[n(3)]
    monitoring: Option<u16>,
    #[n(4)]
    operators: Option<u16>,
    #[n(5)]
    users: Option<u16>,
}

impl RetentionLayout {
    /// Where the app has set nothing, nothing is laid out.
    pub(super) fn of(retention: &OwnRetention) -> Option<Self> {
        let count = |own: Option<Option<Days>>| own.map(|days| days.map_or(0, Days::count));
        (*retention != OwnRetention::default()).then(|| Self {
            messages: count(retention.messages),
            attachments: count(retention.attachments),
            webhook_deliveries: count(retention.webhook_deliveries),
            monitoring: count(retention.monitoring),
            operators: count(retention.operators),
            users: count(retention.users),
        })
    }

    /// What was laid out; none where that breaks a rule.
    pub(super) fn retention(self) -> Option<OwnRetention> {
        let days = |count: Option<u16>| match count {
            None => Some(None),
            Some(0) => Some(Some(None)),
            Some(count) => Days::new("", count.into()).ok().map(|days| Some(Some(days))),
        };
        Some(OwnRetention {
            messages: days(self.messages)?,
            attachments: days(self.attachments)?,
            webhook_deliveries: days(self.webhook_deliveries)?,
            monitoring: days(self.monitoring)?,
            operators: days(self.operators)?,
            users: days(self.users)?,
        })
    }
}
