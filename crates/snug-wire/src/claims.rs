//! The claims of an access token (JWT, RFC 7519), as the contract names them.

use serde::{Deserialize, Serialize};
use snug_model::{
    ConversationId, Invalid, Permission, PermissionSet, Timestamp, UserId, Voucher, limits, tokens::Claims,
    vouchers::Scheme,
};

/// An access token's claims. Claims that are not named here are passed over, as RFC 7519 asks; none of them widens anything.
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenClaims {
    /// The app's id.
    aud: Audience,
    /// The user's id.
    sub: String,
    /// When it was made, in seconds since 1970; Snug itself writes the milliseconds too.
    iat: f64,
    /// When it ends, likewise.
    exp: f64,
    /// From when it is good, if it says so.
    #[serde(default, deserialize_with = "crate::json::present", skip_serializing_if = "Option::is_none")]
    nbf: Option<f64>,
    /// Its own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    /// The only conversations that it reaches.
    #[serde(default, deserialize_with = "crate::json::present", skip_serializing_if = "Option::is_none")]
    only: Option<Vec<String>>,
    /// The only permissions that it carries.
    #[serde(default, deserialize_with = "crate::json::present", skip_serializing_if = "Option::is_none")]
    can: Option<Vec<String>>,
    /// How its bearer came by the door, in tokens that Snug signs itself; in others it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    via: Option<Via>,
}

/// How somebody came by the door.
#[derive(Debug, Serialize, Deserialize)]
struct Via {
    /// The scheme's name.
    scheme: String,
    /// The id of what it proved itself by.
    by: String,
}

/// One audience, or a list of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// Whether it is this one, or has it.
    pub(crate) fn has(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

impl TokenClaims {
    /// The claims of a token of `app`.
    pub fn new(claims: &Claims, app: &str) -> Self {
        Self {
            aud: Audience::One(app.to_owned()),
            sub: claims.user.as_str().to_owned(),
            iat: claims.issued_at.0 as f64 / 1_000.0,
            exp: claims.expires_at.0 as f64 / 1_000.0,
            nbf: claims.not_before.map(|bound| bound.0 as f64 / 1_000.0),
            jti: claims.jti.as_deref().map(str::to_owned),
            only: claims.only.as_ref().map(|only| only.iter().map(|id| id.as_str().to_owned()).collect()),
            can: claims.can.map(|can| can.iter().map(|permission| permission.name().to_owned()).collect()),
            via: match &claims.voucher {
                Voucher::Door { scheme, by } => {
                    Some(Via { scheme: scheme.name().to_owned(), by: by.as_ref().to_owned() })
                }
                Voucher::ApiKey(_) | Voucher::TokenKey(_) | Voucher::Issuer { .. } => None,
            },
        }
    }

    /// What vouched at the door, of a token that Snug signed itself. Of any other, nobody is to believe it.
    pub fn door(&self) -> Option<Voucher> {
        let via = self.via.as_ref()?;
        Some(Voucher::Door { scheme: Scheme::from_name(&via.scheme)?, by: via.by.as_str().into() })
    }

    /// The claims as the model has them, of a token for `audience`; `voucher` is what vouches for them, whose signature was
    /// verified.
    ///
    /// # Errors
    /// `Invalid` for an id that is none, for a list over its limit, and for a permission that nobody knows: to pass over
    /// that would make a token do more, or less, than its maker meant.
    pub fn into_claims(self, voucher: Voucher, audience: &str) -> Result<Claims, Invalid> {
        if !self.aud.has(audience) {
            return Err(Invalid::new("aud", "must be this app"));
        }
        let over = |len: usize, max: u64| len as u64 > max;
        if self.jti.as_ref().is_some_and(|jti| over(jti.len(), limits::JTI_BYTES_MAX)) {
            return Err(Invalid::new("jti", format!("must have at most {} bytes", limits::JTI_BYTES_MAX)));
        }
        if self.only.as_ref().is_some_and(|only| over(only.len(), limits::TOKEN_ONLY_MAX)) {
            return Err(Invalid::new(
                "only",
                format!("must have at most {} conversations", limits::TOKEN_ONLY_MAX),
            ));
        }
        let only =
            self.only.map(|only| only.iter().map(|id| ConversationId::parse(id)).collect::<Result<_, _>>());
        let unknown = || Invalid::new("can", "must have known permissions only");
        let permission = |name: &String| Permission::from_name(name).ok_or_else(unknown);
        let can = self.can.map(|can| can.iter().map(permission).collect::<Result<PermissionSet, _>>());
        Ok(Claims {
            voucher,
            user: UserId::parse(&self.sub)?,
            issued_at: time("iat", self.iat)?,
            expires_at: time("exp", self.exp)?,
            not_before: self.nbf.map(|bound| time("nbf", bound)).transpose()?,
            jti: self.jti.map(Into::into),
            only: only.transpose()?,
            can: can.transpose()?,
        })
    }
}

/// Seconds since 1970, which may have a fraction, to the millisecond: rounded down, so that no token is younger or lives
/// longer than it says, but by a thousandth of one, because a double meets few decimal fractions.
pub(crate) fn time(field: &str, seconds: f64) -> Result<Timestamp, Invalid> {
    // Far beyond every date, and far within what a double and a timestamp can hold.
    if !(0.0..=1e11).contains(&seconds) {
        return Err(Invalid::new(field, "must be a time"));
    }
    Ok(Timestamp((seconds * 1_000.0 + 0.001).floor() as i64))
}
