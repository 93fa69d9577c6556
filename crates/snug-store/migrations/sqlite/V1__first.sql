-- The data. Every key begins with the app; integers that name rows are unique in the installation. Whatever a person wrote
-- or is comes sealed; `_mac` columns are keyed MACs, to compare by. Times are milliseconds since 1970.
-- There are no foreign keys: rows of an app or conversation leave in steps, table by table, and `check` finds what dangles.

-- One row: what the installation counts.
CREATE TABLE commits (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- Grows with every commit: the version at which something changed, for inboxes.
    version INTEGER NOT NULL,
    -- The last row number that was reserved.
    reserved INTEGER NOT NULL
) STRICT;
INSERT INTO commits (one, version, reserved) VALUES (1, 0, 0);

CREATE TABLE apps (
    app INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    region TEXT NOT NULL,
    profile BLOB NOT NULL,
    profile_version INTEGER NOT NULL,
    auto_create_users INTEGER NOT NULL,
    default_role INTEGER NOT NULL,
    member_role INTEGER NOT NULL,
    creator_role INTEGER NOT NULL,
    version INTEGER NOT NULL,
    tokens_not_before INTEGER,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

CREATE TABLE roles (
    role INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    scope INTEGER NOT NULL, -- 0 app, 1 conversation
    name_mac BLOB NOT NULL CHECK (length(name_mac) = 32),
    name BLOB NOT NULL,
    permissions INTEGER NOT NULL,
    UNIQUE (app, scope, name_mac)
) STRICT;

-- Tokens that were revoked alone, until they have ended by themselves.
CREATE TABLE revoked_tokens (
    app INTEGER NOT NULL,
    jti BLOB NOT NULL CHECK (length(jti) = 32),
    until INTEGER NOT NULL,
    UNIQUE (app, jti)
) STRICT;
CREATE INDEX revoked_tokens_until ON revoked_tokens (app, until);

CREATE TABLE keys (
    key INTEGER PRIMARY KEY,
    app INTEGER NOT NULL, -- 0 for the installation's own
    -- Unique beyond the app: a key is looked up before its app is known.
    id TEXT NOT NULL UNIQUE,
    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
    secret BLOB,
    profile BLOB NOT NULL,
    scopes INTEGER NOT NULL,
    may_mint INTEGER,
    expires_at INTEGER,
    last_used_at INTEGER,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    tokens_not_before INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX keys_app ON keys (app, key);

CREATE TABLE users (
    user INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    id_mac BLOB NOT NULL CHECK (length(id_mac) = 32),
    id BLOB,
    profile BLOB,
    profile_version INTEGER NOT NULL,
    role INTEGER NOT NULL,
    banned_until INTEGER,
    ban_reason BLOB,
    banned_since INTEGER,
    tokens_not_before INTEGER,
    erased_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
-- One living user an id; erased ones of that id keep theirs beside it.
CREATE UNIQUE INDEX users_id ON users (app, id_mac, iif(erased_at IS NULL, 0, user));
CREATE INDEX users_app ON users (app, user);
CREATE INDEX users_role ON users (app, role);

CREATE TABLE conversations (
    conversation INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    id_mac BLOB NOT NULL CHECK (length(id_mac) = 32),
    id BLOB NOT NULL,
    alias_mac BLOB CHECK (length(alias_mac) = 32),
    alias BLOB,
    members_mac BLOB CHECK (length(members_mac) = 32),
    profile BLOB NOT NULL,
    profile_version INTEGER NOT NULL,
    state INTEGER NOT NULL, -- 0 open, 1 archived
    frozen INTEGER NOT NULL,
    history INTEGER NOT NULL, -- 0 all, 1 since joined
    epoch INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    head_seq INTEGER NOT NULL,
    member_count INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by INTEGER,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    version INTEGER NOT NULL,
    -- The time of the last message, or of creation: what orders inboxes.
    last_at INTEGER NOT NULL,
    -- The commit at which anything visible last changed.
    activity INTEGER NOT NULL,
    -- Whether it changed since its members' inboxes were given its place. Never of a large one.
    pending INTEGER NOT NULL,
    -- Whether it has, or had, too many members to be given a place in each one's inbox.
    large INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX conversations_id ON conversations (app, id_mac) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX conversations_alias ON conversations (app, alias_mac)
    WHERE deleted_at IS NULL AND alias_mac IS NOT NULL;
CREATE UNIQUE INDEX conversations_members ON conversations (app, members_mac)
    WHERE deleted_at IS NULL AND members_mac IS NOT NULL;
CREATE INDEX conversations_app ON conversations (app, conversation);
-- The work list of `place_inboxes`.
CREATE INDEX conversations_pending ON conversations (app, conversation) WHERE pending = 1;

CREATE TABLE members (
    member INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    user INTEGER NOT NULL,
    role INTEGER NOT NULL,
    access INTEGER NOT NULL, -- 0 none, 1 read, 2 full
    banned_until INTEGER,
    ban_reason BLOB,
    banned_since INTEGER,
    profile BLOB,
    profile_version INTEGER NOT NULL,
    notify INTEGER NOT NULL, -- 0 all, 1 mentions, 2 none
    read_seq INTEGER NOT NULL,
    read_at INTEGER,
    joined_at INTEGER NOT NULL,
    joined_seq INTEGER NOT NULL,
    -- Of a removed member: where its view ends, and what it keeps of the conversation.
    frozen_rev INTEGER,
    frozen_profile BLOB,
    frozen_profile_version INTEGER,
    frozen_state INTEGER,
    frozen_frozen INTEGER,
    frozen_head_seq INTEGER,
    frozen_member_count INTEGER,
    frozen_at INTEGER,
    forgotten INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    version INTEGER NOT NULL,
    -- What orders the user's inbox; absent where the conversation is not in it, or was not placed yet.
    place INTEGER,
    -- The commit at which the inbox item last changed, as far as the conversation's `activity` does not say it.
    changed INTEGER NOT NULL,
    -- Whether the item held something unread when it was placed.
    unread INTEGER NOT NULL,
    -- Whether the conversation is large: then place and unread are compared when read, but for removed members.
    large INTEGER NOT NULL,
    UNIQUE (app, conversation, user),
    UNIQUE (app, user, conversation)
) STRICT;
CREATE INDEX members_place ON members (app, user, place DESC, conversation DESC, unread)
    WHERE place IS NOT NULL AND large = 0;
CREATE INDEX members_unread ON members (app, user, place DESC, conversation DESC)
    WHERE place IS NOT NULL AND large = 0 AND unread = 1;
CREATE INDEX members_changed ON members (app, user, changed);
CREATE INDEX members_large ON members (app, user) WHERE large = 1;
CREATE INDEX members_role ON members (app, role);

CREATE TABLE messages (
    message INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    sender INTEGER, -- the user, if it is one's
    sender_kind INTEGER NOT NULL, -- 0 a user, 1 a bot, 2 a bot that a back end vouches for, 3 the system
    via INTEGER, -- 0 api, 1 import
    body BLOB, -- none of a tombstone
    version INTEGER NOT NULL,
    -- The rev at which this version of the body began.
    body_rev INTEGER NOT NULL,
    draft BLOB NOT NULL CHECK (length(draft) = 32),
    reply_to BLOB CHECK (length(reply_to) = 16),
    -- Whether anybody reacted and still does.
    reacted INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    edited_at INTEGER,
    deleted_at INTEGER,
    UNIQUE (app, conversation, seq),
    UNIQUE (app, conversation, id)
) STRICT;

-- What messages said before they were edited or deleted.
CREATE TABLE message_versions (
    message_version INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    rev INTEGER NOT NULL, -- at which it began
    at INTEGER NOT NULL,
    UNIQUE (app, conversation, seq, version)
) STRICT;

-- Row numbers grow with time: the first who used an emoji and still does has the least.
CREATE TABLE reactions (
    reaction INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    emoji_mac BLOB NOT NULL CHECK (length(emoji_mac) = 32),
    user INTEGER NOT NULL,
    emoji BLOB NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (app, conversation, seq, emoji_mac, user)
) STRICT;

-- One row, or for a batch of members one each, for every rev that is not a new message. Those need none: between two rows
-- of this table rev and seq grow together.
CREATE TABLE changes (
    change INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    kind INTEGER NOT NULL, -- 1 message, 2 member, 3 conversation
    reference INTEGER NOT NULL, -- the message's seq, the member's user, 0
    head_seq INTEGER NOT NULL, -- at this rev
    at INTEGER NOT NULL,
    UNIQUE (app, conversation, rev, reference)
) STRICT;

CREATE TABLE idempotency (
    request INTEGER PRIMARY KEY,
    app INTEGER NOT NULL, -- 0 for requests about apps themselves
    scope BLOB NOT NULL CHECK (length(scope) = 32),
    body BLOB NOT NULL CHECK (length(body) = 32),
    answer BLOB,
    at INTEGER NOT NULL,
    UNIQUE (app, scope)
) STRICT;
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE jobs (
    job INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    -- Unique beyond the app: whoever does a job knows only this.
    id TEXT NOT NULL UNIQUE,
    kind INTEGER NOT NULL, -- 1 delete app, 2 purge conversation, 3 erase user
    reference INTEGER NOT NULL, -- the conversation or the user; 0 of an app
    state INTEGER NOT NULL, -- 0 waiting, 1 running, 2 done
    progress INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    done_at INTEGER
) STRICT;
CREATE INDEX jobs_app ON jobs (app);
CREATE INDEX jobs_due ON jobs (run_at) WHERE state < 2;
