-- Consents: who has accepted which text, and when. What the text was and who accepted it is sealed; the mark is a keyed MAC of what was
-- demanded, to compare by.
CREATE TABLE consents (
    consent INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    user INTEGER NOT NULL,
    mark BLOB NOT NULL CHECK (length(mark) = 32),
    record BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    UNIQUE (app, user, mark)
) STRICT;
CREATE INDEX consents_app ON consents (app, consent);
-- The mark of what a user has accepted last: decisions rest on it.
ALTER TABLE users ADD COLUMN consented BLOB CHECK (length(consented) = 32);
