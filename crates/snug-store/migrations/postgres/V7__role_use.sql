-- How often each permission of a role was used on a day, counted in memory and added now and then: never a row for each act.
CREATE TABLE role_use (
    app BIGINT NOT NULL,
    day BIGINT NOT NULL, -- since 1970, UTC
    role BIGINT NOT NULL,
    permission BIGINT NOT NULL, -- its bit
    count BIGINT NOT NULL,
    "user" BIGINT, -- the one who used it, where it was one alone
    PRIMARY KEY (app, day, role, permission)
);
CREATE INDEX role_use_role ON role_use (app, role);
