-- Consents: who has accepted which text, and when. What the text was and who accepted it is sealed; the mark is a keyed MAC of what was
-- demanded, to compare by.
CREATE TABLE consents (
    consent BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    "user" BIGINT NOT NULL,
    mark BYTEA NOT NULL CHECK (length(mark) = 32),
    record BYTEA NOT NULL,
    accepted_at BIGINT NOT NULL,
    UNIQUE (app, "user", mark)
);
ALTER TABLE consents ALTER record SET STORAGE EXTERNAL;
CREATE INDEX consents_app ON consents (app, consent);
-- The mark of what a user has accepted last: decisions rest on it.
ALTER TABLE users ADD consented BYTEA CHECK (length(consented) = 32);
