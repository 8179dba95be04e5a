-- From format 1 to 2: flows have counts and offsets of their own; running states are rebuilt from stored rows.
-- Run in one transaction; schema.sql, which makes the new tables and views, stands in place of the marked line.

DROP SCHEMA workbench CASCADE;
ALTER TABLE _system.streams RENAME TO streams_1;
ALTER TABLE _system.commits RENAME TO commits_1;
ALTER TABLE _system.offsets RENAME TO offsets_1;
ALTER TABLE _system.rules RENAME TO rules_1;
DROP TABLE _system.watermarks;
DROP TABLE _system.late;
ALTER TABLE _system.quarantine ADD COLUMN flow VARCHAR;
UPDATE _system.quarantine SET flow = stream;

-- schema.sql

INSERT INTO _system.flows (name, stream, paused, stopped, created_at) SELECT name, name, paused, false, now() FROM _system.streams_1;
INSERT INTO _system.commit_log
    SELECT id, "at", stream, stream, rows_in, accepted, rejected, filtered, blank, multiplied, bytes, "offset",
        to_json(list_transform(spans, lambda s: {'file_id': s.file_id, 'file': '', 'from': s."from", 'to': s."to"})),
        to_json(CASE WHEN accepted > 0 THEN [{'flow': stream, 'rows': accepted}] ELSE [] END),
        sum(rows_in) OVER w, sum(accepted) OVER w, sum(rejected) OVER w, sum(filtered) OVER w, sum(blank) OVER w, sum(multiplied) OVER w
    FROM _system.commits_1 WINDOW w AS (PARTITION BY stream ORDER BY id ROWS UNBOUNDED PRECEDING) ORDER BY id, stream;
INSERT INTO _system.offsets
    SELECT stream, file_id, file, byte, line, done, mark, (SELECT coalesce(max(id), 0) FROM _system.commits_1) FROM _system.offsets_1;
INSERT INTO _system.rules SELECT stream, rule FROM _system.rules_1;
INSERT INTO _system.rule_counts SELECT stream, rule, total, first_seen, last_seen, last_id FROM _system.rules_1 WHERE total > 0;
UPDATE _system.catalog SET digest = '' WHERE kind = 'running state';
UPDATE _system.meta SET format = 2;
DROP TABLE _system.streams_1;
DROP TABLE _system.commits_1;
DROP TABLE _system.offsets_1;
DROP TABLE _system.rules_1;
