-- The last event of each thing that people hold (the queue, a hypervisor): it stays as long as the journal does.
CREATE TABLE holds (
    held  TEXT PRIMARY KEY,
    event INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
