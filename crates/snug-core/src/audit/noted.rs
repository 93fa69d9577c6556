//! What a use case knows of its act beforehand, for the act's entry.

use snug_model::{
    AppId, AppKey, ConversationId, ConversationKey, KeyId, MessageId, Timestamp, UserId, UserKey,
    apps::{AppPatch, SettingsPatch},
    audit::{Act, Target},
    sanctions::SanctionDraft,
};
use snug_wire::time::Time;

/// What is to be known of an act, beside who does it and whom it concerns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted {
    /// The act, where it is not the one that the action stands for.
    pub(super) act: Option<Act>,
    pub(super) about: Option<About>,
    pub(super) name: Option<String>,
    pub(super) details: Vec<(&'static str, String)>,
}

/// What an act is done to, where that is neither whom the request names nor its conversation.
#[derive(Debug, Clone)]
pub(crate) enum About {
    /// An app.
    App(AppId),
    /// An API key.
    Key(KeyId),
    /// A registered public key.
    TokenKey(KeyId),
    /// A role.
    Role,
    /// A template.
    Template,
    /// A message in the conversation.
    Message(MessageId),
}

impl Noted {
    /// Of another act than the action stands for.
    pub(crate) fn of(act: Act) -> Self {
        Self { act: Some(act), ..Self::default() }
    }

    /// One act, or where it is `undone` the other.
    pub(crate) fn either(undone: bool, act: Act, undoing: Act) -> Self {
        Self::of(if undone { undoing } else { act })
    }

    /// Of something that is done to this.
    pub(crate) fn about(about: About) -> Self {
        Self::default().to(about)
    }

    /// It is done to this.
    pub(crate) fn to(self, about: About) -> Self {
        Self { about: Some(about), ..self }
    }

    /// What it is done to is called so.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// This is to be known of it.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// This is to be known of it, if it is there.
    pub(crate) fn with_some(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A time that is to be known of it.
    pub(crate) fn with_time(self, name: &'static str, at: Option<Timestamp>) -> Self {
        self.with_some(name, at.map(|at| Time(at).to_string()))
    }

    /// Why a sanction is laid, and until when.
    pub(crate) fn sanction(self, draft: Option<&SanctionDraft>) -> Self {
        let reason = draft.and_then(|draft| draft.reason.as_ref()).map(|reason| reason.as_str());
        self.with_some("reason", reason).with_time("until", draft.and_then(|draft| draft.until))
    }

    /// Which fields are set: a name each, with whether it is.
    pub(crate) fn fields(self, fields: &[(&str, bool)]) -> Self {
        let set: Vec<&str> = fields.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
        self.with("fields", set.join(" "))
    }

    /// Which fields of an app are set. Their values may be secrets.
    pub(crate) fn of_app(patch: &AppPatch) -> Self {
        let AppPatch { name, settings } = patch;
        let SettingsPatch {
            auto_create_users,
            default_role,
            member_role,
            creator_role,
            reactions,
            rates,
            origins,
            identity,
            consent,
            retention,
            keep_in_region,
            erased_messages,
        } = settings;
        let schemes = !identity.schemes.is_empty();
        Self::default().fields(&[
            ("name", name.is_some()),
            ("settings.auto_create_users", auto_create_users.is_some()),
            ("settings.default_role", default_role.is_some()),
            ("settings.member_role", member_role.is_some()),
            ("settings.creator_role", creator_role.is_some()),
            ("settings.reactions", reactions.is_some()),
            ("settings.rates", *rates != Default::default()),
            ("settings.origins", origins.is_some()),
            ("settings.identity", identity.required.is_some() || schemes || identity.issuers.is_some()),
            ("settings.consent", consent.is_some()),
            ("settings.retention", *retention != Default::default()),
            ("settings.keep_in_region", keep_in_region.is_some()),
            ("settings.erased_messages", erased_messages.is_some()),
        ])
    }
}

/// One thing that an act is done to, with what it is called.
pub(crate) struct Subject {
    pub(super) target: Target,
    pub(super) user: Option<UserId>,
    pub(super) conversation: Option<ConversationId>,
    /// What is to be known of it alone.
    pub(super) details: Vec<(&'static str, String)>,
}

/// The conversation of an act.
pub(super) type Here<'a> = (ConversationKey, Option<&'a ConversationId>);

impl Subject {
    /// A person, in a conversation if there is one.
    pub(super) fn person(user: UserKey, id: &UserId, here: Option<Here<'_>>) -> Self {
        let target = match here {
            Some((conversation, _)) => Target::Member(conversation, user),
            None => Target::User(user),
        };
        Self { user: Some(id.clone()), ..Self::called(target, here) }
    }

    /// What the act is about; the conversation, or the app, if nothing is said.
    pub(super) fn of(noted: Option<&Noted>, here: Option<Here<'_>>) -> Self {
        let about = noted.and_then(|noted| noted.about.clone());
        let target = match (about, here) {
            (Some(About::App(id)), _) => Target::App(Some(id)),
            (Some(About::Key(id)), _) => Target::Key(id),
            (Some(About::TokenKey(id)), _) => Target::TokenKey(id),
            (Some(About::Role), _) => Target::Role,
            (Some(About::Template), _) => Target::Template,
            (Some(About::Message(id)), Some((conversation, _))) => Target::Message(conversation, id),
            (None, Some((conversation, _))) => Target::Conversation(conversation),
            (Some(About::Message(_)) | None, None) => Target::App(None),
        };
        Self::called(target, here)
    }

    /// The app that is to be deleted, whose entry is in the installation's chain.
    pub(super) fn app(id: &AppId) -> Self {
        Self::called(Target::App(Some(id.clone())), None)
    }

    fn called(target: Target, here: Option<Here<'_>>) -> Self {
        let conversation = here.and_then(|(_, id)| id.cloned());
        Self { target, user: None, conversation, details: Vec::new() }
    }
}

/// In which chain an act is entered: that of its app, but for the app's end, which outlives it.
pub(super) fn chain_of(act: Act, app: AppKey) -> AppKey {
    if act == Act::DeleteApp { AppKey::INSTALLATION } else { app }
}
