//! Who may come in by the door, and what vouches for them there: an app's settings for each scheme.

use std::{collections::BTreeMap, fmt};

use crate::{
    ids::Region, invalid::Invalid, issuers::Issuer, limits, origins::PageOrigin, secret::SecretText,
    text::RoleName, time::Timestamp, vouchers::Scheme,
};

/// Where the settings of this file stand, for the field that a refusal names.
const FIELD: &str = "settings.identity";

/// Names that go into tokens and settings as they are.
macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Reads one: 1 to 64 letters, digits, hyphens and underscores.
            ///
            /// # Errors
            /// `Invalid` for every other text.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) {
                    return Err(Invalid::new("", "must have 1 to 64 letters, digits, hyphens and underscores"));
                }
                Ok(Self(text.into()))
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    )+};
}

names! {
    /// Names a secret that an app keeps for a scheme: chosen by who adds it; for Twilio it is the API key's own id.
    SecretId;
    /// What a vendor calls an app, an account or a service of the customer's.
    VendorId;
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A secret that an app shares with another system, or with its own back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemeSecret {
    /// What it is called.
    pub id: SecretId,
    /// The secret, as the other system writes it; its bytes are what signs.
    pub secret: SecretText,
    /// When it was added. Nothing that came by an earlier secret of this name comes by this one.
    pub created_at: Timestamp,
}

/// Who may come in, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whether everybody has to prove who they are. Where it is off, `hmac` believes a client without a signature: for trying out,
    /// on a server that nobody else reaches.
    pub required: bool,
    /// When `required` was last turned off.
    pub not_required_since: Timestamp,
    /// The schemes that keep their settings here; what is not in it was never set.
    pub schemes: BTreeMap<Scheme, SchemeSettings>,
    /// The issuers whose tokens are believed.
    pub issuers: Vec<Issuer>,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            required: true,
            not_required_since: Timestamp(0),
            schemes: BTreeMap::new(),
            issuers: Vec::new(),
        }
    }
}

/// How a scheme is set. What a scheme has no use for stays empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemeSettings {
    /// Whether it is on.
    pub enabled: bool,
    /// When it was last turned on: what came by it before has ended.
    pub since: Timestamp,
    /// The widest app role that its sessions have; the app's default role where nothing is said.
    pub may_mint: Option<RoleName>,
    /// How long a token lives that is given for it, in seconds, at most.
    pub max_ttl_s: i64,
    /// The secrets that are good.
    pub secrets: Vec<SchemeSecret>,
    /// The vendor's app or account, for which its tokens must be made.
    pub account: Option<VendorId>,
    /// The vendor's service within the account, likewise.
    pub service: Option<VendorId>,
    /// How long a token is good that does not say when it ends, in seconds after it was made; none is not at all.
    pub ttl_without_exp_s: Option<i64>,
    /// The pages whose visitors may come in, of those that may talk to the app; empty is all of them.
    pub origins: Vec<PageOrigin>,
}

impl Default for SchemeSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            since: Timestamp(0),
            may_mint: None,
            max_ttl_s: limits::TOKEN_LIFE_S_DEFAULT as i64,
            secrets: Vec::new(),
            account: None,
            service: None,
            ttl_without_exp_s: None,
            origins: Vec::new(),
        }
    }
}

/// What is to change of who may come in; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct IdentityPatch {
    /// Whether everybody has to prove who they are.
    pub required: Option<bool>,
    /// The schemes.
    pub schemes: BTreeMap<Scheme, SchemePatch>,
    /// The issuers whose tokens are to be believed, whole.
    pub issuers: Option<Vec<Issuer>>,
}

