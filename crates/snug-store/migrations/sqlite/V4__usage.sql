-- What was used of an app on a day, counted in memory and added now and then: never a row for each message.
CREATE TABLE usage (
    app INTEGER NOT NULL,
    day INTEGER NOT NULL, -- since 1970, UTC
    users INTEGER NOT NULL, -- made on that day, as all that follows
    conversations INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    sockets INTEGER NOT NULL,
    bytes INTEGER NOT NULL, -- of what the messages say, sealed
    UNIQUE (app, day)
) STRICT;
