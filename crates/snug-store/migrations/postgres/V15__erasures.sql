-- Erasures, and what was destroyed.

-- What an erasure found, and how far its count is. A job that is resumed goes on counting here.
CREATE TABLE erasures (
    id TEXT PRIMARY KEY, -- its job's
    app BIGINT NOT NULL,
    memberships BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    versions BIGINT NOT NULL,
    reactions BIGINT NOT NULL,
    consents BIGINT NOT NULL,
    blocks BIGINT NOT NULL,
    sanctions BIGINT NOT NULL,
    conversation BIGINT, -- the one that is being counted; none once all are
    seq BIGINT NOT NULL -- the last message of it that was counted
);
CREATE INDEX erasures_app ON erasures (app);
INSERT INTO erasures (id, app, memberships, messages, versions, reactions, consents, blocks, sanctions, conversation, seq)
    SELECT id, app, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM jobs WHERE kind = 3 AND state < 2;

-- One row: how far the data has followed the key store's ledger, and when it was restored from a backup, if it ever was.
CREATE TABLE ledger (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    followed BIGINT NOT NULL,
    restored_at BIGINT NOT NULL
);
INSERT INTO ledger (one, followed, restored_at) VALUES (1, 0, 0);
