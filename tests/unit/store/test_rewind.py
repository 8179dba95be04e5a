"""A table goes back to what it was after a commit, all of it or nothing, however often."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from workbench.batch import Offset
from workbench.errors import FlowError, QueryError
from workbench.language.definitions import Column
from workbench.store import catalog
from workbench.store.catalog import Entry
from workbench.store.commit import Commit, Counts, RuleCount, Span, StreamDelta, tidy, write
from workbench.store.database import Database, open_database
from workbench.store.inserts import Inserts
from workbench.store.owned import PROGRESS, create_owned, own_tables
from workbench.store.rewind import Place, Rewind, Rewound, begun_after, commit_of, losses, past, taken_back, write_rewind
from workbench.store.verify import check_stream

ENTRY = Entry("orders", "streaming table", "", "a.sql", 1, "CREATE …", "d", (Column("id", "BIGINT"), Column("_violations", "VARCHAR[]")))
LINE = 10
"""Bytes of every record."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "data.duckdb", "256MB", "64MB", (tmp_path,))
    catalog.create_streaming_table(opened.writer, ENTRY, ("positive", "known"))
    catalog.create_flow(opened.writer, "orders", "orders")
    opened.writer.execute('CREATE TABLE _store."orders#seen" (k BIGINT, _commit BIGINT)')
    yield opened
    opened.close()


@dataclass(frozen=True)
class Known:
    """What a table should be: (id, broken rule that marks) of each row, ids of rejections, lines read of each file."""

    rows: tuple[tuple[int, bool], ...] = ()
    rejected: tuple[int, ...] = ()
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def totals(self) -> Counts:
        return Counts(len(self.rows) + len(self.rejected), len(self.rows), len(self.rejected))


def store(database: Database, known: Known, commit: int, dice: random.Random) -> Known:
    """One commit of a few records of one file: some accepted, some of them marked, some rejected."""
    file = dice.choice("ab")
    start, count = known.lines.get(file, 0), dice.randrange(1, 9)
    verdict = np.array([dice.random() < 0.3 for _ in range(count)], np.uint8)
    marked = [bool(i % 3 == 0) for i in range(count)]
    ids = list(range(commit * 100, commit * 100 + count))
    rejected = [i for i, bad in zip(ids, verdict, strict=True) if bad]
    after = Known(
        known.rows + tuple((i, mark) for i, mark, bad in zip(ids, marked, verdict, strict=True) if not bad),
        known.rejected + tuple(rejected),
        known.lines | {file: start + count},
    )
    size, marks = count * LINE, sum(mark for mark, bad in zip(marked, verdict, strict=True) if not bad)
    rules = [RuleCount("positive", len(rejected), rejected[-1])] if rejected else []
    delta = StreamDelta(
        flow="orders",
        stream="orders",
        columns=("id", "_violations"),
        rows=pa.table({"id": ids, "_violations": [["known"] if mark else [] for mark in marked], "_verdict": verdict}),
        rejections=_rejections(rejected) if rejected else None,
        counts=Counts(count, count - len(rejected), len(rejected)),
        totals=after.totals,
        bytes=size,
        offset=sum(after.lines.values()) * LINE,
        offsets=(Offset(f"id-{file}", file, (start + count) * LINE, start + count, mark="m"),),
        spans=(Span(f"id-{file}", file, start * LINE, (start + count) * LINE, start, start + count),),
        origins=(("orders", count - len(rejected)),),
        rules=(*rules, *([RuleCount("known", marks)] if marks else [])),
    )
    write(Inserts(database.writer), Commit(commit, 1000.0 + commit, (delta,)))
    return after


def _rejections(ids: list[int]) -> pa.Table:
    count = len(ids)
    return pa.table(
        {
            "id": ids,
            "rules": [["positive"]] * count,
            "raw": pa.array([b"x"] * count, pa.binary()),
            "source": ["s"] * count,
            "file": ["f"] * count,
            "line": [1] * count,
            "offset": [0] * count,
            "arrived_at": [1.0] * count,
        }
    )


def planned(database: Database, kept: int, commit: int) -> Rewind:
    was = past(database.writer, "orders", kept)
    offsets = tuple(Offset(p.file_id, p.file, p.byte, p.line, mark="fresh") for p in was.places.values())
    return Rewind(commit, 1000.0 + commit, (Rewound("orders", "orders", kept, was.totals, was.offset, offsets),), (("view", "orders"),))


def is_as_known(database: Database, known: Known) -> None:
    ask = database.writer.execute
    assert [row[0] for row in ask("SELECT id FROM _store.orders ORDER BY rowid")] == [i for i, _ in known.rows]
    assert [row[0] for row in ask("SELECT id FROM workbench.quarantine ORDER BY id")] == sorted(known.rejected)
    assert dict(ask("SELECT file, line FROM workbench.offsets WHERE byte > 0")) == known.lines
    rules = {"positive": len(known.rejected), "known": sum(mark for _, mark in known.rows)}
    assert dict(ask("SELECT rule, total FROM workbench.rules")) == rules
    assert ask("SELECT last_id FROM workbench.rules WHERE rule = 'positive'") == [(max(known.rejected, default=None),)]
    assert check_stream(database.writer, ENTRY) == []


