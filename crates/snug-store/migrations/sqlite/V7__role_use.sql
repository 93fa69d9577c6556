-- How often each permission of a role was used on a day, counted in memory and added now and then: never a row for each act.
CREATE TABLE role_use (
    app INTEGER NOT NULL,
    day INTEGER NOT NULL, -- since 1970, UTC
    role INTEGER NOT NULL,
    permission INTEGER NOT NULL, -- its bit
    count INTEGER NOT NULL,
    user INTEGER, -- the one who used it, where it was one alone
    UNIQUE (app, day, role, permission)
) STRICT;
CREATE INDEX role_use_role ON role_use (app, role);
