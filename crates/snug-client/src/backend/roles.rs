//! Roles.

use reqwest::header::HeaderMap;
use snug_wire::paging::Page;
use snug_wire::role_tools::{Holder, RoleLint, Simulated, Simulation, WhoCanQuery};
use snug_wire::roles::{Role, RoleDraft, RoleScope};
use snug_wire::text::RoleName;

use super::{Backend, Put};
use crate::error::Error;
use crate::rest::NOTHING;

impl Backend {
    /// Lists the app's roles.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn roles(&self) -> Result<Page<Role>, Error> {
        self.get(&["roles"], NOTHING).await
    }

    /// Makes or replaces a role.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn put_role(
        &self,
        scope: RoleScope,
        name: &RoleName,
        draft: &RoleDraft,
    ) -> Result<Put<Role>, Error> {
        self.put(&["roles", segment(scope), name.as_str()], NOTHING, draft, HeaderMap::new()).await
    }

    /// Deletes a role that nobody has.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn delete_role(&self, scope: RoleScope, name: &RoleName) -> Result<(), Error> {
        self.delete_silently(&["roles", segment(scope), name.as_str()], NOTHING).await
    }
}

/// What is found out about roles.
impl Backend {
    /// Lists who holds a permission now, and the API keys that could do what it is for.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn who_can(&self, query: &WhoCanQuery) -> Result<Page<Holder>, Error> {
        self.get(&["who_can"], Some(query)).await
    }

    /// What changes of roles would change for whom. Nothing is written.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn simulate_roles(&self, simulation: &Simulation) -> Result<Simulated, Error> {
        self.post(&["roles", "simulate"], simulation).await
    }

    /// Roles that are wider than they need be.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn lint_roles(&self) -> Result<RoleLint, Error> {
        self.get(&["roles", "lint"], NOTHING).await
    }
}

fn segment(scope: RoleScope) -> &'static str {
    match scope {
        RoleScope::App => "app",
        RoleScope::Conversation => "conversation",
    }
}
