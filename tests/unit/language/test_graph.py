"""The graph of a project: order, names, circles, and the folder that it is read from."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from workbench.errors import PipelineError, SourceError
from workbench.language.definitions import MaterializedView
from workbench.language.graph import reads
from workbench.language.project import load, parse_project, read_pipelines

FILES = {
    "pipelines/a.sql": "CREATE MATERIALIZED VIEW totals TRIGGER ON UPDATE AS SELECT * FROM Paid JOIN orders USING (id)",
    "pipelines/b.sql": "CREATE STREAMING TABLE paid AS SELECT o.* FROM STREAM ORDERS o JOIN countries c ON o.x = c.x",
    "pipelines/c.sql": "CREATE STREAMING TABLE orders (id BIGINT, x INT) AS SELECT * FROM STREAM read_files('x.json')",
    "pipelines/d.sql": "CREATE TEMPORARY VIEW countries AS SELECT 1 AS x",
}


@pytest.mark.parametrize("names", list(itertools.permutations(FILES))[::5])
def test_each_definition_comes_after_what_it_reads_whatever_the_files_order(names: tuple[str, ...]) -> None:
    renamed = {f"pipelines/{i}.sql": FILES[name] for i, name in enumerate(names)}
    graph = load(renamed).checked()
    seen: set[str] = set()
    for definition in graph.definitions:
        assert {name.lower() for name in reads(definition)} <= seen
        seen.add(definition.name.lower())
    assert seen == {"totals", "paid", "orders", "countries"}


def test_names_are_found_whatever_their_letter_case() -> None:
    graph = load(FILES).checked()
    totals = graph.get("TOTALS")
    assert isinstance(totals, MaterializedView)
    assert reads(totals) == ("paid", "orders")


def test_names_are_spelled_as_their_definitions_spell_them() -> None:
    files = {
        "a.sql": "CREATE STREAMING TABLE Orders (id BIGINT) AS SELECT * FROM STREAM read_files('x.json');"
        "CREATE STREAMING TABLE Large AS SELECT id FROM STREAM ORDERS WHERE id > 9;"
        "CREATE MATERIALIZED VIEW per_id AS SELECT l.id, count(*) AS n FROM STREAM LARGE l JOIN ORDERS o USING (id) GROUP BY l.id;"
        "CREATE TEMPORARY VIEW seen AS SELECT * FROM PER_ID",
    }
    found = {definition.name: definition for definition in load(files).checked().definitions}
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


def test_problems_of_all_files_come_in_their_order_and_can_be_raised() -> None:
    loaded = load({"b.sql": "CREATE VIEW x\n;CREATE VIEW y", "a.sql": "nonsense"})
    assert [(p.file, p.line) for p in loaded.problems] == [("a.sql", 1), ("b.sql", 1), ("b.sql", 2)]
    with pytest.raises(PipelineError) as caught:
        loaded.checked()
    assert caught.value.problems == loaded.problems


def test_the_folder_is_read_with_what_lies_below_it(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "deep" / "a.sql").write_bytes("\ufeffCREATE TEMPORARY VIEW a AS SELECT 'é' AS x;\r\n".encode())
    (folder / "b.sql").write_bytes(b"")
    (folder / "c.sql").write_bytes(b"CREATE TEMPORARY VIEW c AS\nSELECT '\xff' AS x")
    (folder / ".hidden" / "d.sql").write_text("nonsense")
    (folder / "notes.txt").write_text("nonsense")
    loaded = parse_project(tmp_path)
    assert [d.name for d in loaded.graph.definitions] == ["a"]
    [problem] = loaded.problems
    assert (problem.file, problem.line, problem.column, problem.message) == ("pipelines/c.sql", 2, 9, "the text is not UTF-8")
    str(problem).encode()


def test_no_folder_is_an_empty_project(tmp_path: Path) -> None:
    assert parse_project(tmp_path) == load({})


def test_a_file_that_cannot_be_read_is_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "a.sql").write_text("")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SourceError, match=r"pipelines/a\.sql"):
        read_pipelines(tmp_path)
