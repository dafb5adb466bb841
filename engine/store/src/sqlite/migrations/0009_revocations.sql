-- Agents whose certificates, as far as they were given until then, are void.
CREATE TABLE revocations (
    identity TEXT PRIMARY KEY,
    at       INTEGER NOT NULL,
    made_by  TEXT NOT NULL,
    reason   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
