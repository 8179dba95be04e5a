-- The database of a project, as of format 3. Run once, in one transaction, when the file is made.

CREATE SCHEMA IF NOT EXISTS _store;     -- physical rows: one table a dataset, with _commit
CREATE SCHEMA IF NOT EXISTS _system;    -- what the engine knows
CREATE SCHEMA IF NOT EXISTS workbench;  -- what SQL may read of it

-- last_commit, last_rejection: the newest numbers as of the last time that something which has such was removed.
CREATE TABLE IF NOT EXISTS _system.meta (format INTEGER, created_at TIMESTAMPTZ, last_commit BIGINT, last_rejection BIGINT);
INSERT INTO _system.meta (format, created_at) SELECT 3, now() WHERE NOT EXISTS (FROM _system.meta);

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

CREATE VIEW workbench.flows AS
    WITH last AS (
        SELECT flow, unnest(max_by(struct_pack(
            commit := id, "at" := "at", rows_in := total_in, accepted := total_accepted, rejected := total_rejected,
            filtered := total_filtered, blank := total_blank, multiplied := total_multiplied, "offset" := "offset"), id))
        FROM _system.commits GROUP BY flow
    )
    SELECT f.name, f.stream, coalesce(commit, 0) AS commit, "at", coalesce(rows_in, 0) AS rows_in, coalesce(accepted, 0) AS accepted,
        coalesce(rejected, 0) AS rejected, coalesce(filtered, 0) AS filtered, coalesce(blank, 0) AS blank,
        coalesce(multiplied, 0) AS multiplied, coalesce("offset", 0) AS "offset", paused, stopped, rate_limit,
        coalesce(lost, 0) AS lost
    FROM _system.flows f LEFT JOIN last ON last.flow = f.name;
CREATE VIEW workbench.streams AS
    SELECT stream AS name, max(commit) AS commit, max("at") AS "at", sum(rows_in)::BIGINT AS rows_in, sum(accepted)::BIGINT AS accepted,
        sum(rejected)::BIGINT AS rejected, sum(filtered)::BIGINT AS filtered, sum(blank)::BIGINT AS blank,
        sum(multiplied)::BIGINT AS multiplied, sum("offset")::BIGINT AS "offset", bool_and(paused OR stopped) AS paused,
        sum(lost)::BIGINT AS lost
    FROM workbench.flows GROUP BY stream;
CREATE VIEW workbench.quarantine AS
    SELECT id, stream, rules, raw, source, file, line, "offset", arrived_at, state FROM _system.quarantine;
CREATE VIEW workbench.commits AS
    SELECT id, "at", stream, flow, rows_in, accepted, rejected, bytes, "offset", filtered, blank, multiplied, spans FROM _system.commits;
CREATE VIEW workbench.job_runs AS FROM _system.job_runs;
CREATE VIEW workbench.events AS FROM _system.events;
CREATE VIEW workbench.late AS FROM _system.late;
CREATE VIEW workbench.catalog AS
    SELECT name, kind, comment, file, line, columns, text, defined_at, commit FROM _system.catalog;
CREATE VIEW workbench.rules AS
    SELECT r.stream, r.rule, coalesce(sum(total), 0)::BIGINT AS total, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
        max(last_id) AS last_id
    FROM _system.rules r LEFT JOIN _system.rule_counts c ON c.stream = r.stream AND c.rule = r.rule GROUP BY r.stream, r.rule;
CREATE VIEW workbench.offsets AS
    SELECT f.stream, o.flow, o.file, o.byte, o.line, o.done, o.file_id FROM (
        SELECT flow, file_id, unnest(max_by(struct_pack(file, byte, line, done), commit)) FROM _system.offsets GROUP BY flow, file_id
    ) o JOIN _system.flows f ON f.name = o.flow;
CREATE VIEW workbench.watermarks AS
    SELECT view, make_timestamptz(watermark) AS watermark,
        list_transform(event_times, lambda t: {'source': t.source, 'event_time': make_timestamptz(t."time")}) AS event_times,
        idle, late, closed, commit
    FROM _system.view_commits SEMI JOIN (
        SELECT view, max_by(rowid, (commit, rowid)) AS last FROM _system.view_log GROUP BY view
    ) l ON l.view = view_commits.view AND l.last = view_commits.rowid;
-- Made anew whenever a running state over windows comes or goes: it unites the views of the schema _windows, one a state.
CREATE SCHEMA IF NOT EXISTS _windows;
CREATE VIEW workbench.windows AS
    SELECT NULL::VARCHAR AS view, NULL::VARCHAR AS key, NULL::TIMESTAMPTZ AS "start", NULL::TIMESTAMPTZ AS "end", NULL::VARCHAR AS state,
        NULL::TIMESTAMPTZ AS closed_at, NULL::BIGINT AS "rows", NULL::BIGINT AS late, NULL::BIGINT AS commit
    WHERE false;
