-- Public keys that an app has registered: they vouch for access tokens that its back end signs with the private ones.
CREATE TABLE token_keys (
    token_key INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    -- Unique beyond the app, as the ids of API keys are: a token names either kind in the same way.
    id TEXT NOT NULL UNIQUE,
    -- Name, algorithm and the key itself: sealed, so that nobody puts another key in its place.
    profile BLOB NOT NULL,
    scopes INTEGER NOT NULL,
    may_mint INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    tokens_not_before INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX token_keys_app ON token_keys (app, token_key);
