//! Issuers whose tokens an app believes.

use serde::{Deserialize, Serialize};
use snug_model::{Timestamp, issuers as model, signatures};
use utoipa::ToSchema;

use crate::{ids::Region, json::lists, text::RoleName};

lists! {
    /// By which algorithms an issuer may sign.
    IssuersAlgorithms(IssuersAlgorithm) up to NAMES_PER_LIST_MAX;
    /// The issuers whose tokens the app believes.
    Issuers(Issuer) up to ISSUERS_MAX;
    /// The issuers whose tokens the app is to believe, whole.
    IssuersPatch(IssuerDraft) up to ISSUERS_MAX;
}

/// An algorithm by which an issuer may sign. Access tokens are signed by ES256 or EdDSA; at the door RS256 is taken too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum IssuersAlgorithm {
    /// ECDSA on P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// EdDSA on Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSA.
    #[serde(rename = "RS256")]
    Rs256,
}

/// An issuer whose tokens the app believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Issuer {
    /// What it calls itself in its tokens.
    pub iss: String,
    /// Where it publishes its public keys.
    pub jwks: String,
    /// By which algorithms its tokens may be signed.
    pub algs: IssuersAlgorithms,
    /// For whom its tokens must be made; null is the app, by its id.
    #[schema(required = true)]
    pub audience: Option<String>,
    /// The widest app role that its tokens can carry; null is the app's default role.
    #[schema(required = true)]
    pub may_mint: Option<RoleName>,
    /// In which region its keys are published, as was declared; null where nothing was.
    #[serde(default)]
    #[schema(required = true)]
    pub region: Option<Region>,
}

/// An issuer whose tokens the app is to believe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerDraft {
    /// What it calls itself in its tokens.
    #[schema(min_length = 1, max_length = 512)]
    pub iss: String,
    /// Where it publishes its public keys: an address that begins with `https://` and that everybody reaches.
    #[schema(min_length = 1, max_length = 512)]
    pub jwks: String,
    /// By which algorithms its tokens may be signed.
    pub algs: IssuersAlgorithms,
    /// For whom its tokens must be made; the app, by its id, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 512)]
    pub audience: Option<String>,
    /// The widest app role that its tokens can carry; the app's default role where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_mint: Option<RoleName>,
    /// In which region its keys are published, as far as you know. An app that keeps in its region takes none but its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

impl From<IssuersAlgorithm> for signatures::Algorithm {
    fn from(algorithm: IssuersAlgorithm) -> Self {
        match algorithm {
            IssuersAlgorithm::Es256 => Self::Es256,
            IssuersAlgorithm::EdDsa => Self::EdDsa,
            IssuersAlgorithm::Rs256 => Self::Rs256,
        }
    }
}

/// None of the algorithms by which issuers do not sign.
fn shown(algorithm: signatures::Algorithm) -> Option<IssuersAlgorithm> {
    match algorithm {
        signatures::Algorithm::Es256 => Some(IssuersAlgorithm::Es256),
        signatures::Algorithm::EdDsa => Some(IssuersAlgorithm::EdDsa),
        signatures::Algorithm::Rs256 => Some(IssuersAlgorithm::Rs256),
        signatures::Algorithm::Hs256 | signatures::Algorithm::Hs384 | signatures::Algorithm::Hs512 => None,
    }
}

impl From<model::Issuer> for Issuer {
    fn from(issuer: model::Issuer) -> Self {
        Self {
            iss: issuer.iss.as_ref().to_owned(),
            jwks: issuer.jwks.into_string(),
            algs: IssuersAlgorithms(issuer.algorithms.into_iter().filter_map(shown).collect()),
            audience: issuer.audience.map(Into::into),
            may_mint: issuer.may_mint.map(Into::into),
            region: issuer.region.map(Into::into),
        }
    }
}

impl From<IssuerDraft> for model::Issuer {
    fn from(draft: IssuerDraft) -> Self {
        Self {
            iss: draft.iss.into(),
            jwks: draft.jwks.into(),
            algorithms: draft.algs.0.into_iter().map(Into::into).collect(),
            audience: draft.audience.map(Into::into),
            may_mint: draft.may_mint.map(Into::into),
            region: draft.region.map(Into::into),
            since: Timestamp(0),
        }
    }
}
