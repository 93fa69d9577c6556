//! The core itself: its parts, its caches, and what runs beside the requests.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicI64},
};

use ipnet::IpNet;
use snug_model::{
    Actor, AppId, AppKey, ConversationId, ConversationKey, Invalid, KeyId, UserKey, facts::Demand,
    identity::Identity, ids::Region, secret::SecretText,
};
use snug_store::{AppRef, KeyRow, Store};

use tokio::sync::Notify;

use crate::{
    Error, Result,
    audit::Refusals,
    cache::Cache,
    clock::SharedClock,
    context::{AppContext, RoleView},
    facts::FactCache,
    hub::Hub,
    idempotency::InProgress,
    jwks::Jwks,
    jws::VerifyingKey,
    keys::KeyUse,
    memory::Memory,
    outbound::Outbound,
    people::Known,
    rates::Buckets,
    retention::PurgeTotals,
    role_use::RoleUse,
    sealing::{Keyed, OpenError, Place, Random, Sealer, SealingError},
    token_times::TokenTimes,
    usage::Usage,
    visitors::Silent,
};

/// What a core is made of.
pub struct Parts {
    /// The data.
    pub store: Arc<dyn Store>,
    /// Seals and opens, over the secrets, which live apart from the data.
    pub sealer: Sealer,
    /// The time.
    pub clock: SharedClock,
    /// How this node behaves.
    pub settings: Settings,
}

/// How this node behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where this node's apps live.
    pub region: Region,
    /// The addresses at which other regions are served, by their names.
    pub elsewhere: HashMap<Region, String>,
    /// Whether others than this machine reach it. Then everybody has to prove who they are.
    pub public: bool,
    /// Where it may ask for the keys of issuers.
    pub outbound: Outbound,
    /// What it asks outside for all its apps.
    pub outside: Vec<Outside>,
}

/// A service outside of Snug that a node asks for all its apps.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The setting that names it.
    pub setting: &'static str,
    /// By what it is asked: an address, or a program.
    pub address: String,
    /// In which region it is, as the operator declares it.
    pub region: Option<Region>,
}

impl Settings {
    /// What this node asks that is not declared to be in its region.
    pub fn asked_elsewhere(&self) -> Option<&Outside> {
        self.outside.iter().find(|outside| outside.region.as_ref() != Some(&self.region))
    }

    /// That an app may keep in its region here.
    pub(crate) fn keeps_in_region(&self) -> Result<()> {
        match self.asked_elsewhere() {
            None => Ok(()),
            Some(outside) => Err(Invalid::new(
                "settings.keep_in_region",
                format!(
                    "cannot be on: the server's `{}` is not declared to be in `{}`",
                    outside.setting,
                    self.region.as_str()
                ),
            )
            .into()),
        }
    }
}

/// The use cases, over one store.
pub struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sealer: Sealer,
    pub(crate) random: Random,
    pub(crate) clock: SharedClock,
    pub(crate) settings: Settings,
    pub(crate) facts: FactCache,
    pub(crate) known: Cache<(AppKey, UserKey), Arc<Known>>,
    pub(crate) conversation_ids: Cache<ConversationKey, ConversationId>,
    pub(crate) key_secrets: Cache<KeyId, Arc<SecretText>>,
    pub(crate) public_keys: Cache<KeyId, Arc<VerifyingKey>>,
    pub(crate) key_addresses: Cache<KeyId, Arc<Vec<IpNet>>>,
    pub(crate) app_ids: Cache<AppKey, AppId>,
    pub(crate) hub: Hub,
    pub(crate) in_progress: InProgress,
    pub(crate) key_use: KeyUse,
    pub(crate) jwks: Jwks,
    pub(crate) token_times: TokenTimes,
    pub(crate) buckets: Buckets,
    pub(crate) usage: Usage,
    pub(crate) role_use: RoleUse,
    pub(crate) jobs: Notify,
    pub(crate) purges: Notify,
    pub(crate) purge_counts: PurgeTotals,
    /// How far the data is known to have followed the key store's ledger.
    pub(crate) followed: AtomicI64,
    /// When the data was restored from a backup, in milliseconds since 1970; 0 where it never was.
    pub(crate) restored_at: AtomicI64,
    pub(crate) silent: Silent,
    pub(crate) refusals: Refusals,
    memory: Memory,
    /// What is wrong on purpose.
    #[cfg(feature = "controls")]
    pub(crate) controls: crate::controls::Controls,
}

impl Core {
    /// A core over these parts. What runs beside the requests runs in [`Core::run`].
    pub fn new(parts: Parts) -> Arc<Self> {
        let jwks = Jwks::new(parts.settings.outbound.clone(), Arc::clone(&parts.clock));
        Arc::new(Self {
            store: parts.store,
            sealer: parts.sealer,
            random: Random,
            clock: parts.clock,
            settings: parts.settings,
            facts: FactCache::new(),
            known: Cache::new(100_000),
            conversation_ids: Cache::new(100_000),
            key_secrets: Cache::new(1_000),
            public_keys: Cache::new(1_000),
            key_addresses: Cache::new(10_000),
            app_ids: Cache::new(10_000),
            hub: Hub::default(),
            in_progress: InProgress::default(),
            key_use: KeyUse::default(),
            jwks,
            token_times: TokenTimes::default(),
            buckets: Buckets::default(),
            usage: Usage::default(),
            role_use: RoleUse::default(),
            jobs: Notify::new(),
            purges: Notify::new(),
            purge_counts: PurgeTotals::default(),
            followed: AtomicI64::default(),
            restored_at: AtomicI64::default(),
            silent: Silent::new(),
            refusals: Refusals::default(),
            memory: Memory::default(),
            #[cfg(feature = "controls")]
            controls: Default::default(),
        })
    }

