-- The audit: what operators and keys did, and what clients did to others. A chain of each app, and of the installation (0). What tells of
-- a person is sealed, by the actor's lock and by the target's.
CREATE TABLE audit (
    entry BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    n BIGINT NOT NULL, -- 1, 2, 3 … without gaps
    id BYTEA NOT NULL CHECK (length(id) = 32), -- random: what is sealed is bound to it
    at BIGINT NOT NULL,
    actor TEXT NOT NULL, -- key, user, system
    actor_key TEXT,
    actor_user BIGINT,
    act TEXT NOT NULL,
    target TEXT NOT NULL,
    target_id TEXT,
    conversation BIGINT,
    "user" BIGINT,
    outcome TEXT NOT NULL, -- done, refused
    count BIGINT NOT NULL,
    origin BYTEA,
    note BYTEA NOT NULL,
    hash BYTEA NOT NULL CHECK (length(hash) = 32),
    UNIQUE (app, n)
);
ALTER TABLE audit ALTER origin SET STORAGE EXTERNAL, ALTER note SET STORAGE EXTERNAL;
-- Where each chain ends. Who enters something holds the row until its commit, so that places are given in the order of commits.
CREATE TABLE audit_ends (
    app BIGINT PRIMARY KEY,
    n BIGINT NOT NULL,
    hash BYTEA NOT NULL CHECK (length(hash) = 32)
);
