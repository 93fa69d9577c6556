-- Retention rules of conversations' own, and legal holds.

-- The rule by which a conversation's messages are sealed, once it had one of its own; else 0, the app's.
ALTER TABLE conversations ADD rule BIGINT NOT NULL DEFAULT 0;
-- How many days they live at most, by its own rule.
ALTER TABLE conversations ADD kept_days BIGINT;
CREATE INDEX conversations_ruled ON conversations (app, conversation) WHERE rule <> 0;

CREATE TABLE holds (
    hold BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    kind BIGINT NOT NULL, -- 1 a conversation, 2 a user
    subject BIGINT NOT NULL,
    at BIGINT NOT NULL,
    UNIQUE (app, kind, subject)
);

-- Of a message that was due and held: the rule under which it was sealed anew. It stands before the conversation's first one, and
-- is shown to nobody but who reads what is held.
ALTER TABLE messages ADD held BIGINT;
CREATE INDEX messages_held ON messages (app, held, created_at) WHERE held IS NOT NULL;
-- The buckets of what is held.
CREATE TABLE held_days (
    app BIGINT NOT NULL,
    rule BIGINT NOT NULL,
    day BIGINT NOT NULL, -- since 1970, UTC
    PRIMARY KEY (app, rule, day)
);

-- How many purges of an app there were: each has a rule of its own for what it finds held.
ALTER TABLE apps ADD purges BIGINT NOT NULL DEFAULT 0;
ALTER TABLE purges ADD number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE purges ADD held BIGINT NOT NULL DEFAULT 0;
