-- What users see of the system's tables, made anew with each format. Counts and bytes of flows and streams are since they began. No
-- column has a name that SQL wants in quotes. workbench.windows unites the views of the schema _windows, one a running state.

CREATE OR REPLACE VIEW workbench.flows AS
    WITH last AS (
        SELECT flow, unnest(max_by(struct_pack(
            commit := id, committed_at := "at", rows_in := total_in, accepted := total_accepted, rejected := total_rejected,
            filtered := total_filtered, blank := total_blank, multiplied := total_multiplied, bytes := "offset"), id))
        FROM _system.commits GROUP BY flow
    )
    SELECT f.name, f.stream, coalesce(commit, 0) AS commit, committed_at, coalesce(rows_in, 0) AS rows_in, coalesce(accepted, 0) AS accepted,
        coalesce(rejected, 0) AS rejected, coalesce(filtered, 0) AS filtered, coalesce(blank, 0) AS blank,
        coalesce(multiplied, 0) AS multiplied, coalesce(bytes, 0) AS bytes, paused, stopped, rate_limit,
        coalesce(lost, 0) AS lost
    FROM _system.flows f LEFT JOIN last ON last.flow = f.name;
CREATE OR REPLACE VIEW workbench.streams AS
    SELECT stream AS name, max(commit) AS commit, max(committed_at) AS committed_at, sum(rows_in)::BIGINT AS rows_in,
        sum(accepted)::BIGINT AS accepted, sum(rejected)::BIGINT AS rejected, sum(filtered)::BIGINT AS filtered, sum(blank)::BIGINT AS blank,
        sum(multiplied)::BIGINT AS multiplied, sum(bytes)::BIGINT AS bytes, bool_and(paused OR stopped) AS paused,
        sum(lost)::BIGINT AS lost
    FROM workbench.flows GROUP BY stream;
CREATE OR REPLACE VIEW workbench.quarantine AS
    SELECT id, stream, rules, raw, source, file, line, "offset" AS byte, arrived_at, state FROM _system.quarantine;
CREATE OR REPLACE VIEW workbench.commits AS
    SELECT id, "at" AS committed_at, stream, flow, rows_in, accepted, rejected, bytes, "offset" AS total_bytes, filtered, blank, multiplied,
        spans
    FROM _system.commits;
CREATE OR REPLACE VIEW workbench.job_runs AS FROM _system.job_runs;
CREATE OR REPLACE VIEW workbench.events AS SELECT id, "at" AS happened_at, kind, stream, text FROM _system.events;
CREATE OR REPLACE VIEW workbench.late AS FROM _system.late;
CREATE OR REPLACE VIEW workbench.catalog AS
    SELECT name, kind, comment, file, line, columns, text, defined_at, commit FROM _system.catalog;
CREATE OR REPLACE VIEW workbench.rules AS
    SELECT r.stream, r.rule, coalesce(sum(total), 0)::BIGINT AS total, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
        max(last_id) AS last_id
    FROM _system.rules r LEFT JOIN _system.rule_counts c ON c.stream = r.stream AND c.rule = r.rule GROUP BY r.stream, r.rule;
CREATE OR REPLACE VIEW workbench.offsets AS
    SELECT f.stream, o.flow, o.file, o.byte, o.line, o.done, o.file_id FROM (
        SELECT flow, file_id, unnest(max_by(struct_pack(file, byte, line, done), commit)) FROM _system.offsets GROUP BY flow, file_id
    ) o JOIN _system.flows f ON f.name = o.flow;
CREATE OR REPLACE VIEW workbench.watermarks AS
    SELECT view, make_timestamptz(watermark) AS watermark,
        list_transform(event_times, lambda t: {'source': t.source, 'event_time': make_timestamptz(t."time")}) AS event_times,
        idle, late, closed, commit
    FROM _system.view_commits SEMI JOIN (
        SELECT view, max_by(rowid, (commit, rowid)) AS last FROM _system.view_log GROUP BY view
    ) l ON l.view = view_commits.view AND l.last = view_commits.rowid;
