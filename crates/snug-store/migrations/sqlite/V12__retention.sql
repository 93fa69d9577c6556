-- Purge: what retention removes, and what outlives it.

-- The first message that is kept: those before it are gone.
ALTER TABLE conversations ADD COLUMN first_seq INTEGER NOT NULL DEFAULT 1;

-- The ids of messages that were purged. Each outlives its message, so that a send that is repeated late makes no second one.
CREATE TABLE purged_messages (
    app INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL, -- when it was purged
    PRIMARY KEY (app, conversation, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX purged_messages_at ON purged_messages (at);

-- What a purge did so far. A job that is resumed goes on counting here.
CREATE TABLE purges (
    id TEXT PRIMARY KEY, -- its job's
    app INTEGER NOT NULL,
    asked INTEGER NOT NULL, -- whether somebody asked for it
    messages INTEGER NOT NULL,
    versions INTEGER NOT NULL,
    reactions INTEGER NOT NULL,
    oldest INTEGER,
    newest INTEGER,
    stopped INTEGER -- the newest time that had been seen, where the clock was ahead of it
) STRICT;
CREATE INDEX purges_app ON purges (app);
CREATE TABLE purged_days (
    id TEXT NOT NULL,
    app INTEGER NOT NULL,
    class INTEGER NOT NULL,
    rule INTEGER NOT NULL,
    day INTEGER NOT NULL, -- since 1970, UTC
    UNIQUE (id, class, rule, day)
) STRICT;
CREATE INDEX purged_days_app ON purged_days (app);
-- When the last purge of an app began.
ALTER TABLE apps ADD COLUMN purged_at INTEGER;

-- One row: the newest time that was seen, to tell a clock that has jumped.
CREATE TABLE clock (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seen_at INTEGER
) STRICT;
INSERT INTO clock (one, seen_at) VALUES (1, NULL);

-- Removed members who left something unread: it may be purged.
CREATE INDEX members_removed_unread ON members (app, conversation) WHERE access = 0 AND unread = 1;