/// What is to change of a scheme; what is left out stays, and `Some(None)` takes away.
#[derive(Debug, Clone, Default)]
pub struct SchemePatch {
    /// Whether it is on.
    pub enabled: Option<bool>,
    /// The widest app role that its sessions have.
    pub may_mint: Option<Option<RoleName>>,
    /// How long a token lives that is given for it, in seconds, at most.
    pub max_ttl_s: Option<i64>,
    /// Secrets to add, and with none those to remove.
    pub secrets: BTreeMap<SecretId, Option<SecretText>>,
    /// The vendor's app or account.
    pub account: Option<Option<VendorId>>,
    /// The vendor's service.
    pub service: Option<Option<VendorId>>,
    /// How long a token is good that does not say when it ends.
    pub ttl_without_exp_s: Option<Option<i64>>,
    /// The pages whose visitors may come in, whole.
    pub origins: Option<Vec<PageOrigin>>,
}

impl Identity {
    /// How a scheme is set.
    pub fn scheme(&self, scheme: Scheme) -> SchemeSettings {
        self.schemes.get(&scheme).cloned().unwrap_or_default()
    }

    /// What it becomes by `patch` at `now`.
    ///
    /// # Errors
    /// `Invalid`, naming the field, where a scheme would be on without what it needs, have more secrets than it may, or share one with
    /// another: whoever holds it could then speak for both.
    pub fn patched(&self, patch: &IdentityPatch, now: Timestamp) -> Result<Self, Invalid> {
        let mut identity = self.clone();
        identity.required = patch.required.unwrap_or(self.required);
        if self.required && !identity.required {
            identity.not_required_since = now;
        }
        for (scheme, patch) in &patch.schemes {
            let settings = self.scheme(*scheme).patched(*scheme, patch, now)?;
            identity.schemes.insert(*scheme, settings);
        }
        if let Some(issuers) = &patch.issuers {
            identity.issuers = self.with_issuers(issuers, now)?;
        }
        identity.shares_no_secret()?;
        Ok(identity)
    }

    /// The issuers that are to be believed from `now` on. One that was believed before, with keys from the same place, goes on.
    fn with_issuers(&self, issuers: &[Issuer], now: Timestamp) -> Result<Vec<Issuer>, Invalid> {
        let mut all: Vec<Issuer> = Vec::with_capacity(issuers.len());
        for (at, issuer) in issuers.iter().enumerate() {
            let field = format!("{FIELD}.issuers[{at}]");
            let within =
                |invalid: Invalid| Invalid::new(format!("{field}.{}", invalid.field), invalid.reason);
            issuer.check().map_err(within)?;
            if all.iter().any(|other| other.iss == issuer.iss) {
                return Err(Invalid::new(format!("{field}.iss"), "is another issuer's too"));
            }
            let same = |it: &&Issuer| it.iss == issuer.iss && it.jwks == issuer.jwks;
            let since = self.issuers.iter().find(same).map_or(now, |it| it.since);
            all.push(Issuer { since, ..issuer.clone() });
        }
        Ok(all)
    }

    /// That no issuer is asked outside of `region`, where the app is to keep in its own.
    ///
    /// # Errors
    /// `Invalid`, naming the first issuer that is not declared to be there.
    pub fn keeps_in(&self, region: &Region) -> Result<(), Invalid> {
        match self.issuers.iter().position(|issuer| issuer.region.as_ref() != Some(region)) {
            None => Ok(()),
            Some(at) => {
                let reason = format!(
                    "must be `{}`, the app's own, since `settings.keep_in_region` is on",
                    region.as_str()
                );
                Err(Invalid::new(format!("{FIELD}.issuers[{at}].region"), reason))
            }
        }
    }

    fn shares_no_secret(&self) -> Result<(), Invalid> {
        let all = || {
            self.schemes
                .iter()
                .flat_map(|(scheme, settings)| settings.secrets.iter().map(|secret| (*scheme, secret)))
        };
        for (place, (scheme, secret)) in all().enumerate() {
            let same = |(other, earlier): &(Scheme, &SchemeSecret)| {
                earlier.secret == secret.secret && !are_one_vendors(*other, scheme)
            };
            if all().take(place).any(|earlier| same(&earlier)) {
                return Err(Invalid::new(
                    secret_field(scheme, &secret.id),
                    "is a secret that the app has already, for this or another scheme",
                ));
            }
        }
        Ok(())
    }
}

