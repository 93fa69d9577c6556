//! What is inside a sealed value: CBOR with numbered fields (minicbor), so that a later version can add some. A number is
//! never given a second meaning.

use minicbor::{CborLen, Decode, Encode};
use snug_model::{
    ConversationId, KeyId, UserId, UserKey,
    consents::Consent,
    conversations,
    erasures::ErasedMessages,
    identity::Identity,
    origins::PageOrigin,
    policy::By,
    rates::{OwnRates, Rate},
    retention::OwnRetention,
    secret::SecretText,
    signatures::Algorithm,
    text::{Attributes, BotName, Emoji, ImageUrl, Label, Name, Reason, RoleName, Text},
    token_keys::PublicKey,
    users,
};

use super::{consents::ConsentLayout, identity::IdentityLayout, retention::RetentionLayout};

/// What an app is called, and how it behaves, as far as that is nobody else's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppProfile {
    /// What people call it.
    pub name: Name,
    /// What may be reacted with beside emoji.
    pub reactions: Vec<Emoji>,
    /// The rates that it has set itself.
    pub rates: OwnRates,
    /// Whose pages may talk to it.
    pub origins: Vec<PageOrigin>,
    /// Who may come in, and how.
    pub identity: Identity,
    /// The text that people have to accept.
    pub consent: Option<Consent>,
    /// How long its data lives, as far as it has set that itself.
    pub retention: OwnRetention,
    /// Whether it keeps in its region.
    pub keep_in_region: bool,
    /// What becomes of the messages of who is erased.
    pub erased_messages: ErasedMessages,
}

/// What an API key is called, and from where it may be used.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyProfile {
    /// What people call it.
    pub name: Name,
    /// CIDR blocks from which it may be used; empty is everywhere.
    pub addresses: Vec<String>,
}

/// What a registered public key is called, and the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKeyProfile {
    /// What people call it.
    pub name: Name,
    /// The key.
    pub public_key: PublicKey,
}

/// What the customer keeps about a member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberProfile {
    /// What the customer's own program calls it.
    pub label: Option<Label>,
    /// What the customer keeps.
    pub attributes: Attributes,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageBody {
    /// The text.
    pub text: Option<Text>,
    /// What the customer keeps.
    pub attributes: Attributes,
    /// Who is mentioned.
    pub mentions: Vec<UserKey>,
    /// The name of the bot that wrote it.
    pub bot: Option<BotName>,
    /// Whether it notifies nobody.
    pub silent: bool,
}

/// The answer that was given to a request with an `Idempotency-Key`.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, …)", self.status)
    }
}

/// Why a sanction was laid, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SanctionNote {
    /// Why.
    pub reason: Option<Reason>,
    /// By whom.
    pub by: By,
}

/// Something that can be sealed.
pub trait Plain: Sized {
    /// How it is laid out, with what it borrows.
    type Layout<'a>: Encode<()> + Decode<'a, ()> + CborLen<()>
    where
        Self: 'a;

    /// Lays it out.
    fn layout(&self) -> Self::Layout<'_>;

    /// Takes it from its layout; none where that breaks a rule of the type.
    fn from_layout(layout: Self::Layout<'_>) -> Option<Self>;
}

/// What is one text and nothing else. A later version that needs more beside it writes a map, and tells them by their type.
macro_rules! texts {
    ($($type:ty: $as_str:ident;)+) => {$(
        impl Plain for $type {
            type Layout<'a> = &'a str;

            fn layout(&self) -> &str {
                self.$as_str()
            }

            fn from_layout(layout: &str) -> Option<Self> {
                <$type>::parse(layout).ok()
            }
        }
    )+};
}

texts! {
    UserId: as_str;
    ConversationId: as_str;
    RoleName: as_str;
    Emoji: as_str;
}

impl Plain for SecretText {
    type Layout<'a> = &'a str;

    fn layout(&self) -> &str {
        self.expose()
    }

