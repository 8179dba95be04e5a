"""Columns may be named as the workbench's own are inside: they are not taken for one another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.bench import Bench
from workbench.engine.check import check_project

NAMES = (
    "_late",
    "_window",
    "_t",
    "_b",
    "_base",
    "_timely",
    "_taken",
    "_hop",
    "_time",
    "_source",
    "_kind",
    "_r",
    "_held",
    "_w",
    "_first",
    "_end",
)
WINDOWS = ("window(ts, '1 minute')", "window(ts, '1 minute', '30 seconds')", "session_window(ts, '1 minute')")
MINUTES = (0, 1, 3, 2, 5, 1, 9, 0)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    yield made
    if hasattr(made, "engine"):
        made.engine.stop()


def states(names: tuple[str, ...], stream: str) -> list[str]:
    """Over each kind of window, with late rows left out and taken in: the sums of columns by one of them."""
    sums = ", ".join(f'sum("{name}") AS s{i}' for i, name in enumerate(names))
    return [
        f"CREATE MATERIALIZED VIEW {stream}_{i}{late[:1]} {late and 'ON LATE UPDATE'}"
        f' AS SELECT {window} AS w, "{names[0]}" % 2 AS part, {sums}'
        f" FROM STREAM {stream} WATERMARK ts DELAY OF INTERVAL 10 SECONDS GROUP BY ALL;"
        for i, window in enumerate(WINDOWS)
        for late in ("", "update")
    ]


def table(name: str, columns: tuple[str, ...]) -> str:
    listed = "".join(f', "{column}" BIGINT' for column in columns)
    return f"CREATE STREAMING TABLE {name} (ts TIMESTAMPTZ{listed}) AS SELECT * FROM STREAM read_files('in/{name}.ndjson');"


def test_columns_named_as_our_own_give_what_any_others_give(bench: Bench) -> None:
    plain = tuple(f"c{i}" for i in range(len(NAMES)))
    for stream, names in (("odd", NAMES), ("plain", plain)):
        rows = [{"ts": f"2026-01-01T00:0{m}:00Z"} | {name: i + n for n, name in enumerate(names)} for i, m in enumerate(MINUTES)]
        bench.append(*rows, file=f"{stream}.ndjson")
    bench.write("\n".join([table("odd", NAMES), table("plain", plain), *states(NAMES, "odd"), *states(plain, "plain")]))
    engine = bench.start()
    assert engine.problems == ()
    bench.until("SELECT (SELECT count(*) FROM odd), (SELECT count(*) FROM plain)", [("8", "8")])
    for view in (f"_{i}{late}" for i in range(len(WINDOWS)) for late in ("", "u")):
        assert bench.ask(f"SELECT * FROM odd{view} ORDER BY ALL") == bench.ask(f"SELECT * FROM plain{view} ORDER BY ALL") != []
        assert bench.ask(f"SELECT sum(late) FROM workbench.windows WHERE view = 'odd{view}'") != [("0",)]
    assert engine.check_data() == []


def test_a_field_that_cannot_be_a_column_is_kept_with_the_unknown_ones(bench: Bench) -> None:
    bench.append({"ts": "2026-01-01T00:00:00Z", "_row": 7, "_metadata": "m"})
    bench.write(
        """CREATE STREAMING TABLE s AS SELECT * FROM STREAM read_files('in/*.ndjson');
        CREATE MATERIALIZED VIEW v AS SELECT session_window(ts, '1 minute') AS w, count(*) AS n
        FROM STREAM s WATERMARK ts DELAY OF INTERVAL 1 SECOND GROUP BY w;"""
    )
    engine = bench.start()
    assert engine.problems == ()
    bench.until("SELECT n FROM v", [("1",)])
    assert bench.ask("SELECT _rescued_data->>'_row', _rescued_data->>'_metadata' FROM s") == [("7", "m")]


@pytest.mark.parametrize("name", ["_row", "_verdict", "_commit", "_wb_late", "_k0"])
def test_a_name_that_is_given_out_is_refused_before_anything_runs(bench: Bench, name: str) -> None:
    bench.append({"ts": "2026-01-01T00:00:00Z", name: 1})
    bench.write(table("a", (name,)))
    bench.start()
    assert [(problem.line, problem.message) for problem in bench.engine.problems] == [(1, f"the column name {name} is reserved")]


def test_a_header_with_a_name_that_is_given_out_is_refused_before_anything_runs(bench: Bench) -> None:
    bench.append("ts,_row", "1,2", file="a.csv")
    bench.write("CREATE STREAMING TABLE s AS SELECT * FROM STREAM read_files('in/*.csv', format => 'csv');")
    [problem] = check_project(bench.start().project)
    assert problem.message == "the source has a column _row, a name that is given out here"
