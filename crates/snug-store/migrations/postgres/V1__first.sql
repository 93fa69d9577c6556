-- The data. Every key begins with the app; integers that name rows are unique in the installation. Whatever a person wrote
-- or is comes sealed; `_mac` columns are keyed MACs, to compare by. Times are milliseconds since 1970.
-- There are no foreign keys: rows of an app or conversation leave in steps, table by table, and `check` finds what dangles.

-- Flags are integers, 0 or 1, as in the embedded database.

-- Numbers for rows that are sealed before they are inserted.
CREATE SEQUENCE row_numbers;

CREATE TABLE apps (
    app BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    region TEXT NOT NULL,
    profile BYTEA NOT NULL,
    profile_version BIGINT NOT NULL,
    auto_create_users BIGINT NOT NULL,
    default_role BIGINT NOT NULL,
    member_role BIGINT NOT NULL,
    creator_role BIGINT NOT NULL,
    version BIGINT NOT NULL,
    tokens_not_before BIGINT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE TABLE roles (
    role BIGINT PRIMARY KEY,
    app BIGINT NOT NULL,
    scope BIGINT NOT NULL, -- 0 app, 1 conversation
    name_mac BYTEA NOT NULL CHECK (length(name_mac) = 32),
    name BYTEA NOT NULL,
    permissions BIGINT NOT NULL,
    UNIQUE (app, scope, name_mac)
);

-- Tokens that were revoked alone, until they have ended by themselves.
CREATE TABLE revoked_tokens (
    revoked_token BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    jti BYTEA NOT NULL CHECK (length(jti) = 32),
    until BIGINT NOT NULL,
    UNIQUE (app, jti)
);
CREATE INDEX revoked_tokens_until ON revoked_tokens (app, until);

CREATE TABLE keys (
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL, -- 0 for the installation's own
    -- Unique beyond the app: a key is looked up before its app is known.
    id TEXT NOT NULL UNIQUE,
    secret_hash BYTEA NOT NULL CHECK (length(secret_hash) = 32),
    secret BYTEA,
    profile BYTEA NOT NULL,
    scopes BIGINT NOT NULL,
    may_mint BIGINT,
    expires_at BIGINT,
    last_used_at BIGINT,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    tokens_not_before BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX keys_app ON keys (app, key);

CREATE TABLE users (
    "user" BIGINT PRIMARY KEY,
    app BIGINT NOT NULL,
    id_mac BYTEA NOT NULL CHECK (length(id_mac) = 32),
    id BYTEA,
    profile BYTEA,
    profile_version BIGINT NOT NULL,
    role BIGINT NOT NULL,
    banned_until BIGINT,
    ban_reason BYTEA,
    banned_since BIGINT,
    tokens_not_before BIGINT,
    erased_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
-- One living user an id; erased ones of that id keep theirs beside it.
CREATE UNIQUE INDEX users_id ON users (app, id_mac, (CASE WHEN erased_at IS NULL THEN 0 ELSE "user" END));
CREATE INDEX users_app ON users (app, "user");
CREATE INDEX users_role ON users (app, role);

CREATE TABLE conversations (
    conversation BIGINT PRIMARY KEY,
    app BIGINT NOT NULL,
    id_mac BYTEA NOT NULL CHECK (length(id_mac) = 32),
    id BYTEA NOT NULL,
    alias_mac BYTEA CHECK (length(alias_mac) = 32),
    alias BYTEA,
    members_mac BYTEA CHECK (length(members_mac) = 32),
    profile BYTEA NOT NULL,
    profile_version BIGINT NOT NULL,
    state BIGINT NOT NULL, -- 0 open, 1 archived
    frozen BIGINT NOT NULL,
    history BIGINT NOT NULL, -- 0 all, 1 since joined
    epoch BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    head_seq BIGINT NOT NULL,
    member_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by BIGINT,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    version BIGINT NOT NULL,
    -- The time of the last message, or of creation: what orders inboxes.
    last_at BIGINT NOT NULL,
    -- The transaction at which anything visible last changed.
    activity BIGINT NOT NULL,
    -- Whether it changed since its members' inboxes were given its place. Never of a large one.
    pending BIGINT NOT NULL,
    -- Whether it has, or had, too many members to be given a place in each one's inbox.
    large BIGINT NOT NULL
-- Room in each page, so that what every message changes needs no new entry in an index.
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX conversations_id ON conversations (app, id_mac) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX conversations_alias ON conversations (app, alias_mac)
    WHERE deleted_at IS NULL AND alias_mac IS NOT NULL;
CREATE UNIQUE INDEX conversations_members ON conversations (app, members_mac)
    WHERE deleted_at IS NULL AND members_mac IS NOT NULL;
CREATE INDEX conversations_app ON conversations (app, conversation);
-- The work list of `place_inboxes`.
CREATE INDEX conversations_pending ON conversations (app, conversation) WHERE pending = 1;

CREATE TABLE members (
    member BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    conversation BIGINT NOT NULL,
    "user" BIGINT NOT NULL,
    role BIGINT NOT NULL,
    access BIGINT NOT NULL, -- 0 none, 1 read, 2 full
    banned_until BIGINT,
    ban_reason BYTEA,
    banned_since BIGINT,
    profile BYTEA,
    profile_version BIGINT NOT NULL,
    notify BIGINT NOT NULL, -- 0 all, 1 mentions, 2 none
    read_seq BIGINT NOT NULL,
    read_at BIGINT,
    joined_at BIGINT NOT NULL,
    joined_seq BIGINT NOT NULL,
    -- Of a removed member: where its view ends, and what it keeps of the conversation.
    frozen_rev BIGINT,
    frozen_profile BYTEA,
    frozen_profile_version BIGINT,
    frozen_state BIGINT,
    frozen_frozen BIGINT,
    frozen_head_seq BIGINT,
    frozen_member_count BIGINT,
    frozen_at BIGINT,
    forgotten BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    version BIGINT NOT NULL,
    -- What orders the user's inbox; absent where the conversation is not in it, or was not placed yet.
    place BIGINT,
    -- The transaction at which the inbox item last changed, as far as the conversation's `activity` does not say it.
    changed BIGINT NOT NULL,
    -- Whether the item held something unread when it was placed.
    unread BIGINT NOT NULL,
    -- Whether the conversation is large: then place and unread are compared when read, but for removed members.
    large BIGINT NOT NULL,
    UNIQUE (app, conversation, "user"),
    UNIQUE (app, "user", conversation)
) WITH (fillfactor = 80);
CREATE INDEX members_place ON members (app, "user", place DESC, conversation DESC) INCLUDE (unread)
    WHERE place IS NOT NULL AND large = 0;
CREATE INDEX members_unread ON members (app, "user", place DESC, conversation DESC) INCLUDE (unread)
    WHERE place IS NOT NULL AND large = 0 AND unread = 1;
CREATE INDEX members_changed ON members (app, "user", changed);
CREATE INDEX members_large ON members (app, "user") WHERE large = 1;
CREATE INDEX members_role ON members (app, role);

CREATE TABLE messages (
    message BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    conversation BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    id UUID NOT NULL,
    sender BIGINT, -- the user, if it is one's
    sender_kind BIGINT NOT NULL, -- 0 a user, 1 a bot, 2 a bot that a back end vouches for, 3 the system
    via BIGINT, -- 0 api, 1 import
    body BYTEA, -- none of a tombstone
    version BIGINT NOT NULL,
    -- The rev at which this version of the body began.
    body_rev BIGINT NOT NULL,
    draft BYTEA NOT NULL CHECK (length(draft) = 32),
    reply_to UUID,
    -- Whether anybody reacted and still does.
    reacted BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    edited_at BIGINT,
    deleted_at BIGINT,
    UNIQUE (app, conversation, seq),
    UNIQUE (app, conversation, id)
);

-- What messages said before they were edited or deleted.
CREATE TABLE message_versions (
    message_version BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    conversation BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    rev BIGINT NOT NULL, -- at which it began
    at BIGINT NOT NULL,
    UNIQUE (app, conversation, seq, version)
);

-- Row numbers grow with time: the first who used an emoji and still does has the least.
CREATE TABLE reactions (
    reaction BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    conversation BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    emoji_mac BYTEA NOT NULL CHECK (length(emoji_mac) = 32),
    "user" BIGINT NOT NULL,
    emoji BYTEA NOT NULL,
    at BIGINT NOT NULL,
    UNIQUE (app, conversation, seq, emoji_mac, "user")
);

-- One row, or for a batch of members one each, for every rev that is not a new message. Those need none: between two rows
-- of this table rev and seq grow together.
CREATE TABLE changes (
    change BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    conversation BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    kind BIGINT NOT NULL, -- 1 message, 2 member, 3 conversation
    reference BIGINT NOT NULL, -- the message's seq, the member's user, 0
    head_seq BIGINT NOT NULL, -- at this rev
    at BIGINT NOT NULL,
    UNIQUE (app, conversation, rev, reference)
);

CREATE TABLE idempotency (
    request BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL, -- 0 for requests about apps themselves
    scope BYTEA NOT NULL CHECK (length(scope) = 32),
    body BYTEA NOT NULL CHECK (length(body) = 32),
    answer BYTEA,
    at BIGINT NOT NULL,
    UNIQUE (app, scope)
);
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE jobs (
    job BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    -- Unique beyond the app: whoever does a job knows only this.
    id TEXT NOT NULL UNIQUE,
    kind BIGINT NOT NULL, -- 1 delete app, 2 purge conversation, 3 erase user
    reference BIGINT NOT NULL, -- the conversation or the user; 0 of an app
    state BIGINT NOT NULL, -- 0 waiting, 1 running, 2 done
    progress BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    done_at BIGINT
);
CREATE INDEX jobs_app ON jobs (app);
CREATE INDEX jobs_due ON jobs (run_at) WHERE state < 2;

-- What is sealed cannot be compressed: trying would cost time, and gain nothing.
ALTER TABLE apps ALTER profile SET STORAGE EXTERNAL;
ALTER TABLE roles ALTER name SET STORAGE EXTERNAL;
ALTER TABLE keys ALTER secret SET STORAGE EXTERNAL, ALTER profile SET STORAGE EXTERNAL;
ALTER TABLE users ALTER id SET STORAGE EXTERNAL, ALTER profile SET STORAGE EXTERNAL, ALTER ban_reason SET STORAGE EXTERNAL;
ALTER TABLE conversations ALTER id SET STORAGE EXTERNAL, ALTER alias SET STORAGE EXTERNAL, ALTER profile SET STORAGE EXTERNAL;
ALTER TABLE members ALTER ban_reason SET STORAGE EXTERNAL, ALTER profile SET STORAGE EXTERNAL, ALTER frozen_profile SET STORAGE EXTERNAL;
ALTER TABLE messages ALTER body SET STORAGE EXTERNAL;
ALTER TABLE message_versions ALTER body SET STORAGE EXTERNAL;
ALTER TABLE reactions ALTER emoji SET STORAGE EXTERNAL;
ALTER TABLE idempotency ALTER answer SET STORAGE EXTERNAL;
