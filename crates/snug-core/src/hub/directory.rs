//! Who is online.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;
use roaring::RoaringTreemap;
use smallvec::SmallVec;
use snug_model::{AppKey, ConversationKey, SessionId, UserKey};

use super::Session;

/// The live connections of every app.
#[derive(Default)]
pub struct Directory {
    apps: RwLock<HashMap<AppKey, Arc<RwLock<Online>>>>,
}

/// The live connections of one app.
#[derive(Default)]
pub(crate) struct Online {
    users: RoaringTreemap,
    sessions: HashMap<UserKey, SmallVec<[Arc<Session>; 2]>>,
    /// The conversations whose presence sessions watch, and how many do: whoever comes or goes looks at these alone.
    watched: HashMap<ConversationKey, usize>,
}

impl Online {
    /// Calls `with` for each session of each user that is in `members` and online. It starts from the smaller set.
    pub(crate) fn each_among(&self, members: &RoaringTreemap, mut with: impl FnMut(&Arc<Session>)) {
        let (smaller, larger) =
            if members.len() < self.users.len() { (members, &self.users) } else { (&self.users, members) };
        for user in smaller.iter().filter(|user| larger.contains(*user)) {
            for session in self.sessions.get(&UserKey(user as i64)).into_iter().flatten() {
                with(session);
            }
        }
    }
}

impl Online {
    fn unwatch(&mut self, conversations: Vec<ConversationKey>) {
        for conversation in conversations {
            if let Some(sessions) = self.watched.get_mut(&conversation) {
                *sessions -= 1;
                if *sessions == 0 {
                    self.watched.remove(&conversation);
                }
            }
        }
    }
}

impl Directory {
    pub(crate) fn of_app(&self, app: AppKey) -> Arc<RwLock<Online>> {
        if let Some(online) = self.apps.read().get(&app) {
            return Arc::clone(online);
        }
        Arc::clone(self.apps.write().entry(app).or_default())
    }

    /// Adds a session; whether its user was offline before. None where the user has as many as it may.
    pub fn enter(&self, session: &Arc<Session>, sessions_max: usize) -> Option<bool> {
        let online = self.of_app(session.app());
        let mut online = online.write();
        let sessions = online.sessions.entry(session.user()).or_default();
        if sessions.len() >= sessions_max {
            return None;
        }
        sessions.push(Arc::clone(session));
        Some(online.users.insert(session.user().0 as u64))
    }

    /// Takes a session out; whether its user is offline now.
    pub(crate) fn leave(&self, session: &Session) -> bool {
        let online = self.of_app(session.app());
        let mut online = online.write();
        let Some(sessions) = online.sessions.get_mut(&session.user()) else { return false };
        sessions.retain(|other| other.id() != session.id());
        let offline = sessions.is_empty();
        online.unwatch(session.watch(Vec::new()));
        if offline {
            online.sessions.remove(&session.user());
            online.users.remove(session.user().0 as u64);
        }
        offline
    }

    /// Whether a user has a session.
    pub fn is_online(&self, app: AppKey, user: UserKey) -> bool {
        self.of_app(app).read().users.contains(user.0 as u64)
    }

    /// The session of that id, if it is a user's.
    pub fn find(&self, app: AppKey, user: UserKey, id: &SessionId) -> Option<Arc<Session>> {
        let online = self.of_app(app);
        let online = online.read();
        online.sessions.get(&user)?.iter().find(|session| session.id() == id).map(Arc::clone)
    }

    /// Calls `with` for each session of a user.
    pub fn each_of_user(&self, app: AppKey, user: UserKey, mut with: impl FnMut(&Arc<Session>)) {
        let online = self.of_app(app);
        let online = online.read();
        online.sessions.get(&user).into_iter().flatten().for_each(&mut with);
    }

    /// Calls `with` for each session of an app.
    pub fn each_of_app(&self, app: AppKey, mut with: impl FnMut(&Arc<Session>)) {
        let online = self.of_app(app);
        let online = online.read();
        online.sessions.values().flatten().for_each(&mut with);
    }

    /// Sets the conversations whose presence a session that is in wants.
    pub(crate) fn watch(&self, session: &Session, conversations: Vec<ConversationKey>) {
        let online = self.of_app(session.app());
        let mut online = online.write();
        for conversation in &conversations {
            *online.watched.entry(*conversation).or_default() += 1;
        }
        online.unwatch(session.watch(conversations));
    }

    /// The conversations of an app whose presence somebody watches.
    pub(crate) fn watched(&self, app: AppKey) -> Vec<ConversationKey> {
        self.of_app(app).read().watched.keys().copied().collect()
    }

    /// Calls `with` for every session.
    pub fn each(&self, mut with: impl FnMut(&Arc<Session>)) {
        let apps: Vec<_> = self.apps.read().values().map(Arc::clone).collect();
        for online in apps {
            online.read().sessions.values().flatten().for_each(&mut with);
        }
    }

    /// How many sessions there are.
    pub fn count(&self) -> usize {
        let mut count = 0;
        self.each(|_| count += 1);
        count
    }
}
