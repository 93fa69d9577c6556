-- Who comes by the door.

-- A proof that says nothing of when it was made cannot be told from one of before a revocation. It is good again if a back end has
-- said so since: if this is not before `tokens_not_before`.
ALTER TABLE users ADD COLUMN proofs_allowed_at bigint;
-- Of a visitor: how often it has returned. What it returns by names this number, and so is good once.
ALTER TABLE users ADD COLUMN resumed bigint NOT NULL DEFAULT 0;
