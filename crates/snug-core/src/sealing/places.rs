//! Where a sealed value belongs: what it holds, which secrets lock it, and what is authenticated with it.

use std::marker::PhantomData;

use snug_model::audit::{Act, Target};
use snug_model::{AppKey, ConversationKey, KeyId, MessageId, Timestamp, UserKey, secret::SecretText, text};
use snug_model::{ConversationId, RoleKey, TemplateKey, UserId, conversations, facts::ConsentMark, users};
use snug_store::{Class, Mac, Sealed, SealedAt, SealedPlace, SecretName, SenderRow};

use super::{
    audit::{AuditNote, AuditOrigin},
    consents::ConsentNote,
    fields::Fields,
    locks::{Bucket, Locks, Owner},
    plain::{Answer, AppProfile, KeyProfile, MemberProfile, MessageBody, SanctionNote, TokenKeyProfile},
    templates::TemplateBody,
};

/// The retention rule of an app's own. A conversation's own has its number; those of what is set aside by purges are negative.
const APP_RULE: i32 = 0;

/// The place of a sealed value that holds a `P`.
pub struct Place<P> {
    app: AppKey,
    place: SealedPlace,
    /// The retention rule under which is sealed for it.
    rule: i32,
    holds: PhantomData<fn() -> P>,
}

impl<P> Place<P> {
    fn new(app: AppKey, place: SealedPlace) -> Self {
        Self { app, place, rule: APP_RULE, holds: PhantomData }
    }

    /// The place in which the store found a value. Whether a `P` belongs there is the caller's to know.
    pub(super) fn found(at: &SealedAt) -> Self {
        Self::new(at.app, at.place.clone())
    }

    /// The app, and the secrets of it that lock the place.
    pub(super) fn locked(&self) -> (AppKey, Locks) {
        (self.app, locks(&self.place, self.rule))
    }

    /// The same place, under a retention rule. What lies in it opens whichever it was sealed under.
    #[must_use]
    pub fn under(self, rule: i32) -> Self {
        Self { rule, ..self }
    }

    /// Whether a seal for this place may make the secret where there is none: only what brings the secret into the world
    /// does. A conversation's comes with its id, a person's with its id, a day's with a message that is new. So
    /// nothing that is written later, an edit of an old message say, makes a destroyed secret anew. What is set aside is sealed
    /// under a rule that nothing else has, so that its secrets come with it.
    pub(super) fn makes(&self, name: SecretName) -> bool {
        match name {
            SecretName::Wrapping(_) | SecretName::WrappingBefore(_) | SecretName::App(_) => false,
            SecretName::User(..) => matches!(self.place, SealedPlace::UserId(_)),
            SecretName::Conversation(..) => matches!(self.place, SealedPlace::ConversationId(_)),
            SecretName::Bucket { rule, .. } => {
                rule < APP_RULE || matches!(self.place, SealedPlace::Message { version: 1, .. })
            }
        }
    }

    /// What is authenticated with the value: the header and the place.
    pub(super) fn bound_to(&self, header: &[u8]) -> Fields {
        bound_to(self.app, &self.place, header)
    }
}

impl Place<AppProfile> {
    /// An app's name and reactions.
    pub fn app_profile(app: AppKey, version: i64) -> Self {
        Self::new(app, SealedPlace::App { version })
    }
}

impl Place<text::RoleName> {
    /// A role's name.
    pub fn role_name(app: AppKey, role: RoleKey) -> Self {
        Self::new(app, SealedPlace::Role(role.0))
    }
}

impl Place<SecretText> {
    /// An API key's secret.
    pub fn key_secret(app: AppKey, key: KeyId) -> Self {
        Self::new(app, SealedPlace::KeySecret(key))
    }
}

impl Place<TokenKeyProfile> {
    /// A registered public key, with its name.
    pub fn token_key(app: AppKey, key: KeyId) -> Self {
        Self::new(app, SealedPlace::TokenKey(key))
    }
}

