-- The key store: wrapped secrets, in a database of its own, so that destroying one reaches the backups of the data.

CREATE TABLE secrets (
    secret BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    kind BIGINT NOT NULL, -- 1 app, 2 user, 3 conversation, 4 bucket
    owner BIGINT NOT NULL, -- the user, the conversation, the bucket's class; 0 of an app
    rule BIGINT NOT NULL, -- a bucket's retention rule, else 0
    day BIGINT NOT NULL, -- a bucket's day since 1970, else 0
    wrapped BYTEA NOT NULL,
    UNIQUE (app, kind, owner, rule, day)
);

-- What is encrypted cannot be compressed: trying would cost time, and gain nothing.
ALTER TABLE secrets ALTER wrapped SET STORAGE EXTERNAL;
