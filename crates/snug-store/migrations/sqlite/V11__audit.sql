-- The audit: what operators and keys did, and what clients did to others. A chain of each app, and of the installation (0). What tells of
-- a person is sealed, by the actor's lock and by the target's.
CREATE TABLE audit (
    entry INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    n INTEGER NOT NULL, -- 1, 2, 3 … without gaps
    id BLOB NOT NULL CHECK (length(id) = 32), -- random: what is sealed is bound to it
    at INTEGER NOT NULL,
    actor TEXT NOT NULL, -- key, user, system
    actor_key TEXT,
    actor_user INTEGER,
    act TEXT NOT NULL,
    target TEXT NOT NULL,
    target_id TEXT,
    conversation INTEGER,
    user INTEGER,
    outcome TEXT NOT NULL, -- done, refused
    count INTEGER NOT NULL,
    origin BLOB,
    note BLOB NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    UNIQUE (app, n)
) STRICT;
-- Where each chain ends.
CREATE TABLE audit_ends (
    app INTEGER PRIMARY KEY,
    n INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