impl Place<TemplateBody> {
    /// A template's id, and what it says.
    pub fn template(app: AppKey, template: TemplateKey, version: i64) -> Self {
        Self::new(app, SealedPlace::Template { template, version })
    }
}

impl Place<KeyProfile> {
    /// An API key's name and addresses.
    pub fn key_profile(app: AppKey, key: KeyId) -> Self {
        Self::new(app, SealedPlace::Key(key))
    }
}

impl Place<UserId> {
    /// A user's id. Sealing it makes the user's secret: of a new user, it is sealed first.
    pub fn user_id(app: AppKey, user: UserKey) -> Self {
        Self::new(app, SealedPlace::UserId(user))
    }
}

impl Place<users::Profile> {
    /// A user's name, picture, attributes.
    pub fn user_profile(app: AppKey, user: UserKey, version: i64) -> Self {
        Self::new(app, SealedPlace::User { user, version })
    }
}

impl Place<SanctionNote> {
    /// Why a user is banned from the app, and by whom.
    pub fn user_ban(app: AppKey, user: UserKey) -> Self {
        Self::new(app, SealedPlace::UserBan(user))
    }

    /// Why a user is muted in the app, and by whom.
    pub fn user_mute(app: AppKey, user: UserKey) -> Self {
        Self::new(app, SealedPlace::UserMute(user))
    }

    /// Why a user is shadow-banned, and by whom.
    pub fn user_shadow_ban(app: AppKey, user: UserKey) -> Self {
        Self::new(app, SealedPlace::UserShadowBan(user))
    }

    /// Why a member is banned from a conversation, and by whom.
    pub fn member_ban(app: AppKey, conversation: ConversationKey, user: UserKey) -> Self {
        Self::new(app, SealedPlace::MemberBan { conversation, user })
    }

    /// Why a member is muted in a conversation, and by whom.
    pub fn member_mute(app: AppKey, conversation: ConversationKey, user: UserKey) -> Self {
        Self::new(app, SealedPlace::MemberMute { conversation, user })
    }
}

impl Place<ConsentNote> {
    /// Which text a user has accepted, and who accepted it for it; `mark` is of the text.
    pub fn consent(app: AppKey, user: UserKey, mark: ConsentMark) -> Self {
        Self::new(app, SealedPlace::Consent { user, mark: Mac(mark.0) })
    }
}

impl Place<ConversationId> {
    /// A conversation's id. Sealing it makes the conversation's secret: of a new conversation, it is sealed first.
    pub fn conversation_id(app: AppKey, conversation: ConversationKey) -> Self {
        Self::new(app, SealedPlace::ConversationId(conversation))
    }

    /// The id of a conversation that was deleted, whose own secret is destroyed.
    pub fn gone_conversation_id(app: AppKey, conversation: ConversationKey) -> Self {
        Self::new(app, SealedPlace::GoneConversationId(conversation))
    }

    /// The id of a conversation that may have been deleted: the header says whose secret it needs, and opens nothing else.
    pub fn some_conversation_id(app: AppKey, conversation: ConversationKey, sealed: &Sealed) -> Self {
        match Locks::read(&sealed.0) {
            Ok((Locks { owner: Owner::App, .. }, ..)) => Self::gone_conversation_id(app, conversation),
            _ => Self::conversation_id(app, conversation),
        }
    }

    /// A conversation's alias.
    pub fn alias(app: AppKey, conversation: ConversationKey) -> Self {
        Self::new(app, SealedPlace::Alias(conversation))
    }
}

impl Place<conversations::Profile> {
    /// A conversation's name, picture, attributes.
    pub fn conversation_profile(app: AppKey, conversation: ConversationKey, version: i64) -> Self {
        Self::new(app, SealedPlace::Conversation { conversation, version })
    }
}

impl Place<MemberProfile> {
    /// A member's label and attributes.
    pub fn member_profile(app: AppKey, conversation: ConversationKey, user: UserKey, version: i64) -> Self {
        Self::new(app, SealedPlace::Member { conversation, user, version })
    }
}

