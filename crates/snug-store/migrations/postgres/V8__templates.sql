-- Templates: what a bot may say on pages that cannot sign, written by a back end beforehand. Where one has appeared stands nowhere:
-- the id of its message says that.
CREATE TABLE templates (
    template BIGINT PRIMARY KEY,
    app BIGINT NOT NULL,
    id_mac BYTEA NOT NULL CHECK (length(id_mac) = 32),
    body BYTEA NOT NULL, -- its id and what it says
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (app, id_mac)
);
CREATE INDEX templates_app ON templates (app, template);
ALTER TABLE templates ALTER body SET STORAGE EXTERNAL;
