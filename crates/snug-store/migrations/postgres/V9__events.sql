-- What was committed in apps, in its order, for back ends that ask. It says where to look, and nothing of what was said: new
-- messages take one row a commit and conversation, however many they are.
CREATE TABLE events (
    -- Given while the conversation is held, and so in its order; beyond it a lower one may be committed later.
    event BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Its place among what was committed, given when it is first asked for: who asked knows up to which it has heard.
    place BIGINT,
    app BIGINT NOT NULL,
    conversation BIGINT NOT NULL, -- 0 of a user
    kind BIGINT NOT NULL, -- 0 new messages, 1 another change, 2 conversation made, 3 conversation deleted, 4 user written
    reference BIGINT NOT NULL, -- the first message's seq, the change's rev, 0, 0, the user
    count BIGINT NOT NULL, -- of messages; else 1
    at BIGINT NOT NULL
);
CREATE SEQUENCE event_places;
CREATE INDEX events_place ON events (app, place) WHERE place IS NOT NULL;
CREATE INDEX events_waiting ON events (app, event) WHERE place IS NULL;
