//! What each kind of actor is to be answered, from `wire.md`.

use super::actors::Kind;

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is done.
    Allowed,
    /// It is refused with this code.
    Denied(&'static str),
}

/// One route or operation.
pub(super) struct Rule {
    /// Its id.
    pub(super) id: &'static str,
    /// Whether it changes a row.
    pub(super) writes: bool,
    /// The scope that a key needs; empty where no key may.
    pub(super) scope: &'static str,
    /// Owner, moderator, member, observer, removed, banned, stranger: `y`es, `f`orbidden, `n`ot found, `b`anned,
    /// `u`nauthenticated, `i`nvalid.
    pub(super) people: &'static str,
}

impl Rule {
    /// Who is refused, with which code.
    pub(super) fn denied(&self) -> impl Iterator<Item = (Kind, &'static str)> {
        Kind::ALL.iter().filter_map(|kind| match self.verdict(*kind) {
            Verdict::Denied(code) => Some((*kind, code)),
            Verdict::Allowed => None,
        })
    }

    /// Who may. The back end comes last: where it deletes the app, nobody comes after it.
    pub(super) fn allowed(&self) -> impl Iterator<Item = Kind> {
        let others = Kind::ALL.iter().filter(|kind| **kind != Kind::BackEnd);
        let may = |kind: &Kind| self.verdict(*kind) == Verdict::Allowed;
        others.chain([&Kind::BackEnd]).copied().filter(may)
    }

    fn verdict(&self, kind: Kind) -> Verdict {
        let place = match kind {
            _ if self.scope == ANYBODY => return Verdict::Allowed,
            Kind::Nobody
            | Kind::Malformed
            | Kind::Expired
            | Kind::OtherAppsKey
            | Kind::OtherAppsToken
            | Kind::KeyFromBrowser => return Verdict::Denied("unauthenticated"),
            // A key of an app is nobody to the installation.
            Kind::KeyWithoutScope if self.scope == "installation" => {
                return Verdict::Denied("unauthenticated");
            }
            Kind::KeyWithoutScope => return Verdict::Denied("forbidden"),
            Kind::BackEnd if self.scope == CLIENTS => return Verdict::Denied("forbidden"),
            Kind::BackEnd => return Verdict::Allowed,
            Kind::Owner => 0,
            Kind::Moderator => 1,
            Kind::Member => 2,
            Kind::Observer => 3,
            Kind::Removed => 4,
            Kind::Banned => 5,
            Kind::Stranger => 6,
        };
        match self.people.as_bytes()[place] {
            b'y' => Verdict::Allowed,
            b'f' => Verdict::Denied("forbidden"),
            b'n' => Verdict::Denied("not_found"),
            b'b' => Verdict::Denied("banned"),
            b'u' => Verdict::Denied("unauthenticated"),
            b'i' => Verdict::Denied("invalid"),
            other => panic!("no verdict is called {}", char::from(other)),
        }
    }
}

/// In the place of a scope: no key may, whatever its scopes.
const CLIENTS: &str = "clients";

const fn reads(id: &'static str, scope: &'static str, people: &'static str) -> Rule {
    Rule { id, writes: false, scope, people }
}

const fn writes(id: &'static str, scope: &'static str, people: &'static str) -> Rule {
    Rule { id, writes: true, scope, people }
}

/// In place of a scope: it takes no credential, and what comes as one makes no difference.
const ANYBODY: &str = "*";

