-- From format 2 to 3: the newest ids are kept when what has them is removed; flows know how many records were lost. Run in one
-- transaction.

ALTER TABLE _system.meta ADD COLUMN IF NOT EXISTS last_commit BIGINT;
ALTER TABLE _system.meta ADD COLUMN IF NOT EXISTS last_rejection BIGINT;
ALTER TABLE _system.flows ADD COLUMN IF NOT EXISTS lost BIGINT;
ALTER TABLE _system.flows ADD COLUMN IF NOT EXISTS lost_by_kernel BIGINT;
CREATE OR REPLACE VIEW workbench.flows AS
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
CREATE OR REPLACE VIEW workbench.streams AS
    SELECT stream AS name, max(commit) AS commit, max("at") AS "at", sum(rows_in)::BIGINT AS rows_in, sum(accepted)::BIGINT AS accepted,
        sum(rejected)::BIGINT AS rejected, sum(filtered)::BIGINT AS filtered, sum(blank)::BIGINT AS blank,
        sum(multiplied)::BIGINT AS multiplied, sum("offset")::BIGINT AS "offset", bool_and(paused OR stopped) AS paused,
        sum(lost)::BIGINT AS lost
    FROM workbench.flows GROUP BY stream;
UPDATE _system.meta SET format = 3;
