-- Public keys that an app has registered: they vouch for access tokens that its back end signs with the private ones.
CREATE TABLE token_keys (
    token_key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    -- Unique beyond the app, as the ids of API keys are: a token names either kind in the same way.
    id TEXT NOT NULL UNIQUE,
    -- Name, algorithm and the key itself: sealed, so that nobody puts another key in its place.
    profile BYTEA NOT NULL,
    scopes BIGINT NOT NULL,
    may_mint BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    tokens_not_before BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX token_keys_app ON token_keys (app, token_key);
ALTER TABLE token_keys ALTER profile SET STORAGE EXTERNAL;
