//! Who may come in by the door: the settings, and what they leave of the sessions that came by them.

use std::sync::Arc;

use aws_lc_rs::digest;
use snug_model::{
    Invalid, Timestamp, Voucher,
    facts::SettingsVoucher,
    identity::{Identity, IdentityPatch, secret_field},
    issuers::parts_of_key_name,
    limits, permissions,
    vouchers::Scheme,
};
use snug_store::Page;

use crate::{Core, Result, authorize::Allowed, context::AppContext, hub::Close};

/// What vouches for who came by `hmac` without a signature, where that is believed. No secret is called so.
pub(crate) const UNPROVEN: &str = "";

impl Core {
    /// What an app's settings of who may come in become by `patch`.
    ///
    /// # Errors
    /// `Invalid`, naming the field: see [`Identity::patched`]; also for a role that is none, for a secret that is an API key's, and
    /// where nobody would have to prove who they are on a server that others reach.
    pub(crate) async fn patched_identity(
        &self,
        allowed: &Allowed,
        patch: &IdentityPatch,
    ) -> Result<Identity> {
        let app = &allowed.app;
        if patch.required == Some(false) && self.settings.public {
            return Err(Invalid::new(
                "settings.identity.required",
                "cannot be turned off: this server listens on an address that others reach",
            )
            .into());
        }
        for (scheme, patch) in &patch.schemes {
            if let Some(Some(role)) = &patch.may_mint {
                let field = format!("settings.identity.schemes.{}.may_mint", scheme.name());
                app.role(permissions::Scope::App, role, &field)?;
            }
        }
        for (at, issuer) in patch.issuers.iter().flatten().enumerate() {
            let field = |field: &str| format!("settings.identity.issuers[{at}].{field}");
            let address = self.jwks.outbound().address(&issuer.jwks);
            address.map_err(|invalid| Invalid::new(field("jwks"), invalid.reason))?;
            if let Some(role) = &issuer.may_mint {
                app.role(permissions::Scope::App, role, &field("may_mint"))?;
            }
        }
        // After all revocations so far, and not before any token so far: what is turned on now vouches for neither.
        let at = self.token_times.revoke(self.token_times.issue(self.clock.now(), []));
        let identity = app.identity.patched(patch, at)?;
        self.refuse_secrets_of_keys(allowed, patch).await?;
        Ok(identity)
    }

    /// Refuses to add a secret that an API key has: whoever signs ids with it would sign access tokens.
    async fn refuse_secrets_of_keys(&self, allowed: &Allowed, patch: &IdentityPatch) -> Result<()> {
        let added = patch.schemes.iter().flat_map(|(scheme, patch)| {
            let secrets = patch.secrets.iter();
            secrets.filter_map(|(id, secret)| Some((*scheme, id, secret.as_ref()?)))
        });
        // As the key sends it, or the secret alone.
        let added: Vec<_> = added
            .map(|(scheme, id, secret)| {
                let text = secret.expose();
                let alone = text.strip_prefix("sk_").and_then(|rest| rest.split_once('_'));
                let alone = alone.map_or(text, |(_, alone)| alone);
                (scheme, id, digest::digest(&digest::SHA256, alone.as_bytes()))
            })
            .collect();
        if added.is_empty() {
            return Ok(());
        }
        let mut after = None;
        loop {
            let page = Page { after, limit: limits::PAGE_ITEMS_MAX as i64, descending: false };
            let keys = self.store.list_keys(&allowed.permit, page).await?;
            for (_, key) in &keys {
                if let Some((scheme, id, _)) =
                    added.iter().find(|(.., digest)| digest.as_ref() == key.secret_hash)
                {
                    return Err(Invalid::new(secret_field(*scheme, id), "is the secret of an API key").into());
                }
            }
            match keys.last() {
                Some((last, _)) => after = Some(*last),
                None => return Ok(()),
            }
        }
    }

    /// Closes the sessions of an app that came by what its settings, as they are now, no longer let in.
    pub(crate) fn close_unvouched(&self, app: &Arc<AppContext>) {
        self.hub.directory.each_of_app(app.key(), |session| {
            let grant = session.grant();
            let of_settings = matches!(grant.voucher, Voucher::Door { .. } | Voucher::Issuer { .. });
            let vouched = app.vouching(&grant.voucher).is_some_and(|voucher| {
                voucher.good && voucher.tokens_not_before.is_none_or(|bound| bound < grant.issued_at)
            });
            if of_settings && !vouched {
                session.close(Close::Unauthenticated);
            }
        });
    }
}

impl AppContext {
    /// What vouches at the door under that name, as the settings have it.
    pub(crate) fn vouching_at_door(&self, scheme: Scheme, by: &Arc<str>) -> Option<SettingsVoucher> {
        let settings = self.identity.schemes.get(&scheme)?;
        let since = match scheme {
            Scheme::Visitor => settings.since,
            Scheme::Hmac if by.as_ref() == UNPROVEN => settings.since.max(self.identity.not_required_since),
            Scheme::Jwt => settings.since.max(self.issuer(parts_of_key_name(by)?.0)?.since),
            _ => settings.since.max(settings.secret(by)?.created_at),
        };
        let believed = scheme != Scheme::Hmac || by.as_ref() != UNPROVEN || !self.identity.required;
        Some(SettingsVoucher {
            voucher: Voucher::Door { scheme, by: Arc::clone(by) },
            good: settings.enabled && believed,
            may_mint: self.may_mint(settings.may_mint.as_ref()),
            tokens_not_before: Some(since).filter(|since| *since > Timestamp(0)),
        })
    }

    /// What the app role of that name grants; the default role's where none is named, and nothing where it is gone.
    pub(crate) fn may_mint(&self, role: Option<&snug_model::text::RoleName>) -> snug_model::PermissionSet {
        let default = || self.permissions_of(self.row.settings.default_role);
        let named = |role| self.role(permissions::Scope::App, role, "").map(|role| role.permissions);
        role.map_or_else(default, |role| named(role).unwrap_or_default())
    }
}
