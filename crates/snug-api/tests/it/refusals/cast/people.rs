//! People: members of every standing, those who are under something, and those whose tokens say less than they might.

use super::*;
use snug_model::keys::{KeyDraft, ScopeSet};

/// The conversations: one that most is about, two of two people alone with a block between them, a frozen and an archived one.
pub(super) const PLACES: [&str; 5] = [HERE, "blocking", "blocked", "frozen", "archived"];
/// Conversations that are made to be deleted: a narrowed token names them before they are.
pub(in super::super) const DOOMED: u32 = 60;

/// Who is where: user, place, conversation role and access.
const MEMBERS: &[(&str, &str, &str, &str)] = &[
    ("owner", HERE, "owner", "full"),
    ("moderator", HERE, "moderator", "full"),
    ("member", HERE, "member", "full"),
    ("observer", HERE, "observer", "full"),
    ("reader", HERE, "member", "read"),
    ("shadow-banned", HERE, "member", "full"),
    ("muted-here", HERE, "member", "full"),
    ("muted-everywhere", HERE, "member", "full"),
    ("inner-app-moderator", HERE, "member", "full"),
    ("inner-steward", HERE, "member", "full"),
    ("removed", HERE, "member", "full"),
    ("banned", HERE, "member", "full"),
    ("banished", HERE, "member", "full"),
    ("erased", HERE, "member", "full"),
    ("revoked", HERE, "member", "full"),
    ("blocker", "blocking", "member", "full"),
    ("blocked", "blocked", "member", "full"),
    ("frozen-owner", "frozen", "owner", "full"),
    ("frozen-member", "frozen", "member", "full"),
    ("archived-owner", "archived", "owner", "full"),
    ("archived-member", "archived", "member", "full"),
];

/// App roles beside those that are there, and what they grant.
const ROLES: &[(&str, &[&str])] = &[
    ("guest", &["conversation.join"]),
    ("founder", &["conversation.create", "member.add"]),
    (
        "steward",
        &[
            "conversation.create",
            "conversation.join",
            "user.edit_own",
            "user.erase_own",
            "user.edit_any",
            "user.ban",
            "user.mute",
            "user.list",
        ],
    ),
];

/// Who has another app role than a new user.
const APP_ROLES: &[(&str, &str)] = &[
    ("guest", "guest"),
    ("founder", "founder"),
    ("app-moderator", "moderator"),
    ("inner-app-moderator", "moderator"),
    ("steward", "steward"),
    ("inner-steward", "steward"),
];