impl Place<MessageBody> {
    /// What a message says in its version `version`, whoever wrote that version: `sender` and `created_at` are the message's.
    pub fn message(
        app: AppKey,
        conversation: ConversationKey,
        id: MessageId,
        version: i64,
        sender: SenderRow,
        created_at: Timestamp,
    ) -> Self {
        Self::new(app, SealedPlace::Message { conversation, id, version, sender, created_at })
    }
}

impl Place<text::Emoji> {
    /// An emoji on a message; `created_at` is the message's.
    pub fn reaction(
        app: AppKey,
        conversation: ConversationKey,
        id: MessageId,
        created_at: Timestamp,
        reactor: UserKey,
    ) -> Self {
        Self::new(app, SealedPlace::Reaction { conversation, id, created_at, reactor })
    }
}

impl Place<Answer> {
    /// The answer to a request with an `Idempotency-Key`, by the MAC of its scope.
    pub fn answer(app: AppKey, scope: Mac) -> Self {
        Self::new(app, SealedPlace::Answer(scope))
    }
}

impl Place<AuditOrigin> {
    /// From where somebody did what is entered in the audit.
    pub fn audit_origin(chain: AppKey, id: [u8; 32], user: Option<UserKey>) -> Self {
        Self::new(chain, SealedPlace::AuditOrigin { id, user })
    }
}

impl Place<AuditNote> {
    /// What is noted in an entry of the audit: by the lock of whom it concerns, else of the conversation, unless that is deleted by it.
    pub fn audit_note(chain: AppKey, id: [u8; 32], act: Act, target: &Target) -> Self {
        let conversation = target.conversation().filter(|_| !act.outlives_conversation());
        let user = target.user();
        Self::new(chain, SealedPlace::AuditNote { id, conversation, user })
    }
}

/// The bucket of messages that were accepted on the day of `at`, under a retention rule.
pub(super) fn day(at: Timestamp, rule: i32) -> Bucket {
    Bucket { class: Class::Messages, rule, day: at.day() }
}

/// The retention rule under which a value was sealed.
pub fn rule_of(sealed: &Sealed) -> i32 {
    match Locks::read(&sealed.0) {
        Ok((Locks { bucket: Some(bucket), .. }, ..)) => bucket.rule,
        _ => APP_RULE,
    }
}

/// Whose secret is the first lock of a message: a user's, else the conversation's.
pub(super) fn author(conversation: ConversationKey, sender: SenderRow) -> Owner {
    match sender {
        SenderRow::User(user) => Owner::User(user),
        SenderRow::Bot { .. } | SenderRow::System => Owner::Conversation(conversation),
    }
}

/// Which secrets lock a place, under a retention rule.
fn locks(place: &SealedPlace, rule: i32) -> Locks {
    let (owner, bucket) = match *place {
        SealedPlace::App { .. }
        | SealedPlace::Role(_)
        | SealedPlace::KeySecret(_)
        | SealedPlace::Key(_)
        | SealedPlace::TokenKey(_)
        | SealedPlace::Template { .. }
        | SealedPlace::GoneConversationId(_)
        | SealedPlace::Answer(_)
        | SealedPlace::AuditOrigin { user: None, .. }
        | SealedPlace::AuditNote { conversation: None, user: None, .. } => (Owner::App, None),
        SealedPlace::UserId(user)
        | SealedPlace::User { user, .. }
        | SealedPlace::UserBan(user)
        | SealedPlace::UserMute(user)
        | SealedPlace::UserShadowBan(user)
        | SealedPlace::Consent { user, .. }
        | SealedPlace::Member { user, .. }
        | SealedPlace::MemberBan { user, .. }
        | SealedPlace::MemberMute { user, .. }
        | SealedPlace::AuditOrigin { user: Some(user), .. }
        | SealedPlace::AuditNote { user: Some(user), .. } => (Owner::User(user), None),
        SealedPlace::ConversationId(conversation)
        | SealedPlace::AuditNote { conversation: Some(conversation), user: None, .. }
        | SealedPlace::Alias(conversation)
        | SealedPlace::Conversation { conversation, .. } => (Owner::Conversation(conversation), None),
        SealedPlace::Message { conversation, sender, created_at, .. } => {
            (author(conversation, sender), Some(day(created_at, rule)))
        }
        SealedPlace::Reaction { reactor, created_at, .. } => {
            (Owner::User(reactor), Some(day(created_at, rule)))
        }
    };
    Locks { owner, bucket }
}

