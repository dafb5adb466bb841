-- What is kept of suites' starts. The suite of an empty name stands for all of them.
CREATE TABLE schedules (
    suite TEXT PRIMARY KEY NOT NULL,
    considered INTEGER NOT NULL,
    schedule TEXT NOT NULL,
    paused TEXT,
    last_start INTEGER,
    last_run TEXT,
    last_reason TEXT
) STRICT, WITHOUT ROWID;
