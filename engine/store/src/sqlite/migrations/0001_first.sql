-- Times are milliseconds since 1970-01-01T00:00:00Z.

-- The journal. What a run used, "the definition as it was", is in its first event; there is no second copy.
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    -- The run that it has to do with, by itself or through an instance or machine.
    run    TEXT,
    body   TEXT NOT NULL,
    kind   TEXT GENERATED ALWAYS AS (body ->> 'event') VIRTUAL
) STRICT;
CREATE INDEX events_of_run ON events (run, number);

-- The last event of each agent about its contact.
CREATE TABLE agents (
    agent TEXT PRIMARY KEY,
    event INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Records.
CREATE TABLE runs (
    id               TEXT PRIMARY KEY,
    -- The number of its first event.
    event            INTEGER NOT NULL,
    suite            TEXT NOT NULL,
    asked_by         TEXT NOT NULL,
    queued           INTEGER NOT NULL,
    started          INTEGER,
    finished         INTEGER,
    verdict          TEXT,
    reason           TEXT NOT NULL DEFAULT '',
    pinned           INTEGER NOT NULL DEFAULT 0,
    evidence_bytes   INTEGER NOT NULL DEFAULT 0,
    evidence_removed INTEGER,
    archive          TEXT
) STRICT;
CREATE INDEX runs_by_age ON runs (queued, event);
CREATE INDEX runs_of_suite ON runs (suite, queued, event);
CREATE INDEX runs_not_over ON runs (id) WHERE finished IS NULL;

CREATE TABLE instances (
    id         TEXT PRIMARY KEY,
    run        TEXT NOT NULL,
    cluster    TEXT NOT NULL,
    hypervisor TEXT NOT NULL,
    -- The words of the journal: starting, waiting_slaves, active, stopping, stopped, failed.
    state      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX instances_of_run ON instances (run);
CREATE INDEX instances_not_stopped ON instances (run) WHERE state <> 'stopped';

-- The index of outputs and logs.
CREATE TABLE outputs (
    run      TEXT NOT NULL,
    -- Of the stage within the run, from 0.
    position INTEGER NOT NULL,
    machine  TEXT NOT NULL,
    attempt  INTEGER NOT NULL,
    -- Path on the machine of a collected log; '' for the output of the stage.
    log      TEXT NOT NULL,
    stage    TEXT NOT NULL,
    file     TEXT NOT NULL,
    length   INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    PRIMARY KEY (run, position, machine, attempt, log)
) STRICT, WITHOUT ROWID;

-- The history of states, in the manual's words.
CREATE TABLE transitions (
    id     INTEGER PRIMARY KEY,
    event  INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    -- The manual's constant, which gives number and text.
    word   TEXT NOT NULL,
    detail TEXT NOT NULL,
    run    TEXT
) STRICT;
CREATE INDEX transitions_of_subject ON transitions (kind, name, id);

-- Join tokens, by the SHA-256 of their secrets.
CREATE TABLE tokens (
    digest   TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    made_by  TEXT NOT NULL,
    created  INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    used     INTEGER,
    -- Who used it.
    used_key TEXT
) STRICT, WITHOUT ROWID;
