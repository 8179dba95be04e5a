"""The graph of a project: order, names, circles, and the folder that it is read from."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from tests.language import graph_of
from workbench.language.definitions import MaterializedView
from workbench.language.graph import reads
from workbench.language.project import load, read_pipelines

FILES = {
    "pipelines/a.sql": "CREATE MATERIALIZED VIEW totals TRIGGER ON UPDATE AS SELECT * FROM Paid JOIN orders USING (id)",
    "pipelines/b.sql": "CREATE STREAMING TABLE paid AS SELECT o.* FROM STREAM ORDERS o JOIN countries c ON o.x = c.x",
    "pipelines/c.sql": "CREATE STREAMING TABLE orders (id BIGINT, x INT) AS SELECT * FROM STREAM read_files('x.json')",
    "pipelines/d.sql": "CREATE TEMPORARY VIEW countries AS SELECT 1 AS x",
}


@pytest.mark.parametrize("names", list(itertools.permutations(FILES))[::5])
def test_each_definition_comes_after_what_it_reads_whatever_the_files_order(names: tuple[str, ...]) -> None:
    renamed = {f"pipelines/{i}.sql": FILES[name] for i, name in enumerate(names)}
    graph = graph_of(renamed)
    seen: set[str] = set()
    for definition in graph.definitions:
        assert {name.lower() for name in reads(definition)} <= seen
        seen.add(definition.name.lower())
    assert seen == {"totals", "paid", "orders", "countries"}


def test_names_are_found_whatever_their_letter_case() -> None:
    graph = graph_of(FILES)
    totals = graph.get("TOTALS")
    assert isinstance(totals, MaterializedView)
    assert reads(totals) == ("paid", "orders")


def test_a_pivot_whose_rows_are_ordered_and_limited_is_read() -> None:
    files = FILES | {"pipelines/e.sql": "CREATE MATERIALIZED VIEW long AS UNPIVOT orders ON x INTO NAME n VALUE v ORDER BY v LIMIT 3"}
    long = graph_of(files).get("long")
    assert isinstance(long, MaterializedView)
    assert reads(long) == ("orders",)


@pytest.mark.parametrize("end", ["ORDER BY (SELECT max(x) FROM paid)", "LIMIT (WITH d AS (DELETE FROM paid RETURNING *) SELECT 1)"])
def test_a_pivot_is_not_ordered_by_what_nobody_would_know_it_reads(end: str) -> None:
    sql = f"CREATE MATERIALIZED VIEW long AS UNPIVOT orders ON x INTO NAME n VALUE v {end}"
    (problem,) = load(FILES | {"pipelines/e.sql": sql}).problems
    assert problem.message == "a PIVOT cannot be ordered or limited by another query here"


def test_names_are_spelled_as_their_definitions_spell_them() -> None:
    files = {
        "a.sql": "CREATE STREAMING TABLE Orders (id BIGINT) AS SELECT * FROM STREAM read_files('x.json');"
        "CREATE STREAMING TABLE Large AS SELECT id FROM STREAM ORDERS WHERE id > 9;"
        "CREATE MATERIALIZED VIEW per_id AS SELECT l.id, count(*) AS n FROM STREAM LARGE l JOIN ORDERS o USING (id) GROUP BY l.id;"
        "CREATE TEMPORARY VIEW seen AS SELECT * FROM PER_ID",
    }
    found = {definition.name: definition for definition in graph_of(files).definitions}
    assert {name: reads(definition) for name, definition in found.items()} == {
        "Orders": (),
        "Large": ("Orders",),
        "per_id": ("Large", "Orders"),
        "seen": ("per_id",),
    }
    view = found["per_id"]
    assert isinstance(view, MaterializedView)
    assert view.running
    assert (view.running.stream, view.running.tables) == ("Large", ("Orders",))


def test_unknown_tables_are_told_with_a_near_name() -> None:
    found = load({**FILES, "e.sql": "CREATE TEMPORARY VIEW v AS\nSELECT * FROM ordes JOIN zzz USING (y)"}).problems
    assert [(p.file, p.line, p.column, p.message) for p in found] == [
        ("e.sql", 2, 15, "there is no table ordes"),
        ("e.sql", 2, 26, "there is no table zzz"),
    ]
    assert found[0].hint == "Did you mean orders?"
    assert "orders" in found[1].hint


def test_a_name_given_twice_is_shown_with_both_places() -> None:
    [problem] = load({**FILES, "e.sql": "\nCREATE TEMPORARY VIEW ORDERS AS SELECT 1 AS x"}).problems
    assert (problem.file, problem.line, problem.column) == ("pipelines/c.sql", 1, 24)
    assert "e.sql:2:23" in problem.message


def test_a_circle_is_told_once_with_its_path() -> None:
    texts = {
        "a.sql": "CREATE MATERIALIZED VIEW a AS SELECT * FROM b",
        "b.sql": "CREATE TEMPORARY VIEW b AS SELECT * FROM c",
        "c.sql": "CREATE MATERIALIZED VIEW c AS SELECT * FROM a; CREATE TEMPORARY VIEW d AS SELECT * FROM a",
        "e.sql": "CREATE TEMPORARY VIEW e AS SELECT 1 AS x",
    }
    loaded = load(texts)
    assert [p.message for p in loaded.problems] == ["these definitions read each other in a circle: a → b → c → a"]
    assert [d.name for d in loaded.graph.definitions] == ["e"]


def test_a_definition_may_not_read_itself() -> None:
    [problem] = load({"a.sql": "CREATE STREAMING TABLE a AS SELECT * FROM STREAM a"}).problems
    assert "a → a" in problem.message


def test_only_a_streaming_table_is_a_stream() -> None:
    [problem] = load({"a.sql": "CREATE MATERIALIZED VIEW a AS SELECT 1 AS x; CREATE STREAMING TABLE b AS SELECT * FROM STREAM a"}).problems
    assert "no streaming table" in problem.message


def test_what_reads_an_unsound_definition_is_left_out_without_a_problem_of_its_own() -> None:
    loaded = load({**FILES, "pipelines/c.sql": FILES["pipelines/c.sql"].replace("BIGINT", "BIGNIT")})
    assert [p.message for p in loaded.problems] == ["there is no type BIGNIT"]
    assert [d.name for d in loaded.graph.definitions] == ["countries"]


def test_problems_of_all_files_come_in_their_order() -> None:
    loaded = load({"b.sql": "CREATE VIEW x\n;CREATE VIEW y", "a.sql": "nonsense"})
    assert [(p.file, p.line) for p in loaded.problems] == [("a.sql", 1), ("b.sql", 1), ("b.sql", 2)]


def test_the_folder_is_read_with_what_lies_below_it(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "deep" / "a.sql").write_bytes("\ufeffCREATE TEMPORARY VIEW a AS SELECT 'é' AS x;\r\n".encode())
    (folder / "b.sql").write_bytes(b"")
    (folder / "c.sql").write_bytes(b"CREATE TEMPORARY VIEW c AS\nSELECT '\xff' AS x")
    (folder / ".hidden" / "d.sql").write_text("nonsense")
    (folder / "notes.txt").write_text("nonsense")
    loaded = load(read_pipelines(tmp_path).files)
    assert [d.name for d in loaded.graph.definitions] == ["a"]
    [problem] = loaded.problems
    assert (problem.file, problem.line, problem.column, problem.message) == ("pipelines/c.sql", 2, 9, "the text is not UTF-8")
    str(problem).encode()


def test_no_folder_is_an_empty_project(tmp_path: Path) -> None:
    assert load(read_pipelines(tmp_path).files) == load({})


def test_a_file_that_cannot_be_read_is_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "a.sql").write_text("")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    [problem] = read_pipelines(tmp_path).unread
    assert (problem.file, problem.message) == ("pipelines/a.sql", "cannot be read: Permission denied")


@pytest.mark.parametrize("closed", ["pipelines", "pipelines/deep"])
def test_a_folder_that_cannot_be_read_is_no_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    folder = tmp_path / "pipelines"
    for inner in ("deep", ".hidden"):
        (folder / inner).mkdir(parents=True)
        (folder / inner / "a.sql").write_text("")
    scan = os.scandir

    def refuse(path: str | os.PathLike[str]) -> object:
        if Path(path) in (tmp_path / closed, folder / ".hidden"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    written = read_pipelines(tmp_path)
    assert [(p.file, p.message) for p in written.unread] == [(closed, "cannot be read: Permission denied")]
    assert not written.files


def test_a_circle_with_two_ways_is_told_once_at_the_name_that_closes_it() -> None:
    texts = {"a.sql": "CREATE TEMPORARY VIEW a AS SELECT * FROM b;\nCREATE TEMPORARY VIEW b AS SELECT 'größe' FROM a UNION SELECT 1 FROM a"}
    [problem] = load(texts).problems
    assert problem.message == "these definitions read each other in a circle: a → b → a"
    assert (problem.line, problem.text[problem.column - 2 : problem.column], problem.width) == (2, " a", 1)


def test_an_unknown_table_lists_tables_and_no_flows() -> None:
    flow = "CREATE STREAMING TABLE zz (a BIGINT); CREATE FLOW qq AS INSERT INTO zz BY NAME SELECT * FROM STREAM read_files('x.json');"
    [problem] = load({"a.sql": flow, "b.sql": "CREATE TEMPORARY VIEW v AS SELECT * FROM nowhere"}).problems
    assert problem.hint == "The project's tables: zz."


def test_an_empty_name_is_called_empty() -> None:
    [problem] = load({"a.sql": 'CREATE TEMPORARY VIEW "" AS SELECT 1 AS x'}).problems
    assert problem.message == "the name is empty"


@pytest.mark.parametrize(
    ("other", "agree"),
    [
        ("format => 'csv', schema => 'x BIGINT'", True),
        ("format => 'csv', schema => 'x BIGINT', delimiter => ';'", False),
        ("format => 'csv', schema => 'x BIGINT', quote => ''", False),
        ("format => 'text'", False),
    ],
)
@pytest.mark.parametrize("framing", ["newline", "octet"])
def test_who_reads_one_address_agrees_where_a_csv_record_ends(other: str, agree: bool, framing: str) -> None:
    how = f"framing => '{framing}'"
    first = f"CREATE STREAMING TABLE a AS SELECT * FROM STREAM read_socket('tcp://:5140', {how}, format => 'csv', schema => 'x BIGINT');"
    second = f"CREATE STREAMING TABLE b AS SELECT * FROM STREAM read_socket('tcp://:5140', {how}, {other});"
    told = [(problem.message, problem.hint) for problem in load({"a.sql": first, "b.sql": second}).problems]
    if agree or framing == "octet":
        assert told == []
        return
    [(message, hint)] = told
    why = "where a record of it ends is not the same for a: CSV may have newlines in quotes"
    assert message == f"tcp://localhost:5140 is received once, and {why}"
    for way in ("quote => ''", "the same format, delimiter and quote", "framing => 'octet' or 'nul'", "two addresses"):
        assert way in hint


@pytest.mark.parametrize("option", ["framing => 'octet'", "mode => 'connect'", "max_line => '64KB'", "spool => '2MB'"])
def test_one_address_is_received_in_one_way(option: str) -> None:
    first = "CREATE STREAMING TABLE a AS SELECT * FROM STREAM read_socket('tcp://localhost:5140', schema => 'x BIGINT');"
    second = f"CREATE STREAMING TABLE b AS SELECT * FROM STREAM read_socket('tcp://:5140', schema => 'x BIGINT', {option});"
    third = "CREATE STREAMING TABLE c AS SELECT * FROM STREAM read_socket('tcp://localhost:5140', format => 'text');"
    if "connect" in option:
        second = second.replace("tcp://:", "tcp://localhost:")
    loaded = load({"a.sql": first, "b.sql": second, "c.sql": third})
    [problem] = loaded.problems
    assert (problem.file, problem.text[problem.column - 1 :].startswith("read_socket")) == ("b.sql", True)
    assert f"a says another {option.split(' ', maxsplit=1)[0]} of it" in problem.message
    assert [d.name for d in loaded.graph.definitions] == ["a", "c"]
