-- The database of a project, as of format 4. Run once, in one transaction, when the file is made.

CREATE SCHEMA IF NOT EXISTS _store;     -- physical rows: one table a dataset, with _commit
CREATE SCHEMA IF NOT EXISTS _system;    -- what the engine knows
CREATE SCHEMA IF NOT EXISTS workbench;  -- what SQL may read of it
CREATE SCHEMA IF NOT EXISTS _windows;   -- a view each: the windows of a running state

-- last_commit, last_rejection: the newest numbers as of the last time that something which has such was removed.
CREATE TABLE IF NOT EXISTS _system.meta (format INTEGER, created_at TIMESTAMPTZ, last_commit BIGINT, last_rejection BIGINT);
INSERT INTO _system.meta (format, created_at) SELECT 4, now() WHERE NOT EXISTS (FROM _system.meta);

-- One row a dataset. columns, input and state are lists of name and type; input is frozen once inferred.
CREATE TABLE IF NOT EXISTS _system.catalog (
    name VARCHAR, kind VARCHAR, comment VARCHAR, file VARCHAR, line INTEGER, text VARCHAR, digest VARCHAR,
    columns STRUCT(name VARCHAR, type VARCHAR)[], input STRUCT(name VARCHAR, type VARCHAR)[],
    state STRUCT(name VARCHAR, type VARCHAR)[], defined_at TIMESTAMPTZ, commit BIGINT,
    options STRUCT(name VARCHAR, type VARCHAR)[]
);

-- One row a flow: a query from one source into one streaming table. lost: records that were sent to its source and could not be kept
-- (UDP), lost_by_kernel of them in the kernel; NULL: none.
CREATE TABLE IF NOT EXISTS _system.flows (
    name VARCHAR, stream VARCHAR, paused BOOLEAN, stopped BOOLEAN, rate_limit DOUBLE, created_at TIMESTAMPTZ,
    lost BIGINT, lost_by_kernel BIGINT
);

-- One row a commit and flow; counts of records, then the flow's totals after it. rows_in + multiplied = accepted + rejected +
-- filtered + blank. spans: what was read, in the order of merging; origins: accepted rows by the flow that read them; both are
-- JSON text: as lists of structures a row of them took 30 kB of the write-ahead log. Read them as _system.commits has them.
CREATE TABLE IF NOT EXISTS _system.commit_log (
    id BIGINT, "at" TIMESTAMPTZ, stream VARCHAR, flow VARCHAR, rows_in BIGINT, accepted BIGINT, rejected BIGINT, filtered BIGINT,
    blank BIGINT, multiplied BIGINT, bytes BIGINT, "offset" BIGINT, spans VARCHAR, origins VARCHAR,
    total_in BIGINT, total_accepted BIGINT, total_rejected BIGINT, total_filtered BIGINT, total_blank BIGINT, total_multiplied BIGINT
);
CREATE VIEW _system.commits AS SELECT rowid, * REPLACE (
    from_json(spans, '[{"file_id":"VARCHAR","file":"VARCHAR","from":"BIGINT","to":"BIGINT","from_line":"BIGINT","to_line":"BIGINT"}]') AS spans,
    from_json(origins, '[{"flow":"VARCHAR","rows":"BIGINT"}]') AS origins
) FROM _system.commit_log;

-- One row a commit, flow and file: how far it is committed. The last one counts; those before are folded away.
CREATE TABLE IF NOT EXISTS _system.offsets (
    flow VARCHAR, file_id VARCHAR, file VARCHAR, byte BIGINT, line BIGINT, done BOOLEAN, mark VARCHAR, commit BIGINT
);

CREATE TABLE IF NOT EXISTS _system.quarantine (
    id BIGINT, stream VARCHAR, rules VARCHAR[], raw BLOB, source VARCHAR, file VARCHAR, line BIGINT,
    "offset" BIGINT, arrived_at TIMESTAMPTZ, state VARCHAR, _commit BIGINT, flow VARCHAR
);

-- One row a rewind: its commit took back what the stream had stored after commit `kept`.
CREATE TABLE IF NOT EXISTS _system.rewinds (stream VARCHAR, kept BIGINT, commit BIGINT, "at" TIMESTAMPTZ);

-- The rules that are counted, and how often each was broken, marks included: one row a commit, folded now and then.
CREATE TABLE IF NOT EXISTS _system.rules (stream VARCHAR, rule VARCHAR);
CREATE TABLE IF NOT EXISTS _system.rule_counts (
    stream VARCHAR, rule VARCHAR, total BIGINT, first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, last_id BIGINT
);

-- One row a commit and running state over event time (microseconds): the watermark after it, each source with its newest event
-- time, the sources that held no watermark, how many rows came late and windows closed since it was built, and whether its input
-- ended with that commit.
CREATE TABLE IF NOT EXISTS _system.view_log (
    commit BIGINT, view VARCHAR, watermark BIGINT, event_times VARCHAR, idle VARCHAR, late BIGINT, closed BIGINT,
    ended BOOLEAN
);
CREATE VIEW _system.view_commits AS SELECT rowid, * REPLACE (
    from_json(event_times, '[{"source":"VARCHAR","time":"BIGINT"}]') AS event_times, from_json(idle, '["VARCHAR"]') AS idle
) FROM _system.view_log;

-- Rows that came late; of hopping windows one row for each window missed.
CREATE TABLE IF NOT EXISTS _system.late (
    view VARCHAR, stream VARCHAR, event_time TIMESTAMPTZ, watermark TIMESTAMPTZ, window_start TIMESTAMPTZ, "row" JSON, commit BIGINT
);

-- How many rows came late for a window, whatever became of them. key: of sessions the other keys as JSON (start is then the row's
-- own time), else empty.
CREATE TABLE IF NOT EXISTS _system.late_counts (view VARCHAR, key VARCHAR, "start" TIMESTAMPTZ, "rows" BIGINT, commit BIGINT);

-- One row a window that closed, with the rows that it had then.
CREATE TABLE IF NOT EXISTS _system.windows (
    view VARCHAR, key VARCHAR, "start" TIMESTAMPTZ, "end" TIMESTAMPTZ, closed_at TIMESTAMPTZ, "rows" BIGINT, commit BIGINT
);

-- After which commit the partial aggregates of a running state were last combined: what it showed before is computed anew.
CREATE TABLE IF NOT EXISTS _system.compactions (view VARCHAR, commit BIGINT);

CREATE TABLE IF NOT EXISTS _system.job_runs (
    id BIGINT, job VARCHAR, state VARCHAR, cause VARCHAR, started_at TIMESTAMPTZ, seconds DOUBLE, rows BIGINT, error VARCHAR
);

CREATE TABLE IF NOT EXISTS _system.events (id BIGINT, "at" TIMESTAMPTZ, kind VARCHAR, stream VARCHAR, text VARCHAR);

-- views.sql
