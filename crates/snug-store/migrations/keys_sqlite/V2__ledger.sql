-- What was destroyed, in the order in which that was done: what a copy of the data from before then does not know. Rows are added, and
-- neither changed nor removed.
CREATE TABLE ledger (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    app INTEGER NOT NULL,
    kind INTEGER NOT NULL, -- as in `secrets`
    owner INTEGER NOT NULL,
    rule INTEGER NOT NULL,
    day INTEGER NOT NULL,
    at INTEGER NOT NULL -- 0 of what was destroyed before there was a ledger
) STRICT;
INSERT INTO ledger (app, kind, owner, rule, day, at)
    SELECT app, kind, owner, rule, day, 0 FROM secrets WHERE wrapped = x'' ORDER BY secret;
