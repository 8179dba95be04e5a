"""What a row of each system table is, in one line: for README and for whoever lists them."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "streams": "A streaming table: its records and bytes since it began, up to its last commit; `lost`: sent over UDP and not kept",
    "flows": "A source of a streaming table, with the same counts; `rate_limit`: rows a second",
    "offsets": "A file, socket or pipe: the place up to which a flow has it stored; `done`: read to its end, and not looked at again",
    "commits": "What one commit stored of a flow; `total_bytes`: of the flow so far; `spans`: which bytes and lines of which files",
    "quarantine": "A rejected record: its raw bytes, every rule it broke, where it stood",
    "rules": "A rule: how many records broke it; `last_id`: the newest of them in `quarantine`",
    "windows": "A window of a running state, `open` or `closed`: its rows, and those that came too late; `key`: whose session it is",
    "watermarks": "How far the event time of a running state is; each source's newest; those in `idle` are not waited for",
    "late": "A row that came after its window had closed; `commit`: the one that stored it",
    "job_runs": "A refresh of a materialized view, and what caused it",
    "events": "What happened, worth a line: `kind` is `info`, `warning` or `error`",
    "catalog": "A definition in force, and one that left the pipelines while its rows are stored",
}
