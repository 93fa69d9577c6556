-- The region that the data belongs to, for good: that of its apps, if there are some already.
CREATE TABLE region (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL
);
INSERT INTO region (one, name) SELECT 1, region FROM apps ORDER BY app LIMIT 1;
