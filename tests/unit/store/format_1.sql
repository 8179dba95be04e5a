-- The database of a project, as of format 1. Run once, in one transaction, when the file is made.

CREATE SCHEMA _store;     -- physical rows: one table a dataset, with _commit
CREATE SCHEMA _system;    -- what the engine knows
CREATE SCHEMA workbench;  -- what SQL may read of it

CREATE TABLE _system.meta (format INTEGER, created_at TIMESTAMPTZ);
INSERT INTO _system.meta VALUES (1, now());

-- One row a dataset. columns, input and state are lists of name and type; input is frozen once inferred.
CREATE TABLE _system.catalog (
    name VARCHAR, kind VARCHAR, comment VARCHAR, file VARCHAR, line INTEGER, text VARCHAR, digest VARCHAR,
    columns STRUCT(name VARCHAR, type VARCHAR)[], input STRUCT(name VARCHAR, type VARCHAR)[],
    state STRUCT(name VARCHAR, type VARCHAR)[], defined_at TIMESTAMPTZ, commit BIGINT,
    options STRUCT(name VARCHAR, type VARCHAR)[]
);

-- One row a commit and stream; counts of records. rows_in + multiplied = accepted + rejected + filtered + blank.
CREATE TABLE _system.commits (
    id BIGINT, "at" TIMESTAMPTZ, stream VARCHAR, rows_in BIGINT, accepted BIGINT, rejected BIGINT, filtered BIGINT,
    blank BIGINT, multiplied BIGINT, bytes BIGINT, "offset" BIGINT,
    spans STRUCT(file_id VARCHAR, "from" BIGINT, "to" BIGINT)[]
);

-- One row a stream: totals as of its last commit.
CREATE TABLE _system.streams (
    name VARCHAR, commit BIGINT, "at" TIMESTAMPTZ, rows_in BIGINT, accepted BIGINT, rejected BIGINT, filtered BIGINT,
    blank BIGINT, multiplied BIGINT, "offset" BIGINT, paused BOOLEAN
);

-- One row a file of a stream: how far it is committed.
CREATE TABLE _system.offsets (
    stream VARCHAR, file_id VARCHAR, file VARCHAR, byte BIGINT, line BIGINT, done BOOLEAN, mark VARCHAR
);

CREATE TABLE _system.quarantine (
    id BIGINT, stream VARCHAR, rules VARCHAR[], raw BLOB, source VARCHAR, file VARCHAR, line BIGINT,
    "offset" BIGINT, arrived_at TIMESTAMPTZ, state VARCHAR, _commit BIGINT
);

-- How often each rule was broken, marks included.
CREATE TABLE _system.rules (
    stream VARCHAR, rule VARCHAR, total BIGINT, first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, last_id BIGINT
);

-- One row a running state over event time: the running maximum in microseconds, and how many rows came late.
CREATE TABLE _system.watermarks (view VARCHAR, event_time BIGINT, late BIGINT);

CREATE TABLE _system.late (
    view VARCHAR, stream VARCHAR, event_time TIMESTAMPTZ, watermark TIMESTAMPTZ, "row" JSON, commit BIGINT
);

CREATE TABLE _system.job_runs (
    id BIGINT, job VARCHAR, state VARCHAR, cause VARCHAR, started_at TIMESTAMPTZ, seconds DOUBLE, rows BIGINT, error VARCHAR
);

CREATE TABLE _system.events (id BIGINT, "at" TIMESTAMPTZ, kind VARCHAR, stream VARCHAR, text VARCHAR);

CREATE VIEW workbench.streams AS
    SELECT name, commit, "at", rows_in, accepted, rejected, filtered, blank, multiplied, "offset", paused FROM _system.streams;
CREATE VIEW workbench.quarantine AS
    SELECT id, stream, rules, raw, source, file, line, "offset", arrived_at, state FROM _system.quarantine;
CREATE VIEW workbench.commits AS
    SELECT id, "at", stream, rows_in, accepted, rejected, bytes, "offset", filtered, blank, multiplied, spans FROM _system.commits;
CREATE VIEW workbench.job_runs AS FROM _system.job_runs;
CREATE VIEW workbench.events AS FROM _system.events;
CREATE VIEW workbench.late AS FROM _system.late;
CREATE VIEW workbench.catalog AS
    SELECT name, kind, comment, file, line, columns, text, defined_at, commit FROM _system.catalog;
CREATE VIEW workbench.rules AS FROM _system.rules;
CREATE VIEW workbench.offsets AS SELECT stream, file, byte, line, done, file_id FROM _system.offsets;
