//! Apps: make, list, see, change, delete.

use snug_model::{
    Action, Actor, AppId, AppKey, Facts, Permit, RoleKey, Version,
    apps::{App, AppDraft, AppPatch},
    erasures::ErasedMessages,
    identity::Identity,
    permissions::Scope,
    policy,
    rates::OwnRates,
    retention::OwnRetention,
    roles,
    text::RoleName,
};
use snug_store::{AppEdit, AppRow, JobKind, RoleRow, SettingsRow};

use crate::{
    Core, Error, OnceKey, Result,
    audit::{About, Noted},
    authorize::{Ask, decided},
    consents::patched_consent,
    context::AppContext,
    facts,
    hub::Close,
    jobs::Job,
    paging::{Listed, PageAsk},
    sealing::{AppProfile, Place},
};

impl Core {
    /// A permit for an act on the installation, which has no row and so no versions but its key's. As everywhere, it comes with what is
    /// to be entered of it, and a denial is entered.
    pub(crate) async fn installation_permit(&self, ask: &Ask<'_>) -> Result<Permit> {
        let mut facts = Facts::default();
        if let Actor::Key(key) = ask.actor {
            facts.key = self.key_row(&key.key, true).await?.map(|row| facts::of_key(&row, None));
        }
        let decided = policy::decide(ask.actor, &ask.action, &facts, self.clock.now());
        #[cfg(feature = "controls")]
        let decided = self.controls.decided(ask.actor, &facts, decided);
        match (decided.map_err(Error::from), Self::attempt_at(ask, None)) {
            (Ok(permit), _) => match Self::act_of(ask, &permit) {
                Some(act) => self.installation_entry(ask, act, permit).await,
                None => Ok(permit),
            },
            (Err(refusal), attempt) => {
                if let Some(attempt) = attempt {
                    self.enter_refusal(ask, attempt, &refusal).await;
                }
                Err(refusal)
            }
        }
    }

    /// Makes an app, with the default roles, in this node's region.
    ///
    /// # Errors
    /// `Misdirected` where another region is asked for.
    pub async fn create_app(&self, actor: &Actor, draft: &AppDraft, once: Option<&OnceKey>) -> Result<App> {
        let region = draft.region.as_ref().unwrap_or(&self.settings.region);
        let id = AppId::from_random(region, &self.random.id_part()?);
        let noted = Noted::about(About::App(id.clone())).named(draft.name.as_str());
        let permit = self.installation_permit(&Ask::in_app(actor, Action::CreateApp).noted(noted)).await?;
        let once = self.first_time(&permit, once).await?;
        if *region != self.settings.region {
            return Err(self.misdirected(region));
        }
        let key = AppKey(self.store.reserve(1).await?.start);
        self.sealer.new_app(key).await?;
        let roles = self.default_roles(key).await?;
        let role = |scope: Scope, name: &str| {
            let place = roles::defaults().iter().position(|(of, called, _)| *of == scope && *called == name);
            place
                .and_then(|place| roles.get(place))
                .map(|role: &RoleRow| role.key)
                .ok_or_else(|| Error::internal("no role"))
        };
        let profile = AppProfile {
            name: draft.name.clone(),
            reactions: Vec::new(),
            rates: OwnRates::default(),
            origins: Vec::new(),
            identity: Identity::default(),
            consent: None,
            retention: OwnRetention::default(),
            keep_in_region: false,
            erased_messages: ErasedMessages::default(),
        };
        let row = AppRow {
            key,
            id,
            region: region.clone(),
            profile: self.sealer.seal(&Place::app_profile(key, 1), &profile).await?,
            profile_version: 1,
            settings: SettingsRow {
                auto_create_users: true,
                default_role: role(Scope::App, roles::USER)?,
                member_role: role(Scope::Conversation, roles::MEMBER)?,
                creator_role: role(Scope::Conversation, roles::OWNER)?,
            },
            version: Version(1),
            tokens_not_before: None,
            created_at: self.clock.now(),
            deleted_at: None,
        };
        self.store.create_app(&permit, row.clone(), roles, once.as_ref().map(|once| once.once)).await?;
        Ok(self.app_by_key(key, true).await?.view())
    }

    async fn default_roles(&self, app: AppKey) -> Result<Vec<RoleRow>> {
        let defaults = roles::defaults();
        let keys = self.store.reserve(defaults.len() as u32).await?;
        let macs = self.keyed(app).await?;
        let mut rows = Vec::with_capacity(defaults.len());
        for ((scope, name, permissions), key) in defaults.into_iter().zip(keys) {
            let name = RoleName::parse(name)?;
            let key = RoleKey(key);
            rows.push(RoleRow {
                key,
                scope,
                name_mac: macs.macs.role_name(scope, &name),
                name: self.sealer.seal(&Place::role_name(app, key), &name).await?,
                permissions,
            });
        }
        Ok(rows)
    }

