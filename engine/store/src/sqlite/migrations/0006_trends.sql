-- What lists of runs ask for, where there are a hundred thousand of them.
CREATE INDEX runs_going_on ON runs (queued, event) WHERE finished IS NULL;
CREATE INDEX runs_of_verdict ON runs (verdict, queued, event) WHERE verdict IS NOT NULL;
CREATE INDEX runs_of_suite_and_verdict ON runs (suite, verdict, queued, event) WHERE verdict IS NOT NULL;

-- Machines of instances are thousands of times as many as physical ones, whose names hold no instance.
CREATE INDEX transitions_of_physical ON transitions (name, id) WHERE kind = 'slave' AND instr(name, '/') = 0;

-- Verdicts of cases, and numbers that scripts stated: what the events say, for those who look at many runs.
CREATE TABLE cases (
    run      TEXT NOT NULL,
    position INTEGER NOT NULL,
    name     TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE metrics (
    run     TEXT NOT NULL,
    -- In the order of the events.
    id      INTEGER NOT NULL,
    name    TEXT NOT NULL,
    machine TEXT NOT NULL,
    value   REAL NOT NULL,
    unit    TEXT NOT NULL,
    PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;

INSERT INTO cases
    SELECT e.run, e.body ->> 'case', q.body ->> ('$.plan.cases[' || (e.body ->> 'case') || '].name'), e.body ->> 'verdict'
    FROM events e JOIN runs r ON r.id = e.run JOIN events q ON q.number = r.event
    WHERE e.kind = 'case_finished' AND q.kind = 'run_queued'
    ON CONFLICT DO NOTHING;
INSERT INTO metrics
    SELECT e.run, e.number * 1000 + m.key, m.value ->> 'name', e.body ->> '$.result.machine.host',
        m.value ->> 'value', coalesce(m.value ->> 'unit', '')
    FROM events e, json_each(e.body, '$.result.metrics') m
    WHERE e.kind = 'stage_finished' AND e.run IS NOT NULL
    ON CONFLICT DO NOTHING;