/// What is authenticated: the header, the app, table and field, and the row's own facts. Never the seq, which is given after
/// sealing.
fn bound_to(app: AppKey, place: &SealedPlace, header: &[u8]) -> Fields {
    let of = |table: &str, field: &str| {
        Fields::new("snug.seal.1").bytes(header).int(app.0).text(table).text(field)
    };
    match place {
        SealedPlace::App { version } => of("apps", "profile").int(*version),
        SealedPlace::Role(role) => of("roles", "name").int(*role),
        SealedPlace::KeySecret(key) => of("keys", "secret").text(key.as_str()),
        SealedPlace::Key(key) => of("keys", "profile").text(key.as_str()),
        SealedPlace::TokenKey(key) => of("token_keys", "profile").text(key.as_str()),
        SealedPlace::Template { template, version } => of("templates", "body").int(template.0).int(*version),
        SealedPlace::UserId(user) => of("users", "id").int(user.0),
        SealedPlace::User { user, version } => of("users", "profile").int(user.0).int(*version),
        SealedPlace::UserBan(user) => of("users", "ban").int(user.0),
        SealedPlace::UserMute(user) => of("users", "mute").int(user.0),
        SealedPlace::UserShadowBan(user) => of("users", "shadow_ban").int(user.0),
        SealedPlace::Consent { user, mark } => of("consents", "record").int(user.0).bytes(&mark.0),
        SealedPlace::ConversationId(conversation) => of("conversations", "id").int(conversation.0),
        SealedPlace::GoneConversationId(conversation) => of("conversations", "gone_id").int(conversation.0),
        SealedPlace::Alias(conversation) => of("conversations", "alias").int(conversation.0),
        SealedPlace::Conversation { conversation, version } => {
            of("conversations", "profile").int(conversation.0).int(*version)
        }
        SealedPlace::Member { conversation, user, version } => {
            of("members", "profile").int(conversation.0).int(user.0).int(*version)
        }
        SealedPlace::MemberBan { conversation, user } => of("members", "ban").int(conversation.0).int(user.0),
        SealedPlace::MemberMute { conversation, user } => {
            of("members", "mute").int(conversation.0).int(user.0)
        }
        SealedPlace::Message { conversation, id, version, sender, created_at } => {
            let fields = of("messages", "body").int(conversation.0).bytes(id.as_bytes()).int(*version);
            let fields = match sender {
                SenderRow::User(user) => fields.byte(1).int(user.0),
                SenderRow::Bot { verified } => fields.byte(2).byte(u8::from(*verified)),
                SenderRow::System => fields.byte(3),
            };
            fields.int(created_at.0)
        }
        SealedPlace::Reaction { conversation, id, created_at, reactor } => {
            of("reactions", "emoji").int(conversation.0).bytes(id.as_bytes()).int(created_at.0).int(reactor.0)
        }
        SealedPlace::Answer(scope) => of("answers", "answer").bytes(&scope.0),
        SealedPlace::AuditOrigin { id, user } => {
            of("audit", "origin").bytes(id).int(user.map_or(0, |user| user.0))
        }
        SealedPlace::AuditNote { id, conversation, user } => {
            let conversation = conversation.map_or(0, |conversation| conversation.0);
            of("audit", "note").bytes(id).int(conversation).int(user.map_or(0, |user| user.0))
        }
    }
}
