-- Mails are one kind of what is to be delivered; a delivery is about one thing of a run, to one recipient of a target:
-- `mail`, `webhook/NAME`.
CREATE TABLE deliveries (
    id        INTEGER PRIMARY KEY,
    target    TEXT NOT NULL,
    run       TEXT NOT NULL,
    about     TEXT NOT NULL,
    recipient TEXT NOT NULL,
    content   TEXT NOT NULL,
    queued    INTEGER NOT NULL,
    attempts  INTEGER NOT NULL,
    due       INTEGER NOT NULL,
    error     TEXT NOT NULL,
    UNIQUE (target, run, about, recipient)
) STRICT;
INSERT INTO deliveries (id, target, run, about, recipient, content, queued, attempts, due, error)
    SELECT id, 'mail', run, about, recipient, content, queued, attempts, due, error FROM mails;
DROP TABLE mails;
CREATE INDEX deliveries_by_time ON deliveries (target, due, id);
CREATE INDEX deliveries_in_order ON deliveries (target, id);

-- Up to which event it was considered what a target is told; no row: nobody considers.
CREATE TABLE considered (
    target TEXT PRIMARY KEY,
    event  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO considered (target, event) SELECT 'mail', event FROM mail_considered;
DROP TABLE mail_considered;
