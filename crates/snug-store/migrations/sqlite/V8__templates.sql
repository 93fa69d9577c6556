-- Templates: what a bot may say on pages that cannot sign, written by a back end beforehand. Where one has appeared stands nowhere:
-- the id of its message says that.
CREATE TABLE templates (
    template INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    id_mac BLOB NOT NULL CHECK (length(id_mac) = 32),
    body BLOB NOT NULL, -- its id and what it says
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (app, id_mac)
) STRICT;
CREATE INDEX templates_app ON templates (app, template);
