-- What was committed in apps, in its order, for back ends that ask. It says where to look, and nothing of what was said: new
-- messages take one row a commit and conversation, however many they are.
CREATE TABLE events (
    -- Never given twice: who asked knows up to which it has heard.
    event INTEGER PRIMARY KEY AUTOINCREMENT,
    app INTEGER NOT NULL,
    conversation INTEGER NOT NULL, -- 0 of a user
    kind INTEGER NOT NULL, -- 0 new messages, 1 another change, 2 conversation made, 3 conversation deleted, 4 user written
    reference INTEGER NOT NULL, -- the first message's seq, the change's rev, 0, 0, the user
    count INTEGER NOT NULL, -- of messages; else 1
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX events_app ON events (app, event);