/// The routes. Where a request is about a person it is about `target`, a member; a message is `target`'s.
pub(super) const ROUTES: &[Rule] = &[
    writes("createApp", "installation", "uuuuuuu"),
    reads("listApps", "installation", "uuuuuuu"),
    reads("getApp", "app", "fffffff"),
    writes("editApp", "app", "fffffff"),
    reads("getJob", "app", "fffffff"),
    reads("getUsage", "app", "fffffff"),
    reads("listKeys", "keys", "fffffff"),
    writes("createKey", "keys", "fffffff"),
    writes("revokeKey", "keys", "fffffff"),
    reads("listTokenKeys", "keys", "fffffff"),
    writes("createTokenKey", "keys", "fffffff"),
    reads("getTokenKey", "keys", "fffffff"),
    writes("deleteTokenKey", "keys", "fffffff"),
    reads("listRoles", "roles", "fffffff"),
    writes("putRole", "roles", "fffffff"),
    writes("deleteRole", "roles", "fffffff"),
    reads("enter", ANYBODY, "yyyyyyy"),
    reads("mintToken", "tokens", "fffffff"),
    writes("revokeTokens", "tokens", "fffffff"),
    reads("listUsers", "users", "fffffff"),
    writes("putUser", "users", "fffffff"),
    reads("getUser", "users", "nnnnnnn"),
    writes("editUser", "users", "fffffff"),
    writes("eraseUser", "users", "nnnnnnn"),
    writes("banUser", "users", "fffffff"),
    writes("unbanUser", "users", "fffffff"),
    writes("muteUser", "users", "fffffff"),
    writes("unmuteUser", "users", "fffffff"),
    writes("shadowBanUser", "users", "fffffff"),
    writes("shadowUnbanUser", "users", "fffffff"),
    reads("listShadowBans", "users", "fffffff"),
    reads("listBans", "users", "fffffff"),
    reads("listMutes", "users", "fffffff"),
    reads("listBlocks", "users", "nnnnnnn"),
    writes("blockUser", "users", "nnnnnnn"),
    writes("unblockUser", "users", "nnnnnnn"),
    writes("revokeUserTokens", "users", "fffffff"),
    writes("allowProofs", "users", "fffffff"),
    reads("getPresence", "users", "fffffff"),
    reads("listInbox", "users", "nnnnnnn"),
    reads("getInboxItem", "users", "nnnnnnn"),
    reads("listConversations", "conversations", "fffffff"),
    writes("createConversation", "conversations", "fffffff"),
    writes("putConversation", "conversations", "yffffbn"),
    reads("getConversation", "conversations", "yyyyybn"),
    writes("editConversation", "conversations", "yffffbn"),
    writes("deleteConversation", "conversations", "yffffbn"),
    writes("banMember", "conversations", "yyfffbn"),
    writes("unbanMember", "conversations", "yyfffbn"),
    writes("muteMember", "conversations", "yyfffbn"),
    writes("unmuteMember", "conversations", "yyfffbn"),
    reads("listMemberBans", "conversations", "yyfffbn"),
    reads("listMemberMutes", "conversations", "yyfffbn"),
    reads("listMembers", "conversations", "yyyyfbn"),
    writes("addMembers", "conversations", "yffffbn"),
    writes("putMember", "conversations", "yffffbn"),
    writes("editMember", "conversations", "yffffbn"),
    writes("removeMember", "conversations", "yyfffbn"),
    writes("markRead", "messages.as_user", "yyyyfbn"),
    reads("type", "messages.as_user", "yyyffbn"),
    writes("sendMessage", "messages", "yyyffbn"),
    writes("sendSigned", CLIENTS, "yyyyfbn"),
    writes("sendSignedToSupport", CLIENTS, "yyyyyyy"),
    reads("listMessages", "messages", "yyyyybn"),
    reads("getMessage", "messages", "yyyyybn"),
    writes("editMessage", "messages", "yffffbn"),
    writes("deleteMessage", "messages", "yyfffbn"),
    reads("listMessageVersions", "messages", "yyfffbn"),
    writes("putUsers", "users", "fffffff"),
    writes("sendMessages", "messages", "fffffff"),
    writes("react", "messages.as_user", "yyyffbn"),
    writes("unreact", "messages.as_user", "yyyffbn"),
    reads("syncConversation", "messages", "yyyyybn"),
    // Last: nothing is answered in the app after it.
    writes("deleteApp", "app", "fffffff"),
];

/// The socket's operations.
pub(super) const OPERATIONS: &[Rule] = &[
    // A second one on an open socket is refused; the first is tried with every credential.
    Rule { id: "hello", writes: false, scope: "", people: "iiiiiii" },
    reads("token", "", "yyyyyyy"),
    writes("send", "", "yyyffbn"),
    writes("send_signed", "", "yyyyfbn"),
    writes("edit", "", "yffffbn"),
    writes("delete", "", "yyfffbn"),
    writes("react", "", "yyyffbn"),
    writes("read", "", "yyyyfbn"),
    reads("typing", "", "yyyffbn"),
    reads("inbox", "", "yyyyyyy"),
    reads("conversation", "", "yyyyybn"),
    reads("history", "", "yyyyybn"),
    reads("sync", "", "yyyyybn"),
    reads("members", "", "yyyyfbn"),
    reads("watch", "", "yffffbn"),
    reads("ping", "", "yyyyyyy"),
];
