-- Retention rules of conversations' own, and legal holds.

-- The rule by which a conversation's messages are sealed, once it had one of its own; else 0, the app's.
ALTER TABLE conversations ADD COLUMN rule INTEGER NOT NULL DEFAULT 0;
-- How many days they live at most, by its own rule.
ALTER TABLE conversations ADD COLUMN kept_days INTEGER;
CREATE INDEX conversations_ruled ON conversations (app, conversation) WHERE rule <> 0;

CREATE TABLE holds (
    hold INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    kind INTEGER NOT NULL, -- 1 a conversation, 2 a user
    subject INTEGER NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (app, kind, subject)
) STRICT;

-- Of a message that was due and held: the rule under which it was sealed anew. It stands before the conversation's first one, and
-- is shown to nobody but who reads what is held.
ALTER TABLE messages ADD COLUMN held INTEGER;
CREATE INDEX messages_held ON messages (app, held, created_at) WHERE held IS NOT NULL;
-- The buckets of what is held.
CREATE TABLE held_days (
    app INTEGER NOT NULL,
    rule INTEGER NOT NULL,
    day INTEGER NOT NULL, -- since 1970, UTC
    PRIMARY KEY (app, rule, day)
) STRICT, WITHOUT ROWID;

-- How many purges of an app there were: each has a rule of its own for what it finds held.
ALTER TABLE apps ADD COLUMN purges INTEGER NOT NULL DEFAULT 0;
ALTER TABLE purges ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE purges ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
