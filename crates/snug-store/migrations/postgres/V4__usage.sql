-- What was used of an app on a day, counted in memory and added now and then: never a row for each message.
CREATE TABLE usage (
    app BIGINT NOT NULL,
    day BIGINT NOT NULL, -- since 1970, UTC
    users BIGINT NOT NULL, -- made on that day, as all that follows
    conversations BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    sockets BIGINT NOT NULL,
    bytes BIGINT NOT NULL, -- of what the messages say, sealed
    PRIMARY KEY (app, day)
);
