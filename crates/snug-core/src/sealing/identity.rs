//! How an app's settings of who may come in are laid out, as a part of its profile.

use minicbor::{CborLen, Decode, Encode};
use snug_model::{
    Timestamp,
    identity::{Identity, SchemeSecret, SchemeSettings, SecretId, VendorId},
    ids::Region,
    issuers::Issuer,
    origins::PageOrigin,
    secret::SecretText,
    signatures::Algorithm,
    text::RoleName,
    vouchers::Scheme,
};

/// Of who may come in.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub(super) struct IdentityLayout<'a> {
    /// Since when nobody has to prove who they are, if that is so.
    #[n(0)]
    not_required_since: Option<i64>,
    #[b(1)]
    #[cbor(default)]
    schemes: Vec<SchemeLayout<'a>>,
    #[b(2)]
    #[cbor(default)]
    issuers: Vec<IssuerLayout<'a>>,
}

/// Of an issuer.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
struct IssuerLayout<'a> {
    #[b(0)]
    iss: &'a str,
    #[b(1)]
    jwks: &'a str,
    #[b(2)]
    algorithms: Vec<&'a str>,
    #[b(3)]
    audience: Option<&'a str>,
    #[b(4)]
    may_mint: Option<&'a str>,
    #[n(5)]
    since: i64,
    #[b(6)]
    region: Option<&'a str>,
}

/// Of a scheme.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
struct SchemeLayout<'a> {
    #[n(0)]
    scheme: u8,
    /// Since when it is on, if it is.
    #[n(1)]
    since: Option<i64>,
    #[b(2)]
    may_mint: Option<&'a str>,
    #[n(3)]
    max_ttl_s: i64,
    #[b(4)]
    #[cbor(default)]
    secrets: Vec<SecretLayout<'a>>,
    #[b(5)]
    account: Option<&'a str>,
    #[b(6)]
    service: Option<&'a str>,
    #[n(7)]
    ttl_without_exp_s: Option<i64>,
    #[b(8)]
    #[cbor(default)]
    origins: Vec<&'a str>,
}

/// Of a scheme's secret.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
struct SecretLayout<'a> {
    #[b(0)]
    id: &'a str,
    #[b(1)]
    secret: &'a str,
    #[n(2)]
    created_at: i64,
}

impl<'a> IdentityLayout<'a> {
    /// Lays it out.
    pub(super) fn of(identity: &'a Identity) -> Self {
        Self {
            not_required_since: (!identity.required).then_some(identity.not_required_since.0),
            schemes: identity.schemes.iter().map(|(scheme, settings)| laid_out(*scheme, settings)).collect(),
            issuers: identity.issuers.iter().map(IssuerLayout::of).collect(),
        }
    }

    /// Takes it from its layout; none where that breaks a rule of a type. A scheme of a later version is passed over: here it is off.
    pub(super) fn identity(self) -> Option<Identity> {
        let schemes = self.schemes.into_iter().filter_map(|layout| Some((scheme(layout.scheme)?, layout)));
        let schemes = schemes.map(|(scheme, layout)| Some((scheme, layout.settings()?)));
        Some(Identity {
            required: self.not_required_since.is_none(),
            not_required_since: Timestamp(self.not_required_since.unwrap_or(0)),
            schemes: schemes.collect::<Option<_>>()?,
            issuers: self.issuers.into_iter().map(IssuerLayout::issuer).collect::<Option<_>>()?,
        })
    }
}

fn laid_out(scheme: Scheme, settings: &SchemeSettings) -> SchemeLayout<'_> {
    SchemeLayout {
        scheme: code(scheme),
        since: settings.enabled.then_some(settings.since.0),
        may_mint: settings.may_mint.as_ref().map(RoleName::as_str),
        max_ttl_s: settings.max_ttl_s,
        secrets: settings.secrets.iter().map(SecretLayout::of).collect(),
        account: settings.account.as_ref().map(VendorId::as_str),
        service: settings.service.as_ref().map(VendorId::as_str),
        ttl_without_exp_s: settings.ttl_without_exp_s,
        origins: settings.origins.iter().map(PageOrigin::as_str).collect(),
    }
}

impl<'a> IssuerLayout<'a> {
    fn of(issuer: &'a Issuer) -> Self {
        Self {
            iss: &issuer.iss,
            jwks: &issuer.jwks,
            algorithms: issuer.algorithms.iter().map(|algorithm| algorithm.name()).collect(),
            audience: issuer.audience.as_deref(),
            may_mint: issuer.may_mint.as_ref().map(RoleName::as_str),
            since: issuer.since.0,
            region: issuer.region.as_ref().map(Region::as_str),
        }
    }

    fn issuer(self) -> Option<Issuer> {
        Some(Issuer {
            iss: self.iss.into(),
            jwks: self.jwks.into(),
            algorithms: self.algorithms.into_iter().map(Algorithm::from_name).collect::<Option<_>>()?,
            audience: self.audience.map(Into::into),
            may_mint: self.may_mint.map(RoleName::parse).transpose().ok()?,
            since: Timestamp(self.since),
            region: self.region.map(Region::parse).transpose().ok()?,
        })
    }
}

impl<'a> SecretLayout<'a> {
    fn of(secret: &'a SchemeSecret) -> Self {
        Self { id: secret.id.as_str(), secret: secret.secret.expose(), created_at: secret.created_at.0 }
    }
}

impl SchemeLayout<'_> {
    fn settings(self) -> Option<SchemeSettings> {
        let vendor = |id: Option<&str>| id.map(VendorId::parse).transpose().ok();
        let origins = self.origins.into_iter().map(PageOrigin::parse);
        let secrets = self.secrets.into_iter().map(|layout| {
            Some(SchemeSecret {
                id: SecretId::parse(layout.id).ok()?,
                secret: SecretText::new(layout.secret.to_owned()),
                created_at: Timestamp(layout.created_at),
            })
        });
        Some(SchemeSettings {
            enabled: self.since.is_some(),
            since: Timestamp(self.since.unwrap_or(0)),
            may_mint: self.may_mint.map(RoleName::parse).transpose().ok()?,
            max_ttl_s: self.max_ttl_s,
            secrets: secrets.collect::<Option<_>>()?,
            account: vendor(self.account)?,
            service: vendor(self.service)?,
            ttl_without_exp_s: self.ttl_without_exp_s,
            origins: origins.collect::<Result<_, _>>().ok()?,
        })
    }
}

/// The stored code of a scheme; none is ever given a second meaning.
fn code(scheme: Scheme) -> u8 {
    match scheme {
        Scheme::Hmac => 1,
        Scheme::TalkJs => 2,
        Scheme::Twilio => 3,
        Scheme::Agora => 4,
        Scheme::Stream => 5,
        Scheme::Visitor => 6,
        Scheme::Jwt => 7,
    }
}

fn scheme(stored: u8) -> Option<Scheme> {
    Scheme::ALL.iter().copied().find(|scheme| code(*scheme) == stored)
}