    fn from_layout(layout: &str) -> Option<Self> {
        Some(Self::new(layout.into()))
    }
}

/// A text that may be absent. Its layout is of an absent one, or of one that its type allows.
pub(super) fn optional<T>(text: Option<&str>, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match text {
        Some(text) => parse(text).map(Some),
        None => Some(None),
    }
}

/// The empty object is left out.
pub(super) fn laid_out(attributes: &Attributes) -> Option<&str> {
    Some(attributes.as_json()).filter(|json| *json != "{}")
}

pub(super) fn attributes(json: Option<&str>) -> Attributes {
    json.map(|json| Attributes::from_checked_json(json.into())).unwrap_or_default()
}

/// Of users, whose picture is an avatar, and of conversations.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct ProfileLayout<'a> {
    #[b(0)]
    name: Option<&'a str>,
    #[b(1)]
    picture: Option<&'a str>,
    #[b(2)]
    attributes: Option<&'a str>,
}

impl Plain for users::Profile {
    type Layout<'a> = ProfileLayout<'a>;

    fn layout(&self) -> ProfileLayout<'_> {
        ProfileLayout {
            name: self.name.as_ref().map(Name::as_str),
            picture: self.avatar_url.as_ref().map(ImageUrl::as_str),
            attributes: laid_out(&self.attributes),
        }
    }

    fn from_layout(layout: ProfileLayout<'_>) -> Option<Self> {
        Some(Self {
            name: optional(layout.name, |text| Name::parse(text).ok())?,
            avatar_url: optional(layout.picture, |text| ImageUrl::parse(text).ok())?,
            attributes: attributes(layout.attributes),
        })
    }
}

impl Plain for conversations::Profile {
    type Layout<'a> = ProfileLayout<'a>;

    fn layout(&self) -> ProfileLayout<'_> {
        ProfileLayout {
            name: self.name.as_ref().map(Name::as_str),
            picture: self.image_url.as_ref().map(ImageUrl::as_str),
            attributes: laid_out(&self.attributes),
        }
    }

    fn from_layout(layout: ProfileLayout<'_>) -> Option<Self> {
        Some(Self {
            name: optional(layout.name, |text| Name::parse(text).ok())?,
            image_url: optional(layout.picture, |text| ImageUrl::parse(text).ok())?,
            attributes: attributes(layout.attributes),
        })
    }
}

/// Of an app.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct AppLayout<'a> {
    #[b(0)]
    name: &'a str,
    #[b(1)]
    #[cbor(default)]
    reactions: Vec<&'a str>,
    #[n(8)]
    rates: Option<RatesLayout>,
    #[b(9)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    origins: Vec<&'a str>,
    #[b(4)]
    identity: Option<IdentityLayout<'a>>,
    #[b(10)]
    consent: Option<ConsentLayout<'a>>,
    #[n(11)]
    retention: Option<RetentionLayout>,
    /// Only where it is so.
    #[n(12)]
    keep_in_region: Option<bool>,
    #[n(13)]
    deletes_erased_messages: Option<bool>,
}

/// Of the rates that an app has set: each its burst, and how many a minute.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub(super) struct RatesLayout {
    #[n(0)]
    user: Option<(u32, u32)>,
    #[n(1)]
    key: Option<(u32, u32)>,
    #[n(2)]
    app: Option<(u32, u32)>,
    #[n(3)]
    conversation: Option<(u32, u32)>,
    #[n(4)]
    arrivals: Option<(u32, u32)>,
    #[n(5)]
    failures: Option<(u32, u32)>,
}

impl RatesLayout {
    /// Where the app has set none, nothing is laid out.
    fn of(rates: &OwnRates) -> Option<Self> {
        let numbers = |rate: Option<Rate>| rate.map(|rate| (rate.burst(), rate.per_minute()));
        (*rates != OwnRates::default()).then(|| Self {
            user: numbers(rates.user),
            key: numbers(rates.key),
            app: numbers(rates.app),
            conversation: numbers(rates.conversation),
            arrivals: numbers(rates.arrivals),
            failures: numbers(rates.failures),
        })
    }

