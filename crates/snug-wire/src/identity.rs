//! Who may come in by the door: an app's settings for each scheme. A secret goes in and never comes out.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use snug_model::{identity as model, limits, vouchers::Scheme};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, Ref, RefOr, Schema},
};

use crate::{
    ids::{integer, integer_schema},
    issuers::{Issuers, IssuersPatch},
    json::{lists, present},
    origins::PageOrigin,
    secrets::SharedSecret,
    strings::{Checked, strings},
    text::RoleName,
    time::Time,
    tokens::TokenLife,
};

/// What names are made of that go into tokens and settings as they are.
const NAME: Option<&str> = Some("^[A-Za-z0-9_-]{1,64}$");

strings! {
    /// What a vendor calls an app, an account or a service: 1 to 64 letters, digits, hyphens and underscores.
    VendorId(model::VendorId) { Some(1), Some(64), NAME, "AC00000000000000000000000000000001" };
}

impl Serialize for VendorId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

lists! {
    /// The pages whose visitors may come in, of those that may talk to the app; nothing in it means all of them.
    VisitorOrigins(PageOrigin) up to VISITOR_ORIGINS_MAX;
}

/// A secret that is there. Its value is shown to nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptSecret {
    /// When it was added.
    pub created_at: Time,
}

/// A secret to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// The secret, as the other system writes it.
    pub secret: SharedSecret,
}

/// The secrets of a scheme, by the names that were given to them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeptSecrets(pub BTreeMap<String, KeptSecret>);

impl PartialSchema for KeptSecrets {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .additional_properties(Some(Ref::from_schema_name(KeptSecret::name())))
            .description(Some("The secrets that are good, by the names that were given to them."))
            .into()
    }
}

impl ToSchema for KeptSecrets {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((KeptSecret::name().into_owned(), KeptSecret::schema()));
        KeptSecret::schemas(schemas);
    }
}

/// A secret's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SecretId(model::SecretId);

impl Checked for SecretId {
    fn check(text: &str) -> Result<Self, String> {
        model::SecretId::parse(text).map(Self).map_err(|invalid| invalid.reason)
    }
}

impl<'de> Deserialize<'de> for SecretId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::strings::deserialize(deserializer)
    }
}

impl Serialize for SecretId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// Secrets to add by names of one's choice, and with `null` those to remove.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretsPatch(BTreeMap<SecretId, Option<NewSecret>>);

impl SecretsPatch {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialSchema for SecretsPatch {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .additional_properties(Some(Option::<NewSecret>::schema()))
            .description(Some("Secrets to add by names of one's choice, and with `null` those to remove."))
            .into()
    }
}

impl ToSchema for SecretsPatch {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((NewSecret::name().into_owned(), NewSecret::schema()));
        NewSecret::schemas(schemas);
    }
}

/// How long a token is good that does not say when it ends, in seconds after it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraceLife(pub i64);

impl Serialize for GraceLife {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for GraceLife {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        integer(deserializer, 1, limits::TTL_WITHOUT_EXP_S_MAX as i64).map(Self)
    }
}

impl PartialSchema for GraceLife {
    fn schema() -> RefOr<Schema> {
        integer_schema(1, limits::TTL_WITHOUT_EXP_S_MAX as i64)
            .description(Some(
                "How long a token is good that does not say when it ends, in seconds after it was made.",
            ))
            .into()
    }
}

impl ToSchema for GraceLife {}

