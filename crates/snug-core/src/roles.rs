//! Roles: list, set, delete.

use snug_model::{
    Action, Actor, Invalid, RoleKey, audit::Act, limits, permissions::Scope, roles::Role, text::RoleName,
};
use snug_store::RoleRow;

use crate::{
    Core, Error, Result,
    audit::{About, Noted},
    authorize::{Ask, decided},
    paging::Listed,
    publish::Outcome,
    sealing::Place,
};

impl Core {
    /// The app's roles, by scope and name.
    pub async fn list_roles(&self, actor: &Actor) -> Result<Listed<Role>> {
        let ask = Ask::in_app(actor, Action::ListRoles).with_rows();
        decided!(self, ask.clone(), |allowed| async {
            let show = |role: &crate::context::RoleView| Role {
                scope: role.scope,
                name: role.name.clone(),
                permissions: role.permissions,
            };
            let mut roles: Vec<Role> = allowed.app.roles.values().map(show).collect();
            roles.sort_by(|one, other| {
                (one.scope.name(), one.name.as_str()).cmp(&(other.scope.name(), other.name.as_str()))
            });
            Ok::<_, Error>(Listed::whole(roles))
        })
    }

    /// Makes a role, or gives the one of that name these permissions. The outcome is `repeated` where it was there.
    ///
    /// # Errors
    /// `Invalid` where a conversation role would grant what only app roles can.
    pub async fn put_role(&self, actor: &Actor, role: &Role) -> Result<Outcome<Role>> {
        let wide =
            role.permissions.iter().find(|it| role.scope == Scope::Conversation && it.scope() == Scope::App);
        if let Some(permission) = wide {
            let reason = format!("cannot have {permission} in a conversation role: it is the app's to grant");
            return Err(Invalid::new("permissions", reason).into());
        }
        let permissions: Vec<&str> = role.permissions.iter().map(|permission| permission.name()).collect();
        let noted = Noted::about(About::Role).named(role.name.as_str()).with("scope", role.scope.name());
        let noted = noted.with("permissions", permissions.join(" "));
        let ask = Ask::in_app(actor, Action::EditRole).noted(noted).with_rows();
        decided!(self, ask.clone(), |allowed| async {
            let app = allowed.permit.app();
            let known = allowed.app.role(role.scope, &role.name, "role").map(|role| role.key).ok();
            let in_scope = allowed.app.roles.values().filter(|other| other.scope == role.scope).count();
            if known.is_none() && in_scope as u64 >= limits::ROLES_MAX {
                return Err(
                    Invalid::new("role", format!("would be one more than {}", limits::ROLES_MAX)).into()
                );
            }
            let key = match known {
                Some(key) => key,
                None => RoleKey(self.store.reserve(1).await?.start),
            };
            let row = RoleRow {
                key,
                scope: role.scope,
                name_mac: self.keyed(app).await?.macs.role_name(role.scope, &role.name),
                name: self.sealer.seal(&Place::role_name(app, key), &role.name).await?,
                permissions: role.permissions,
            };
            let new = self.store.put_role(&allowed.permit, row).await?;
            self.roles_changed(&allowed).await?;
            Ok(Outcome { value: role.clone(), repeated: !new, answered: false })
        })
    }

    /// Deletes a role; one that is not there is as it should be.
    ///
    /// # Errors
    /// `Conflict` where somebody has it, or settings or keys name it.
    pub async fn delete_role(&self, actor: &Actor, scope: Scope, name: &RoleName) -> Result<()> {
        let noted =
            Noted::of(Act::DeleteRole).to(About::Role).named(name.as_str()).with("scope", scope.name());
        let ask = Ask::in_app(actor, Action::EditRole).noted(noted).with_rows();
        decided!(self, ask.clone(), |allowed| async {
            let Ok(role) = allowed.app.role(scope, name, "role") else { return Ok(()) };
            self.store.delete_role(&allowed.permit, role.key).await?;
            self.roles_changed(&allowed).await?;
            Ok(())
        })
    }

    /// After roles changed: who hears what is found out anew, and everybody online is told to look at its permissions.
    async fn roles_changed(&self, allowed: &crate::authorize::Allowed) -> Result<()> {
        self.facts.forget_app(allowed.app.id());
        self.hub.forget_lanes_of(allowed.permit.app());
        self.tell_everybody_permissions(&allowed.app).await
    }
}