    fn rates(self) -> Option<OwnRates> {
        let rate = |numbers: Option<(u32, u32)>| match numbers {
            Some((burst, per_minute)) => Rate::new("", burst.into(), per_minute.into()).ok().map(Some),
            None => Some(None),
        };
        Some(OwnRates {
            user: rate(self.user)?,
            key: rate(self.key)?,
            app: rate(self.app)?,
            conversation: rate(self.conversation)?,
            arrivals: rate(self.arrivals)?,
            failures: rate(self.failures)?,
        })
    }
}

impl Plain for AppProfile {
    type Layout<'a> = AppLayout<'a>;

    fn layout(&self) -> AppLayout<'_> {
        AppLayout {
            name: self.name.as_str(),
            reactions: self.reactions.iter().map(Emoji::as_str).collect(),
            rates: RatesLayout::of(&self.rates),
            origins: self.origins.iter().map(PageOrigin::as_str).collect(),
            identity: Some(IdentityLayout::of(&self.identity)),
            consent: self.consent.as_ref().map(ConsentLayout::of),
            retention: RetentionLayout::of(&self.retention),
            keep_in_region: self.keep_in_region.then_some(true),
            deletes_erased_messages: (self.erased_messages == ErasedMessages::Deleted).then_some(true),
        }
    }

    fn from_layout(layout: AppLayout<'_>) -> Option<Self> {
        Some(Self {
            name: Name::parse(layout.name).ok()?,
            reactions: layout
                .reactions
                .into_iter()
                .map(|text| Emoji::parse(text).ok())
                .collect::<Option<_>>()?,
            rates: match layout.rates {
                Some(rates) => rates.rates()?,
                None => OwnRates::default(),
            },
            origins: layout
                .origins
                .into_iter()
                .map(|text| PageOrigin::parse(text).ok())
                .collect::<Option<_>>()?,
            identity: match layout.identity {
                Some(identity) => identity.identity()?,
                None => Identity::default(),
            },
            consent: match layout.consent {
                Some(consent) => Some(consent.consent()?),
                None => None,
            },
            retention: match layout.retention {
                Some(retention) => retention.retention()?,
                None => OwnRetention::default(),
            },
            keep_in_region: layout.keep_in_region.unwrap_or(false),
            erased_messages: match layout.deletes_erased_messages {
                Some(true) => ErasedMessages::Deleted,
                Some(false) | None => ErasedMessages::Left,
            },
        })
    }
}

/// Of an API key.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct KeyLayout<'a> {
    #[b(0)]
    name: &'a str,
    #[b(1)]
    #[cbor(default)]
    addresses: Vec<&'a str>,
}

impl Plain for KeyProfile {
    type Layout<'a> = KeyLayout<'a>;

    fn layout(&self) -> KeyLayout<'_> {
        KeyLayout { name: self.name.as_str(), addresses: self.addresses.iter().map(String::as_str).collect() }
    }

    fn from_layout(layout: KeyLayout<'_>) -> Option<Self> {
        Some(Self {
            name: Name::parse(layout.name).ok()?,
            addresses: layout.addresses.into_iter().map(str::to_owned).collect(),
        })
    }
}

/// Of a registered public key.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct TokenKeyLayout<'a> {
    #[b(0)]
    name: &'a str,
    #[b(1)]
    algorithm: &'a str,
    #[b(2)]
    #[cbor(with = "minicbor::bytes")]
    der: &'a [u8],
}

impl Plain for TokenKeyProfile {
    type Layout<'a> = TokenKeyLayout<'a>;

    fn layout(&self) -> TokenKeyLayout<'_> {
        TokenKeyLayout {
            name: self.name.as_str(),
            algorithm: self.public_key.algorithm.name(),
            der: &self.public_key.der,
        }
    }

    fn from_layout(layout: TokenKeyLayout<'_>) -> Option<Self> {
        let algorithm = Algorithm::from_name(layout.algorithm)?;
        let public_key = PublicKey { algorithm, der: layout.der.to_vec() };
        Some(Self { name: Name::parse(layout.name).ok()?, public_key })
    }
}