/// Makes of each scheme how it is shown and what may change of it. All have `enabled`, `may_mint` and `max_ttl_s`; after that
/// come the fields that it alone has, with the model's name for each, and whether it has secrets.
macro_rules! schemes {
    ($(
        $(#[doc = $doc:literal])+
        $place:ident: $view:ident, $patch:ident {
            $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty = $model:ident;)*
        }
        $(secrets $secrets:ident)?
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
            pub struct $view {
                /// Whether it is on.
                pub enabled: bool,
                /// The widest app role that its sessions have; null is the app's default role.
                #[schema(required = true)]
                pub may_mint: Option<RoleName>,
                /// How long a token lives at most that is given for it, in seconds.
                pub max_ttl_s: TokenLife,
                $($(#[doc = $field_doc])+
                #[schema(required = true)]
                pub $field: Option<$type>,)*
                $(/// The secrets that are good, by the names that were given to them.
                pub $secrets: KeptSecrets,)?
            }

            impl From<&model::SchemeSettings> for $view {
                fn from(settings: &model::SchemeSettings) -> Self {
                    Self {
                        enabled: settings.enabled,
                        may_mint: settings.may_mint.clone().map(Into::into),
                        max_ttl_s: TokenLife(settings.max_ttl_s),
                        $($field: settings.$model.clone().map(Into::into),)*
                        $($secrets: kept(&settings.$secrets),)?
                    }
                }
            }

            $(#[doc = $doc])+
            /// What is left out stays.
            #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
            #[serde(deny_unknown_fields)]
            pub struct $patch {
                /// Whether it is on. Turning it off ends the sessions that came by it.
                #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
                #[schema(value_type = bool, required = false)]
                pub enabled: Option<bool>,
                /// The widest app role that its sessions have; null is the app's default role.
                #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
                #[schema(value_type = Option<RoleName>, required = false)]
                pub may_mint: Option<Option<RoleName>>,
                /// How long a token lives at most that is given for it, in seconds.
                #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
                #[schema(value_type = TokenLife, required = false)]
                pub max_ttl_s: Option<TokenLife>,
                $($(#[doc = $field_doc])+
                #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
                #[schema(value_type = Option<$type>, required = false)]
                pub $field: Option<Option<$type>>,)*
                $(/// Secrets to add, and with `null` those to remove, which ends the sessions that came by them.
                #[serde(default, skip_serializing_if = "SecretsPatch::is_empty")]
                #[schema(value_type = SecretsPatch, required = false)]
                pub $secrets: SecretsPatch,)?
            }

            impl From<$patch> for model::SchemePatch {
                fn from(patch: $patch) -> Self {
                    Self {
                        enabled: patch.enabled,
                        may_mint: patch.may_mint.map(|role| role.map(Into::into)),
                        max_ttl_s: patch.max_ttl_s.map(|life| life.0),
                        $($model: patch.$field.map(|value| value.map(Into::into)),)*
                        $($secrets: patch.$secrets.into(),)?
                        ..Self::default()
                    }
                }
            }
        )+
    };
}

impl From<GraceLife> for i64 {
    fn from(life: GraceLife) -> Self {
        life.0
    }
}

impl From<i64> for GraceLife {
    fn from(seconds: i64) -> Self {
        Self(seconds)
    }
}

impl From<SecretsPatch> for BTreeMap<model::SecretId, Option<snug_model::secret::SecretText>> {
    fn from(patch: SecretsPatch) -> Self {
        patch.0.into_iter().map(|(id, new)| (id.0, new.map(|new| new.secret.0))).collect()
    }
}

fn kept(secrets: &[model::SchemeSecret]) -> KeptSecrets {
    let kept = |secret: &model::SchemeSecret| {
        (secret.id.as_str().to_owned(), KeptSecret { created_at: secret.created_at.into() })
    };
    KeptSecrets(secrets.iter().map(kept).collect())
}

schemes! {
    /// `hmac`: a signature of the user's id, HMAC-SHA256 in hexadecimal.
    hmac: HmacSettings, HmacPatch {} secrets secrets
    /// `talkjs`: a JWT as TalkJS has them.
    talkjs: TalkjsSettings, TalkjsPatch {
        /// The vendor's app id, for which its tokens must be made.
        app_id: VendorId = account;
    } secrets secrets
    /// `twilio`: an access token as Twilio has them. A secret's name is the id of its API key.
    twilio: TwilioSettings, TwilioPatch {
        /// The account, for which its tokens must be made.
        account_sid: VendorId = account;
        /// The account's chat service, likewise.
        service_sid: VendorId = service;
    } secrets secrets
    /// `agora`: an access token as Agora has them, version 007. Its secrets are the app's certificates.
    agora: AgoraSettings, AgoraPatch {
        /// The vendor's app id, for which its tokens must be made: 32 hexadecimal digits.
        app_id: VendorId = account;
    } secrets secrets
    /// `stream`: a user token as Stream has them.
    stream: StreamSettings, StreamPatch {
        /// How long a token is good that does not say when it ends, in seconds after it was made; null is not at all.
        ttl_without_exp_s: GraceLife = ttl_without_exp_s;
    } secrets secrets
    /// `jwt`: a token of one of `issuers`.
    jwt: JwtSettings, JwtPatch {}
}

/// `visitor`: somebody whom nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VisitorSettings {
    /// Whether it is on.
    pub enabled: bool,
    /// The widest app role that its sessions have; null is the app's default role.
    #[schema(required = true)]
    pub may_mint: Option<RoleName>,
    /// How long a token lives at most that is given for it, in seconds.
    pub max_ttl_s: TokenLife,
    /// The pages whose visitors may come in.
    pub origins: VisitorOrigins,
}

/// `visitor`: somebody whom nobody knows. What is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisitorPatch {
    /// Whether it is on. Turning it off ends the sessions that came by it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub enabled: Option<bool>,
    /// The widest app role that its sessions have; null is the app's default role.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RoleName>, required = false)]
    pub may_mint: Option<Option<RoleName>>,
    /// How long a token lives at most that is given for it, in seconds.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TokenLife, required = false)]
    pub max_ttl_s: Option<TokenLife>,
    /// The pages whose visitors may come in, whole.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = VisitorOrigins, required = false)]
    pub origins: Option<VisitorOrigins>,
}

impl From<&model::SchemeSettings> for VisitorSettings {
    fn from(settings: &model::SchemeSettings) -> Self {
        Self {
            enabled: settings.enabled,
            may_mint: settings.may_mint.clone().map(Into::into),
            max_ttl_s: TokenLife(settings.max_ttl_s),
            origins: VisitorOrigins(settings.origins.iter().cloned().map(PageOrigin).collect()),
        }
    }
}

impl From<VisitorPatch> for model::SchemePatch {
    fn from(patch: VisitorPatch) -> Self {
        let origins = |origins: VisitorOrigins| origins.0.into_iter().map(Into::into).collect();
        Self {
            enabled: patch.enabled,
            may_mint: patch.may_mint.map(|role| role.map(Into::into)),
            max_ttl_s: patch.max_ttl_s.map(|life| life.0),
            origins: patch.origins.map(origins),
            ..Self::default()
        }
    }
}

/// Who may come in, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// Whether everybody has to prove who they are. Where it is off, `hmac` believes a client without a signature.
    pub required: bool,
    /// The schemes of the door.
    pub schemes: Schemes,
    /// The issuers whose tokens are believed.
    pub issuers: Issuers,
}

