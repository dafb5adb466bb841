-- Mails that are not sent yet. A mail is about one thing of a run, to one address.
CREATE TABLE mails (
    id        INTEGER PRIMARY KEY,
    run       TEXT NOT NULL,
    about     TEXT NOT NULL,
    recipient TEXT NOT NULL,
    content   TEXT NOT NULL,
    queued    INTEGER NOT NULL,
    attempts  INTEGER NOT NULL,
    due       INTEGER NOT NULL,
    error     TEXT NOT NULL,
    UNIQUE (run, about, recipient)
) STRICT;
CREATE INDEX mails_by_time ON mails (due, id);

-- Up to which event it was considered who gets mail; no row: nobody considers.
CREATE TABLE mail_considered (
    only  INTEGER PRIMARY KEY CHECK (only = 0),
    event INTEGER NOT NULL
) STRICT;