/// Of a member.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct MemberLayout<'a> {
    #[b(0)]
    label: Option<&'a str>,
    #[b(1)]
    attributes: Option<&'a str>,
}

impl Plain for MemberProfile {
    type Layout<'a> = MemberLayout<'a>;

    fn layout(&self) -> MemberLayout<'_> {
        MemberLayout { label: self.label.as_ref().map(Label::as_str), attributes: laid_out(&self.attributes) }
    }

    fn from_layout(layout: MemberLayout<'_>) -> Option<Self> {
        Some(Self {
            label: optional(layout.label, |text| Label::parse(text).ok())?,
            attributes: attributes(layout.attributes),
        })
    }
}

/// Of a note: by a user, a key, or neither, which is the server.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct NoteLayout<'a> {
    #[b(0)]
    reason: Option<&'a str>,
    #[n(1)]
    user: Option<i64>,
    #[b(2)]
    key: Option<&'a str>,
}

impl Plain for SanctionNote {
    type Layout<'a> = NoteLayout<'a>;

    fn layout(&self) -> NoteLayout<'_> {
        let (user, key) = match &self.by {
            By::User(user) => (Some(user.0), None),
            By::Key(key) => (None, Some(key.as_str())),
            By::System => (None, None),
        };
        NoteLayout { reason: self.reason.as_ref().map(Reason::as_str), user, key }
    }

    fn from_layout(layout: NoteLayout<'_>) -> Option<Self> {
        let by = match (layout.user, layout.key) {
            (Some(user), None) => By::User(UserKey(user)),
            (None, Some(key)) => By::Key(KeyId::parse(key).ok()?),
            (None, None) => By::System,
            (Some(_), Some(_)) => return None,
        };
        Some(Self { reason: optional(layout.reason, |text| Reason::parse(text).ok())?, by })
    }
}

/// Of a message.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct MessageLayout<'a> {
    #[b(0)]
    text: Option<&'a str>,
    #[b(1)]
    attributes: Option<&'a str>,
    #[n(2)]
    #[cbor(skip_if = "Vec::is_empty")]
    mentions: Vec<i64>,
    #[b(3)]
    bot: Option<&'a str>,
    #[n(4)]
    silent: Option<bool>,
}

impl Plain for MessageBody {
    type Layout<'a> = MessageLayout<'a>;

    fn layout(&self) -> MessageLayout<'_> {
        MessageLayout {
            text: self.text.as_ref().map(Text::as_str),
            attributes: laid_out(&self.attributes),
            mentions: self.mentions.iter().map(|user| user.0).collect(),
            bot: self.bot.as_ref().map(BotName::as_str),
            silent: self.silent.then_some(true),
        }
    }

    fn from_layout(layout: MessageLayout<'_>) -> Option<Self> {
        Some(Self {
            text: optional(layout.text, |text| Text::parse(text).ok())?,
            attributes: attributes(layout.attributes),
            mentions: layout.mentions.into_iter().map(UserKey).collect(),
            bot: optional(layout.bot, |text| BotName::parse(text).ok())?,
            silent: layout.silent.unwrap_or(false),
        })
    }
}

/// Of an answer.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct AnswerLayout<'a> {
    #[n(0)]
    status: u16,
    #[b(1)]
    #[cbor(with = "minicbor::bytes")]
    body: &'a [u8],
}

impl Plain for Answer {
    type Layout<'a> = AnswerLayout<'a>;

    fn layout(&self) -> AnswerLayout<'_> {
        AnswerLayout { status: self.status, body: &self.body }
    }

    fn from_layout(layout: AnswerLayout<'_>) -> Option<Self> {
        Some(Self { status: layout.status, body: layout.body.to_vec() })
    }
}
