-- Who may do what, and who has done what.
CREATE TABLE accounts (
    name     TEXT PRIMARY KEY NOT NULL,
    role     TEXT NOT NULL,
    -- A PHC string of argon2.
    password TEXT NOT NULL,
    made_by  TEXT NOT NULL,
    created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- By the SHA-256 of what is in the cookie.
CREATE TABLE sessions (
    digest  TEXT PRIMARY KEY NOT NULL,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    ends    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_account ON sessions (account);

-- Tokens of programs that use the API, by the SHA-256 of their secrets.
CREATE TABLE api_tokens (
    digest  TEXT PRIMARY KEY NOT NULL,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER
) STRICT, WITHOUT ROWID;

-- Each request to change something.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    role    TEXT,
    via     TEXT NOT NULL,
    address TEXT NOT NULL,
    action  TEXT NOT NULL,
    target  TEXT NOT NULL,
    reason  TEXT NOT NULL,
    status  INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_of_who ON audit (who, id);
