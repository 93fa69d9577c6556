//! Those who have not accepted what their app demands, and those who have: the same people, while it demands a text that nobody has
//! accepted, and one that they have.

use super::{super::rules, *};
use aws_lc_rs::digest::{SHA256, digest};

/// A text that people have to accept.
const TEXT: &str = "Be kind.";
/// A version of it that nobody accepts, and one that some have accepted.
const NEW: &str = "new";
const KNOWN: &str = "known";

/// What the app demands to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) enum Demand {
    #[default]
    Nothing,
    /// What nobody has accepted, before people send.
    BeforeSending,
    /// The same before they read.
    BeforeReading,
    /// What some have accepted, before people read.
    Known,
}

impl Demand {
    pub(in super::super) const ALL: [Self; 4] =
        [Self::Nothing, Self::BeforeSending, Self::BeforeReading, Self::Known];

    /// What the actors of a kind are there for.
    fn of(kind: Kind) -> Self {
        match kind.rsplit_once('-').filter(|_| rules::person(kind) != kind) {
            Some((_, "unsent")) => Self::BeforeSending,
            Some((_, "unread")) => Self::BeforeReading,
            Some((_, "agreed")) => Self::Known,
            _ => Self::Nothing,
        }
    }

    /// The patch of the app's settings.
    pub(in super::super) fn settings(self) -> Value {
        match self {
            Self::Nothing => json!({ "settings": { "consent": null } }),
            Self::BeforeSending => demand(NEW, "send"),
            Self::BeforeReading => demand(NEW, "read"),
            Self::Known => demand(KNOWN, "read"),
        }
    }
}

/// The patch by which an app demands a version of the text.
pub(in super::super) fn demand(version: &str, before: &str) -> Value {
    let texts = json!([{ "locale": "en", "text": TEXT }]);
    let consent = json!({ "id": "terms", "version": version, "before": before, "texts": texts });
    json!({ "settings": { "consent": consent } })
}

/// What somebody accepts who has read this version.
pub(in super::super) fn accepted(version: &str) -> Value {
    let digest = hex::encode(digest(&SHA256, TEXT.as_bytes()));
    json!({ "id": "terms", "version": version, "locale": "en", "digest": digest })
}

/// What those who agree have accepted.
pub(in super::super) fn known() -> Value {
    accepted(KNOWN)
}

impl Making<'_> {
    /// Adds everybody of whom the app demands something; those who have accepted it have done so by then.
    pub(super) async fn who_is_asked_to_consent(&mut self, rules: &[Rule]) {
        self.does(Method::PATCH, "", Demand::Known.settings()).await;
        for kind in rules[0].kinds() {
            let (person, demand) = (rules::person(kind), Demand::of(kind));
            if demand == Demand::Nothing {
                continue;
            }
            let actor = Actor { demand, ..self.actors[person].clone() };
            if demand == Demand::Known {
                let path = format!("/users/{}/consents", actor.user);
                self.does(Method::POST, &path, known()).await;
            }
            self.add(kind, actor);
        }
        self.does(Method::PATCH, "", Demand::Nothing.settings()).await;
    }
}
