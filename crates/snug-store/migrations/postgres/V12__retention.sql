-- Purge: what retention removes, and what outlives it.

-- The first message that is kept: those before it are gone.
ALTER TABLE conversations ADD first_seq BIGINT NOT NULL DEFAULT 1;

-- The ids of messages that were purged. Each outlives its message, so that a send that is repeated late makes no second one.
CREATE TABLE purged_messages (
    app BIGINT NOT NULL,
    conversation BIGINT NOT NULL,
    id UUID NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL, -- when it was purged
    PRIMARY KEY (app, conversation, id)
);
CREATE INDEX purged_messages_at ON purged_messages (at);

-- What a purge did so far. A job that is resumed goes on counting here.
CREATE TABLE purges (
    id TEXT PRIMARY KEY, -- its job's
    app BIGINT NOT NULL,
    asked BIGINT NOT NULL, -- whether somebody asked for it
    messages BIGINT NOT NULL,
    versions BIGINT NOT NULL,
    reactions BIGINT NOT NULL,
    oldest BIGINT,
    newest BIGINT,
    stopped BIGINT -- the newest time that had been seen, where the clock was ahead of it
);
CREATE INDEX purges_app ON purges (app);
CREATE TABLE purged_days (
    id TEXT NOT NULL,
    app BIGINT NOT NULL,
    class BIGINT NOT NULL,
    rule BIGINT NOT NULL,
    day BIGINT NOT NULL, -- since 1970, UTC
    UNIQUE (id, class, rule, day)
);
CREATE INDEX purged_days_app ON purged_days (app);
-- When the last purge of an app began.
ALTER TABLE apps ADD purged_at BIGINT;

-- One row: the newest time that was seen, to tell a clock that has jumped.
CREATE TABLE clock (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    seen_at BIGINT
);
INSERT INTO clock (one, seen_at) VALUES (1, NULL);

-- Removed members who left something unread: it may be purged.
CREATE INDEX members_removed_unread ON members (app, conversation) WHERE access = 0 AND unread = 1;
