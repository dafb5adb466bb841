-- `at` is when an agent was revoked, and stays so when that is said again; void is what was given until the last time.
ALTER TABLE revocations ADD COLUMN void_until INTEGER NOT NULL DEFAULT 0;
-- When it was in contact with a certificate that was given later.
ALTER TABLE revocations ADD COLUMN joined INTEGER;
UPDATE revocations SET void_until = at;