    /// Whether this node can serve: asks the store and the key store.
    ///
    /// # Errors
    /// `Unavailable` where one of them cannot be asked.
    pub async fn ready(&self) -> Result<()> {
        self.store.ready().await?;
        Ok(self.sealer.ready().await?)
    }

    /// Who is online.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// What seals, for the commands that replace its keys.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// How much memory this process may take, and whether it is short.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Rows that the store has handed over so far.
    pub fn rows_read(&self) -> u64 {
        self.store.rows_read()
    }

    /// How this node behaves.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The day, counted from 1970, UTC.
    pub fn today(&self) -> i64 {
        self.clock.now().day().into()
    }

    /// Checks that an app could be served here: its region is this node's.
    ///
    /// # Errors
    /// `Misdirected` where it is another's, told from the id alone.
    pub fn in_region(&self, app: &AppId) -> Result<()> {
        if app.region() == self.settings.region.as_str() {
            return Ok(());
        }
        Err(Region::parse(app.region())
            .map_or(Error::Misdirected { location: None }, |region| self.misdirected(&region)))
    }

    /// What is said of what belongs to another region.
    pub(crate) fn misdirected(&self, region: &Region) -> Error {
        Error::Misdirected {
            location: self.settings.elsewhere.get(region).map(|address| address.as_str().into()),
        }
    }

    /// An app that is not being deleted.
    pub(crate) async fn app_by_id(&self, id: &AppId, fresh: bool) -> Result<Option<Arc<AppContext>>> {
        if let Some(app) = self.facts.apps.get(id).filter(|_| !fresh) {
            return Ok(Some(app));
        }
        Ok(self.load_app(AppRef::Id(id.clone())).await?.filter(|app| app.row.deleted_at.is_none()))
    }

    /// The app of an actor; a deleted one too, for its decision refuses it.
    pub(crate) async fn app_by_key(&self, key: AppKey, fresh: bool) -> Result<Arc<AppContext>> {
        let cached = self.app_ids.get(&key).and_then(|id| self.facts.apps.get(&id));
        if let Some(app) = cached.filter(|_| !fresh) {
            return Ok(app);
        }
        self.load_app(AppRef::Key(key)).await?.ok_or(Error::Unauthenticated)
    }

    async fn load_app(&self, app: AppRef) -> Result<Option<Arc<AppContext>>> {
        let Some(record) = self.store.app(app, self.clock.now()).await? else { return Ok(None) };
        let sealed = record.roles.iter().map(|role| &role.name).chain([&record.app.profile]);
        let opener = self.sealer.opener(record.app.key, sealed).await?;
        let place = Place::app_profile(record.app.key, record.app.profile_version);
        let profile = match opener.open(&place, &record.app.profile) {
            // Of a deleted app the secrets go before the rows.
            Err(OpenError::Destroyed) if record.app.deleted_at.is_some() => return Ok(None),
            profile => profile?,
        };
        let mut roles = HashMap::with_capacity(record.roles.len());
        for role in &record.roles {
            let name = opener.open(&Place::role_name(record.app.key, role.key), &role.name)?;
            let view = RoleView {
                key: role.key,
                scope: role.scope,
                name,
                permissions: role.permissions,
                uses: self.role_use.of(record.app.key, role.key),
            };
            roles.insert(role.key, view);
        }
        let consent = match profile.consent {
            Some(consent) => {
                let mark = self.keyed(record.app.key).await?.macs.consent(&consent);
                Some(Demand { consent: Arc::new(consent), mark })
            }
            None => None,
        };
        let context = Arc::new(AppContext {
            name: profile.name,
            reactions: profile.reactions,
            rates: profile.rates.in_force(),
            own_rates: profile.rates,
            origins: profile.origins,
            // Set on a server that nobody else reached, it does not hold on one that others reach.
            identity: Identity {
                required: profile.identity.required || self.settings.public,
                ..profile.identity
            },
            consent,
            retention: profile.retention,
            keep_in_region: profile.keep_in_region,
            erased_messages: profile.erased_messages,
            roles,
            revoked: record.revoked_tokens.into_iter().collect(),
            row: record.app,
        });
        self.app_ids.insert(context.key(), context.id().clone());
        self.facts.apps.insert(context.id().clone(), Arc::clone(&context));
        Ok(Some(context))
    }

    /// A key's row; revoked ones too.
    pub(crate) async fn key_row(&self, id: &KeyId, fresh: bool) -> Result<Option<Arc<KeyRow>>> {
        if let Some(row) = self.facts.keys.get(id).filter(|_| !fresh) {
            return Ok(Some(row));
        }
        let row = self.store.key(id).await?.map(Arc::new);
        match &row {
            Some(row) => self.facts.keys.insert(id.clone(), Arc::clone(row)),
            None => self.facts.keys.invalidate(id),
        }
        Ok(row)
    }

    /// What is compared and handed out under an app's secret: its MACs and tokens.
    pub(crate) async fn keyed(&self, app: AppKey) -> Result<Arc<Keyed>> {
        self.sealer.keyed(app).await.map_err(of_the_app)
    }

    /// The app's part of an actor, opened.
    pub(crate) async fn app_of(&self, actor: &Actor) -> Result<Arc<AppContext>> {
        self.app_by_key(actor.app(), false).await
    }
}

/// What it means that something which the app's own secret locks does not open.
pub(crate) fn of_the_app(error: SealingError) -> Error {
    match error {
        // That secret goes with the app alone, whose credentials end before.
        SealingError::Open(OpenError::Destroyed) => Error::Unauthenticated,
        other => other.into(),
    }
}