impl Making<'_> {
    /// Roles, users, conversations and who is in them, as they are before anything happens to anybody.
    pub(super) async fn people_and_places(&mut self) {
        for (role, permissions) in ROLES {
            let role = format!("/roles/app/{role}");
            self.does(Method::PUT, &role, json!({ "permissions": permissions })).await;
        }
        self.minter = minter(self.node).await;
        let members = MEMBERS.iter().map(|(user, ..)| *user);
        for user in
            members.chain([TARGET, "joiner", "stranger", "guest", "founder", "app-moderator", "steward"])
        {
            let role = APP_ROLES.iter().find(|(who, _)| *who == user).map_or("user", |(_, role)| role);
            self.does(Method::PUT, &format!("/users/{user}"), json!({ "name": user, "role": role })).await;
        }
        for place in PLACES {
            let here = MEMBERS.iter().filter(|(_, there, ..)| *there == place);
            let mut members: Vec<_> = here
                .map(|(user, _, role, access)| json!({ "user": user, "role": role, "access": access }))
                .collect();
            members.push(json!({ "user": TARGET }));
            let (frozen, state) = (place == "frozen", if place == "archived" { "archived" } else { "open" });
            let draft = json!({ "id": place, "members": members, "frozen": frozen, "state": state });
            self.does(Method::POST, "/conversations", draft).await;
        }
        self.does(Method::PUT, "/users/blocker/blocks/target", Value::Null).await;
        self.does(Method::PUT, "/users/target/blocks/blocked", Value::Null).await;
    }

    /// Those who are somebody, with tokens that are good.
    pub(super) async fn people(&mut self) {
        for (user, place, role, access) in MEMBERS {
            // Whom these have made void is somebody among those who are nobody.
            if matches!(*user, "erased" | "revoked") {
                continue;
            }
            let token = self.mint(json!({ "user": user })).await;
            let standing = Some((*role, *access));
            self.add(user, Actor { user: (*user).to_owned(), place, standing, ..Actor::bearer(token) });
        }
        for user in ["stranger", "guest", "founder", "app-moderator", "steward"] {
            let token = self.mint(json!({ "user": user })).await;
            self.add(user, Actor { user: user.to_owned(), ..Actor::bearer(token) });
        }
        self.narrowed().await;
    }

    /// What befalls some of them, after they have written.
    pub(super) async fn what_happens_to_some(&self) {
        let here = format!("/conversations/{HERE}");
        self.does(Method::DELETE, &format!("{here}/members/removed"), Value::Null).await;
        self.does(Method::POST, &format!("{here}/ban"), json!({ "user": "banned" })).await;
        self.does(Method::POST, &format!("{here}/mute"), json!({ "user": "muted-here" })).await;
        self.does(Method::POST, "/users/muted-everywhere/mute", Value::Null).await;
        self.does(Method::POST, "/users/shadow-banned/shadow_ban", Value::Null).await;
    }

    /// Tokens that say less than their users may.
    async fn narrowed(&mut self) {
        let doomed = (0..DOOMED).map(|n| format!("doomed{n}"));
        let this: Vec<String> = [HERE.to_owned()].into_iter().chain(doomed).collect();
        let owner = self.actors["owner"].clone();
        let steward = self.actors["steward"].clone();
        for (kind, of, narrow) in [
            ("only-this", &owner, json!({ "only": this })),
            ("only-other", &owner, json!({ "only": ["frozen"] })),
            ("only-nothing", &owner, json!({ "only": [] })),
            ("can-nothing", &owner, json!({ "can": [] })),
            ("can-send", &owner, json!({ "can": ["message.send"] })),
            ("can-delete", &owner, json!({ "can": ["message.delete_any"] })),
            ("can-ban", &steward, json!({ "can": ["user.ban"] })),
        ] {
            let mut draft = narrow;
            draft["user"] = of.user.clone().into();
            let credential = Credential::Bearer(self.mint(draft).await);
            self.add(kind, Actor { credential, ..of.clone() });
        }
        // A steward whose token a key vouches for that may give no more than what a new user has.
        let (_, weak) = self.key(json!({ "name": "weak", "scopes": ["tokens"] })).await;
        let claims = bearers::claims(self.node, "inner-steward", json!({}));
        let token = crate::signing::by_key(&weak, jsonwebtoken::Header::default(), &claims);
        let steward = self.actors["inner-steward"].clone();
        self.add("weak-steward", Actor { credential: Credential::Bearer(token), ..steward });
    }
}

/// A key that gives every app role, and the role that grants everything: only who has the data folder makes such a key.
pub(crate) async fn minter(node: &Node) -> String {
    let all: Vec<_> = snug_model::Permission::ALL.iter().map(|permission| permission.name()).collect();
    node.back_end(Method::PUT, "/roles/app/everything", json!({ "permissions": all })).await.is(201);
    let app = snug_model::AppId::parse(&node.app).unwrap();
    let system = node.core.system_actor(&app).await.unwrap();
    let draft = KeyDraft {
        name: snug_model::text::Name::parse("minter").unwrap(),
        scopes: ScopeSet::EMPTY.with(snug_model::keys::Scope::Tokens),
        may_mint: Some(snug_model::text::RoleName::parse("everything").unwrap()),
        allowed_addresses: Vec::new(),
        expires_at: None,
    };
    node.core.create_key(&system, &draft).await.unwrap().credential.expose().to_owned()
}
