-- In a strict table a generated column is worked out whenever a row is written, here from the whole JSON of each event.
-- Who asks for a kind asks for body ->> 'event'.
ALTER TABLE events DROP COLUMN kind;
