//! An app with what every act in it needs: settings, roles by number and by name, revoked tokens.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use snug_model::{
    AppId, AppKey, Invalid, PermissionSet, RoleKey,
    apps::{App, Settings},
    erasures::ErasedMessages,
    facts::{AppFacts, Demand},
    identity::Identity,
    origins::PageOrigin,
    permissions::Scope,
    rates::{OwnRates, Rates},
    retention::OwnRetention,
    role_tools::RoleId,
    text::{Emoji, Name, RoleName},
};
use snug_store::{AppRow, Mac};

use crate::role_use::RoleCounts;

/// A role, opened.
#[derive(Debug, Clone)]
pub(crate) struct RoleView {
    pub(crate) key: RoleKey,
    pub(crate) scope: Scope,
    pub(crate) name: RoleName,
    pub(crate) permissions: PermissionSet,
    /// What is used of it.
    pub(crate) uses: Arc<RoleCounts>,
}

impl RoleView {
    /// What it is called.
    pub(crate) fn id(&self) -> RoleId {
        RoleId { scope: self.scope, name: self.name.clone() }
    }
}

/// An app, opened.
pub(crate) struct AppContext {
    pub(crate) row: AppRow,
    pub(crate) name: Name,
    pub(crate) reactions: Vec<Emoji>,
    pub(crate) own_rates: OwnRates,
    /// The rates that hold.
    pub(crate) rates: Rates,
    /// Whose pages may talk to it.
    pub(crate) origins: Vec<PageOrigin>,
    pub(crate) identity: Identity,
    /// The text that people have to accept.
    pub(crate) consent: Option<Demand>,
    /// How long its data lives, as far as it has set that itself.
    pub(crate) retention: OwnRetention,
    /// Whether it keeps in its region.
    pub(crate) keep_in_region: bool,
    /// What becomes of the messages of who is erased.
    pub(crate) erased_messages: ErasedMessages,
    pub(crate) roles: HashMap<RoleKey, RoleView>,
    pub(crate) revoked: HashSet<Mac>,
}

impl AppContext {
    /// Its row number.
    pub(crate) fn key(&self) -> AppKey {
        self.row.key
    }

    /// Its id.
    pub(crate) fn id(&self) -> &AppId {
        &self.row.id
    }

    /// What a role grants; nothing where it is gone.
    pub(crate) fn permissions_of(&self, role: RoleKey) -> PermissionSet {
        self.roles.get(&role).map_or(PermissionSet::EMPTY, |role| role.permissions)
    }

    /// Whether the app's settings name a role: people get it by them, or tokens may be given it.
    pub(crate) fn is_named(&self, role: &RoleView) -> bool {
        let settings = &self.row.settings;
        let given = self.identity.schemes.values().filter_map(|scheme| scheme.may_mint.as_ref());
        let mut given =
            given.chain(self.identity.issuers.iter().filter_map(|issuer| issuer.may_mint.as_ref()));
        [settings.default_role, settings.member_role, settings.creator_role].contains(&role.key)
            || (role.scope == Scope::App && given.any(|name| *name == role.name))
    }

    /// A role's name.
    pub(crate) fn role_name(&self, role: RoleKey) -> RoleName {
        let gone = || RoleName::parse("?").unwrap_or_else(|_| unreachable!("it is one character"));
        self.roles.get(&role).map_or_else(gone, |role| role.name.clone())
    }

    /// The role of that scope and name.
    ///
    /// # Errors
    /// `Invalid`, naming `field`, where there is none.
    pub(crate) fn role(&self, scope: Scope, name: &RoleName, field: &str) -> Result<&RoleView, Invalid> {
        let of_name = |role: &&RoleView| role.scope == scope && role.name == *name;
        let none = || Invalid::new(field, format!("names no role of scope {}", scope.name()));
        self.roles.values().find(of_name).ok_or_else(none)
    }

    /// What of it decisions rest on.
    pub(crate) fn facts(&self) -> AppFacts {
        AppFacts {
            key: self.row.key,
            version: self.row.version,
            deleted: self.row.deleted_at.is_some(),
            auto_create_users: self.row.settings.auto_create_users,
            tokens_not_before: self.row.tokens_not_before,
            creator_role: self.permissions_of(self.row.settings.creator_role),
            member_role: self.permissions_of(self.row.settings.member_role),
            consent: self.consent.clone(),
        }
    }

    /// The app as it is shown.
    pub(crate) fn view(&self) -> App {
        App {
            id: self.row.id.clone(),
            name: self.name.clone(),
            region: self.row.region.clone(),
            settings: Settings {
                auto_create_users: self.row.settings.auto_create_users,
                default_role: self.role_name(self.row.settings.default_role),
                member_role: self.role_name(self.row.settings.member_role),
                creator_role: self.role_name(self.row.settings.creator_role),
                reactions: self.reactions.clone(),
                rates: self.rates,
                origins: self.origins.clone(),
                identity: self.identity.clone(),
                consent: self.consent.as_ref().map(|demand| (*demand.consent).clone()),
                retention: self.retention.in_force(),
                keep_in_region: self.keep_in_region,
                erased_messages: self.erased_messages,
            },
            created_at: self.row.created_at,
        }
    }
}