/// Whether two schemes are TalkJS's own pair, which has one secret by design.
fn are_one_vendors(one: Scheme, other: Scheme) -> bool {
    matches!((one, other), (Scheme::Hmac, Scheme::TalkJs) | (Scheme::TalkJs, Scheme::Hmac))
}

impl SchemeSettings {
    /// The secret of that name.
    pub fn secret(&self, id: &str) -> Option<&SchemeSecret> {
        self.secrets.iter().find(|secret| secret.id.as_str() == id)
    }

    fn patched(&self, scheme: Scheme, patch: &SchemePatch, now: Timestamp) -> Result<Self, Invalid> {
        let mut settings = Self {
            enabled: patch.enabled.unwrap_or(self.enabled),
            since: self.since,
            may_mint: patch.may_mint.clone().unwrap_or_else(|| self.may_mint.clone()),
            max_ttl_s: patch.max_ttl_s.unwrap_or(self.max_ttl_s),
            secrets: self.secrets.clone(),
            account: patch.account.clone().unwrap_or_else(|| self.account.clone()),
            service: patch.service.clone().unwrap_or_else(|| self.service.clone()),
            ttl_without_exp_s: patch.ttl_without_exp_s.unwrap_or(self.ttl_without_exp_s),
            origins: patch.origins.clone().unwrap_or_else(|| self.origins.clone()),
        };
        if settings.enabled && !self.enabled {
            settings.since = now;
        }
        // First those that go, so that one can take another's place in one call.
        settings.secrets.retain(|secret| !matches!(patch.secrets.get(&secret.id), Some(None)));
        for (id, secret) in &patch.secrets {
            if let Some(secret) = secret {
                settings.add_secret(scheme, id, secret, now)?;
            }
        }
        settings.has_what_it_needs(scheme)?;
        Ok(settings)
    }

    fn add_secret(
        &mut self,
        scheme: Scheme,
        id: &SecretId,
        secret: &SecretText,
        now: Timestamp,
    ) -> Result<(), Invalid> {
        let refused = |reason: &str| Err(Invalid::new(secret_field(scheme, id), reason));
        match self.secret(id.as_str()) {
            // The same call again.
            Some(there) if there.secret == *secret => return Ok(()),
            Some(_) => {
                return refused(
                    "has another secret: give the new one a name of its own, or remove this one first",
                );
            }
            None => {}
        }
        if self.secrets.len() as u64 == limits::SCHEME_SECRETS_MAX {
            return refused("is one too many: remove another first");
        }
        if scheme == Scheme::Agora && !is_hex_32(secret.expose()) {
            return refused("must be a certificate: 32 hexadecimal digits");
        }
        self.secrets.push(SchemeSecret { id: id.clone(), secret: secret.clone(), created_at: now });
        Ok(())
    }

    /// That a scheme which is on knows for which of the vendor's apps its tokens must be made.
    fn has_what_it_needs(&self, scheme: Scheme) -> Result<(), Invalid> {
        let needs = |there: bool, field: &str, what: &str| {
            let refused = || Invalid::new(format!("{FIELD}.schemes.{}.{field}", scheme.name()), what);
            if there { Ok(()) } else { Err(refused()) }
        };
        let unset = "must be set before the scheme can be on";
        if !self.enabled {
            return Ok(());
        }
        match scheme {
            Scheme::TalkJs => needs(self.account.is_some(), "app_id", unset),
            Scheme::Twilio => {
                needs(self.account.is_some(), "account_sid", unset)?;
                needs(self.service.is_some(), "service_sid", unset)
            }
            Scheme::Agora => {
                let hex = self.account.as_ref().is_some_and(|id| is_hex_32(id.as_str()));
                needs(self.account.is_some(), "app_id", unset)?;
                needs(hex, "app_id", "must be 32 hexadecimal digits")
            }
            Scheme::Hmac | Scheme::Stream | Scheme::Visitor | Scheme::Jwt => Ok(()),
        }
    }
}

/// The field of a scheme's secret.
pub fn secret_field(scheme: Scheme, id: &SecretId) -> String {
    format!("{FIELD}.schemes.{}.secrets.{id}.secret", scheme.name())
}

fn is_hex_32(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