/// Changes who may come in, and how; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityPatch {
    /// Whether everybody has to prove who they are. It cannot be turned off on a server that listens on a public address.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub required: Option<bool>,
    /// The schemes of the door.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = SchemesPatch, required = false)]
    pub schemes: Option<SchemesPatch>,
    /// The issuers whose tokens are to be believed, whole: removing one ends the sessions that came by it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = IssuersPatch, required = false)]
    pub issuers: Option<IssuersPatch>,
}

/// The schemes of the door, each with the scheme of the model that it is.
macro_rules! all {
    ($($(#[doc = $doc:literal])+ $place:ident: $view:ident, $patch:ident is $scheme:ident;)+) => {
        /// The schemes of the door. Each is off until it is turned on.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub struct Schemes {
            $($(#[doc = $doc])+ pub $place: $view,)+
        }

        /// Changes schemes; what is left out stays.
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct SchemesPatch {
            $($(#[doc = $doc])+
            #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
            #[schema(value_type = $patch, required = false)]
            pub $place: Option<$patch>,)+
        }

        impl From<&model::Identity> for Schemes {
            fn from(identity: &model::Identity) -> Self {
                Self { $($place: (&identity.scheme(Scheme::$scheme)).into(),)+ }
            }
        }

        impl From<SchemesPatch> for BTreeMap<Scheme, model::SchemePatch> {
            fn from(patch: SchemesPatch) -> Self {
                let patches = [$((Scheme::$scheme, patch.$place.map(Into::into)),)+];
                patches.into_iter().filter_map(|(scheme, patch)| Some((scheme, patch?))).collect()
            }
        }
    };
}

all! {
    /// A signature of the user's id.
    hmac: HmacSettings, HmacPatch is Hmac;
    /// A token as TalkJS has them.
    talkjs: TalkjsSettings, TalkjsPatch is TalkJs;
    /// An access token as Twilio has them.
    twilio: TwilioSettings, TwilioPatch is Twilio;
    /// An access token as Agora has them.
    agora: AgoraSettings, AgoraPatch is Agora;
    /// A user token as Stream has them.
    stream: StreamSettings, StreamPatch is Stream;
    /// A token of one of `issuers`.
    jwt: JwtSettings, JwtPatch is Jwt;
    /// Nothing: somebody whom nobody knows.
    visitor: VisitorSettings, VisitorPatch is Visitor;
}

impl From<model::Identity> for Identity {
    fn from(identity: model::Identity) -> Self {
        let schemes = (&identity).into();
        let issuers = Issuers(identity.issuers.into_iter().map(Into::into).collect());
        Self { required: identity.required, schemes, issuers }
    }
}

impl From<IdentityPatch> for model::IdentityPatch {
    fn from(patch: IdentityPatch) -> Self {
        let issuers = |issuers: IssuersPatch| issuers.0.into_iter().map(Into::into).collect();
        Self {
            required: patch.required,
            schemes: patch.schemes.unwrap_or_default().into(),
            issuers: patch.issuers.map(issuers),
        }
    }
}
