-- The key store: wrapped secrets, in a file of its own, so that destroying one reaches the backups of the data.

-- One row, written with every commit.
CREATE TABLE commits (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO commits (one, version) VALUES (1, 0);

CREATE TABLE secrets (
    secret INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    kind INTEGER NOT NULL, -- 1 app, 2 user, 3 conversation, 4 bucket
    owner INTEGER NOT NULL, -- the user, the conversation, the bucket's class; 0 of an app
    rule INTEGER NOT NULL, -- a bucket's retention rule, else 0
    day INTEGER NOT NULL, -- a bucket's day since 1970, else 0
    wrapped BLOB NOT NULL,
    UNIQUE (app, kind, owner, rule, day)
) STRICT;