    /// The apps of the installation.
    pub async fn list_apps(&self, actor: &Actor, page: &PageAsk<'_>) -> Result<Listed<App>> {
        let permit = self.installation_permit(&Ask::in_app(actor, Action::ListApps)).await?;
        let from = self.open_page(actor, page).await?;
        let rows = self.store.list_apps(&permit, from).await?;
        let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.key.0)).await?;
        let mut apps = Vec::with_capacity(rows.len());
        for row in rows {
            apps.push(self.app_by_key(row.key, true).await?.view());
        }
        Ok(Listed { next, ..Listed::whole(apps) })
    }

    /// The actor's app.
    pub async fn app(&self, actor: &Actor) -> Result<App> {
        let ask = Ask::in_app(actor, Action::ReadApp).with_rows();
        decided!(self, ask.clone(), |allowed| async { Ok::<_, Error>(allowed.app.view()) })
    }

    /// Changes the actor's app; what `patch` leaves out stays. Before this returns, sessions that nothing vouches for any more are
    /// closed, and those that lack a consent without which they do not read hear nothing any more.
    pub async fn edit_app(&self, actor: &Actor, patch: &AppPatch) -> Result<App> {
        let ask = Ask::in_app(actor, Action::EditApp).noted(Noted::of_app(patch)).with_rows();
        decided!(self, ask.clone(), |allowed| async {
            let app = &allowed.app;
            let version = app.row.profile_version + 1;
            let profile = AppProfile {
                name: patch.name.clone().unwrap_or_else(|| app.name.clone()),
                reactions: patch.settings.reactions.clone().unwrap_or_else(|| app.reactions.clone()),
                origins: patch.settings.origins.clone().unwrap_or_else(|| app.origins.clone()),
                rates: app.own_rates.patched(&patch.settings.rates, "settings.rates")?,
                identity: self.patched_identity(&allowed, &patch.settings.identity).await?,
                consent: patched_consent(app, patch.settings.consent.as_ref())?,
                retention: app.retention.patched(&patch.settings.retention, "settings.retention")?,
                keep_in_region: patch.settings.keep_in_region.unwrap_or(app.keep_in_region),
                erased_messages: patch.settings.erased_messages.unwrap_or(app.erased_messages),
            };
            if profile.keep_in_region {
                profile.identity.keeps_in(&app.row.region)?;
                self.settings.keeps_in_region()?;
            }
            let edit = AppEdit {
                profile: self.sealer.seal(&Place::app_profile(app.key(), version), &profile).await?,
                profile_version: version,
                settings: settings_row(app, patch)?,
            };
            self.store.edit_app(&allowed.permit, edit).await?;
            let app = self.app_by_key(app.key(), true).await?;
            self.close_unvouched(&app);
            self.withhold_from_who_lacks_consent(&app)?;
            Ok(app.view())
        })
    }

    /// Begins the deletion of the actor's app with all it holds; every session in it is closed before this returns.
    pub async fn delete_app(&self, actor: &Actor) -> Result<Job> {
        let ask = Ask::in_app(actor, Action::DeleteApp).with_rows();
        decided!(self, ask.clone(), |allowed| async {
            let job = self.new_job(actor.app(), JobKind::DeleteApp)?;
            self.store.delete_app(&allowed.permit, job.clone()).await?;
            self.facts.forget_app(allowed.app.id());
            self.hub.forget_lanes_of(actor.app());
            self.hub.directory.each_of_app(actor.app(), |session| session.close(Close::Unauthenticated));
            self.wake_jobs();
            Ok(job.into())
        })
    }

    /// The app of that id, for who has the data folder.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub async fn system_actor(&self, app: &AppId) -> Result<Actor> {
        Ok(Actor::System(self.app_by_id(app, true).await?.ok_or(Error::NotFound)?.key()))
    }
}

fn settings_row(app: &AppContext, patch: &AppPatch) -> Result<SettingsRow> {
    let current = &app.row.settings;
    let role = |scope, name: &Option<RoleName>, field: &str, current| match name {
        Some(name) => app.role(scope, name, &format!("settings.{field}")).map(|role| role.key),
        None => Ok(current),
    };
    let settings = &patch.settings;
    Ok(SettingsRow {
        auto_create_users: settings.auto_create_users.unwrap_or(current.auto_create_users),
        default_role: role(Scope::App, &settings.default_role, "default_role", current.default_role)?,
        member_role: role(Scope::Conversation, &settings.member_role, "member_role", current.member_role)?,
        creator_role: role(
            Scope::Conversation,
            &settings.creator_role,
            "creator_role",
            current.creator_role,
        )?,
    })
}
