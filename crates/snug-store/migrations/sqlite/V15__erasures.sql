-- Erasures, and what was destroyed.

-- What an erasure found, and how far its count is. A job that is resumed goes on counting here.
CREATE TABLE erasures (
    id TEXT PRIMARY KEY, -- its job's
    app INTEGER NOT NULL,
    memberships INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    versions INTEGER NOT NULL,
    reactions INTEGER NOT NULL,
    consents INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    sanctions INTEGER NOT NULL,
    conversation INTEGER, -- the one that is being counted; none once all are
    seq INTEGER NOT NULL -- the last message of it that was counted
) STRICT;
CREATE INDEX erasures_app ON erasures (app);
INSERT INTO erasures (id, app, memberships, messages, versions, reactions, consents, blocks, sanctions, conversation, seq)
    SELECT id, app, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM jobs WHERE kind = 3 AND state < 2;

-- One row: how far the data has followed the key store's ledger, and when it was restored from a backup, if it ever was.
CREATE TABLE ledger (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    followed INTEGER NOT NULL,
    restored_at INTEGER NOT NULL
) STRICT;
INSERT INTO ledger (one, followed, restored_at) VALUES (1, 0, 0);
