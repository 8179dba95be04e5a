"""The sums that must always hold, checked over what is stored."""

from __future__ import annotations

from workbench.store.catalog import Entry
from workbench.store.names import literal, stored
from workbench.store.session import Session


def check_stream(session: Session, entry: Entry) -> list[str]:
    """Broken sums of one streaming table, in words; empty when all hold."""
    name = literal(entry.name)
    totals = session.execute(
        f"SELECT rows_in, accepted, rejected, filtered, blank, multiplied, bytes FROM workbench.streams WHERE name = {name}"
    )
    if not totals:
        return []  # no flow has written into it yet
    rows_in, accepted, rejected, filtered, blank, multiplied, offset = totals[0]
    history = session.execute(
        "SELECT coalesce(sum(rows_in), 0), coalesce(sum(accepted), 0), coalesce(sum(rejected), 0), coalesce(sum(filtered), 0),"
        f" coalesce(sum(blank), 0), coalesce(sum(multiplied), 0), coalesce(sum(bytes), 0) FROM _system.commits WHERE stream = {name}"
    )[0]
    stored_rows = session.execute(f"SELECT count(*) FROM {stored(entry.name)}")[0][0]
    quarantined = session.execute(f"SELECT count(*), count(DISTINCT id) FROM _system.quarantine WHERE stream = {name}")[0]
    wrong = []
    if rows_in + multiplied != accepted + rejected + filtered + blank:
        wrong.append(
            f"{entry.name}: {rows_in:,} records in + {multiplied:,} multiplied are not"
            f" {accepted:,} accepted + {rejected:,} rejected + {filtered:,} filtered + {blank:,} blank"
        )
    if stored_rows != accepted:
        wrong.append(f"{entry.name}: {accepted:,} accepted, but {stored_rows:,} rows are stored")
    if quarantined != (rejected, rejected):
        wrong.append(f"{entry.name}: {rejected:,} rejected, but quarantine holds {quarantined[0]:,} ({quarantined[1]:,} distinct)")
    if tuple(history) != (rows_in, accepted, rejected, filtered, blank, multiplied, offset):
        wrong.append(f"{entry.name}: its commits add up to {tuple(history)}, its counters say {totals[0]}")
    return wrong + _check_origins(session, entry.name) + _check_spans(session, entry.name)


def _check_origins(session: Session, stream: str) -> list[str]:
    """Every accepted row has the flow that read it."""
    rows = session.execute(
        "SELECT id, flow, accepted, coalesce(list_sum(list_transform(origins, lambda o: o.rows)), 0) AS known"
        " FROM _system.commits WHERE stream = ? AND accepted <> known LIMIT 5",
        [stream],
    )
    return [
        f"{stream}: commit {id} accepted {accepted:,} rows by {flow}, the origins of {known:,} are known"
        for id, flow, accepted, known in rows
    ]


def _check_spans(session: Session, stream: str) -> list[str]:
    """Every byte of every file was committed once, by each flow: spans neither overlap nor leave a gap, and end at the offset."""
    spans = (
        'SELECT id, flow, s.file_id AS file_id, s."from" AS start, s."to" AS stop, s.from_line AS first, s.to_line AS last'
        " FROM (SELECT id, flow, unnest(spans) AS s FROM _system.commits WHERE stream = ?)"
    )
    rows = session.execute(
        f"WITH s AS ({spans}), o AS (SELECT *, lag(stop) OVER w AS before, lag(last) OVER w AS lines FROM s"
        " WINDOW w AS (PARTITION BY flow, file_id ORDER BY start, stop, first, last))"
        " SELECT flow, file_id, start, before FROM o WHERE before IS NOT NULL AND (before <> start OR lines <> first) LIMIT 5",
        [stream],
    )
    wrong = [f"{stream}: {flow}: {file}: after byte {before:,} the next commit begins at {start:,}" for flow, file, start, before in rows]
    ends = session.execute(
        f"WITH s AS ({spans}), e AS (SELECT flow, file_id, max(stop) AS stop FROM s GROUP BY flow, file_id)"
        " SELECT o.flow, o.file, o.byte, e.stop FROM workbench.offsets o JOIN e USING (flow, file_id) WHERE o.byte <> e.stop LIMIT 5",
        [stream],
    )
    return wrong + [f"{stream}: {flow}: {file}: the offset is {byte:,}, its commits end at {stop:,}" for flow, file, byte, stop in ends]
