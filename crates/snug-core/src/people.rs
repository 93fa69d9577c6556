//! Whom an answer mentions: ids, names and pictures of users by their row numbers.

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use snug_model::{
    AppKey, UserId, UserKey,
    users::{Person, Profile, User},
};
use snug_store::UserRow;

use crate::{Core, Result, context::AppContext, sealing::Place};

/// The people of an answer, by their ids.
pub type People = BTreeMap<UserId, Person>;

/// A user, opened, as far as others see it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: UserId,
    pub(crate) person: Person,
}

/// Users by row number; who was erased is not among them.
#[derive(Debug, Default)]
pub(crate) struct Faces(Vec<(UserKey, Arc<Known>)>);

impl Faces {
    /// A user's id; none of an erased one.
    pub(crate) fn id(&self, user: UserKey) -> Option<UserId> {
        self.find(user).map(|known| known.id.clone())
    }

    fn find(&self, user: UserKey) -> Option<&Known> {
        self.0.binary_search_by_key(&user, |(key, _)| *key).ok().map(|place| &*self.0[place].1)
    }

    /// All of them, as an answer carries them.
    pub(crate) fn people(&self) -> People {
        self.0.iter().map(|(_, known)| (known.id.clone(), known.person.clone())).collect()
    }
}

impl Core {
    /// Opens the users of these row numbers: what is not known yet in one query.
    pub(crate) fn faces(
        &self,
        app: AppKey,
        users: impl IntoIterator<Item = UserKey>,
    ) -> Pin<Box<dyn Future<Output = Result<Faces>> + Send + '_>> {
        let mut users: Vec<UserKey> = users.into_iter().collect();
        users.sort_unstable();
        users.dedup();
        Box::pin(self.faces_of(app, users))
    }

    /// The faces of these users, in ascending order.
    async fn faces_of(&self, app: AppKey, users: Vec<UserKey>) -> Result<Faces> {
        let mut faces = Vec::with_capacity(users.len());
        let mut unknown = Vec::new();
        for user in users {
            match self.known.get(&(app, user)) {
                Some(known) => faces.push((user, known)),
                None => unknown.push(user),
            }
        }
        if !unknown.is_empty() {
            let rows = self.store.people(&self.told(app, None)?, &unknown).await?;
            for (user, known) in self.open_users(app, &rows).await? {
                self.known.insert((app, user), Arc::clone(&known));
                faces.push((user, known));
            }
            faces.sort_unstable_by_key(|(user, _)| *user);
        }
        Ok(Faces(faces))
    }

    async fn open_users(&self, app: AppKey, rows: &[UserRow]) -> Result<Vec<(UserKey, Arc<Known>)>> {
        let sealed = rows.iter().flat_map(|row| row.id.iter().chain(&row.profile));
        let opener = self.sealer.opener(app, sealed).await?;
        let mut known = Vec::with_capacity(rows.len());
        for row in rows {
            let (Some(id), Some(profile)) = (&row.id, &row.profile) else { continue };
            let id = opener.open(&Place::user_id(app, row.key), id)?;
            let profile = opener.open(&Place::user_profile(app, row.key, row.profile_version), profile)?;
            let person = Person { name: profile.name, avatar_url: profile.avatar_url };
            known.push((row.key, Arc::new(Known { id, person })));
        }
        Ok(known)
    }

    /// Forgets what others see of a user, after a change.
    pub(crate) fn forget_face(&self, app: AppKey, user: UserKey) {
        self.known.invalidate(&(app, user));
    }

    /// Opens users for who may see all of them.
    pub(crate) async fn show_users(&self, app: &AppContext, rows: &[UserRow]) -> Result<Vec<User>> {
        let sealed = rows.iter().flat_map(|row| row.id.iter().chain(&row.profile));
        let opener = self.sealer.opener(app.key(), sealed).await?;
        let mut users = Vec::with_capacity(rows.len());
        for row in rows {
            let (Some(id), Some(profile)) = (&row.id, &row.profile) else { continue };
            users.push(User {
                id: opener.open(&Place::user_id(app.key(), row.key), id)?,
                profile: opener
                    .open(&Place::user_profile(app.key(), row.key, row.profile_version), profile)?,
                role: app.role_name(row.role),
                created_at: row.created_at,
                updated_at: row.updated_at,
                sanctions: Default::default(),
            });
        }
        Ok(users)
    }

    /// Opens one user's profile.
    pub(crate) async fn profile_of(&self, app: AppKey, row: &UserRow) -> Result<Profile> {
        let Some(profile) = &row.profile else { return Ok(Profile::default()) };
        let opener = self.sealer.opener(app, [profile]).await?;
        Ok(opener.open(&Place::user_profile(app, row.key, row.profile_version), profile)?)
    }
}