@pytest.mark.parametrize("seed", range(6))
def test_rewinds_and_commits_in_any_order(database: Database, seed: int) -> None:
    dice = random.Random(seed)
    history: dict[int, Known] = {0: Known()}
    known = Known()
    for commit in range(1, 26):
        if dice.random() < 0.7:
            known = store(database, known, commit, dice)
        else:
            kept = dice.choice([n for n in history if taken_back(database.writer, "orders", n) is None])
            write_rewind(database.writer, planned(database, kept, commit))
            known = history[kept]
        if dice.random() < 0.3:
            tidy(database.writer)
        history[commit] = known
        is_as_known(database, known)
    for number, then in history.items():
        if taken_back(database.writer, "orders", number) is None:
            found = past(database.writer, "orders", number)
            assert found.totals == then.totals
            assert {place.file: place.line for place in found.places.values()} == then.lines
            rows = database.writer.execute(f"SELECT id FROM _store.orders WHERE _commit <= {number} ORDER BY rowid")
            assert [row[0] for row in rows] == [i for i, _ in then.rows]


@pytest.mark.parametrize("step", [2, 3, 4])
def test_a_failure_inside_leaves_everything(database: Database, step: int) -> None:
    dice, known = random.Random(1), Known()
    for commit in range(1, 4):
        known = store(database, known, commit, dice)

    def fail(now: int) -> None:
        if now == step:
            raise QueryError("no")

    with pytest.raises(QueryError):
        write_rewind(database.writer, planned(database, 1, 4), fail)
    is_as_known(database, known)
    assert taken_back(database.writer, "orders", 2) is None


def test_what_flows_remember_goes_too_and_views_are_disowned(database: Database) -> None:
    ask = database.writer.execute
    ask('INSERT INTO _store."orders#seen" VALUES (1, 1), (2, 2), (3, 3)')
    catalog.save(database.writer, replace(ENTRY, name="view", kind="running state"))
    dice, known = random.Random(2), Known()
    for commit in range(1, 4):
        known = store(database, known, commit, dice)
    ask("INSERT INTO _system.late (view, commit) VALUES ('orders', 1), ('orders', 3), ('other', 3)")
    ask("INSERT INTO _system.view_log (view, commit) VALUES ('view', 1), ('view', 3), ('other', 3)")
    write_rewind(database.writer, planned(database, 2, 4))
    assert ask("SELECT view, commit FROM _system.view_log ORDER BY ALL") == [("other", 3), ("view", 1)]
    assert ask('SELECT k FROM _store."orders#seen" ORDER BY k') == [(1,), (2,)]
    assert ask("SELECT view, commit FROM _system.late ORDER BY ALL") == [("orders", 1), ("other", 3)]
    assert ask("SELECT digest FROM _system.catalog WHERE name = 'view'") == [("",)]
    assert ask("SELECT max(id) FROM workbench.commits") == [(4,)]


def test_where_a_record_was_read_and_what_came_after(database: Database) -> None:
    dice, known = random.Random(3), Known()
    for commit in range(1, 8):
        known = store(database, known, commit, dice)
    session = database.writer
    for number, start, stop, file in session.execute(
        'SELECT id, s."from", s."to", s.file FROM (SELECT id, unnest(spans) AS s FROM workbench.commits) ORDER BY id'
    ):
        assert commit_of(session, "orders", file, "byte", start) == commit_of(session, "orders", file, "byte", stop - 1) == number
        assert (
            commit_of(session, "orders", file, "line", start // LINE + 1)
            == commit_of(session, "orders", file, "line", stop // LINE)
            == number
        )
    assert commit_of(session, "orders", "a", "byte", 10_000) is None
    assert begun_after(session, "orders", 0) == {f"id-{file}": Place(f"id-{file}", file, 0, 0) for file in known.lines}
    assert begun_after(session, "orders", 7) == {}
    gone = losses(session, "orders", 0)
    assert (gone.rows, gone.rejections, gone.records) == (len(known.rows), len(known.rejected), known.totals.rows_in)


def test_only_a_tables_own_tables_go_with_it(database: Database) -> None:
    ask, dice = database.writer.execute, random.Random(0)
    store(database, Known(), 1, dice)
    other = replace(ENTRY, name="orders#b", columns=(Column("id", "BIGINT"),))  # older databases have such names
    catalog.create_streaming_table(database.writer, other, ())
    for table in ("orders#b", "orders#b#keys", "orders#bc", "orders#seen"):
        ask(f'CREATE TABLE IF NOT EXISTS _store."{table}" (id BIGINT, _commit BIGINT); INSERT INTO _store."{table}" VALUES (1, 1)')
    assert own_tables(database.writer, "orders") == ["orders#bc", "orders#seen"]
    assert own_tables(database.writer, "orders#b") == ["orders#b#keys"]
    write_rewind(database.writer, planned(database, 0, 2))
    left = [ask(f'SELECT count(*) FROM _store."{table}"')[0][0] for table in ("orders#b", "orders#b#keys", "orders#bc", "orders#seen")]
    assert left == [1, 1, 0, 0]
    catalog.drop(database.writer, ENTRY)
    stored = ask("SELECT table_name FROM duckdb_tables() WHERE schema_name = '_store' ORDER BY ALL")
    assert stored == [("orders#b",), ("orders#b#keys",)]


def test_no_table_of_a_flow_takes_the_place_of_a_dataset(database: Database) -> None:
    catalog.create_streaming_table(database.writer, replace(ENTRY, name="orders#progress"), ())
    with pytest.raises(FlowError, match="which is a dataset"):
        create_owned(database.writer, {"orders#progress": PROGRESS})
    assert database.writer.describe('FROM _store."orders#progress"')[0] == ("id", "BIGINT")
