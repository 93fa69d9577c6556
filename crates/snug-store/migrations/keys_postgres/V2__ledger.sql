-- What was destroyed, in the order in which that was done: what a copy of the data from before then does not know. Rows are added, and
-- neither changed nor removed.
CREATE TABLE ledger (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    kind BIGINT NOT NULL, -- as in `secrets`
    owner BIGINT NOT NULL,
    rule BIGINT NOT NULL,
    day BIGINT NOT NULL,
    at BIGINT NOT NULL -- 0 of what was destroyed before there was a ledger
);
INSERT INTO ledger (app, kind, owner, rule, day, at)
    SELECT app, kind, owner, rule, day, 0 FROM secrets WHERE wrapped = ''::bytea ORDER BY secret;
