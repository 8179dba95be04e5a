"""Every stored row leads back to the flow that read it."""

from __future__ import annotations

from pathlib import Path

from workbench.store.commit import Commit, Counts, StreamDelta, write
from workbench.store.database import open_database
from workbench.store.inserts import Inserts
from workbench.store.origins import Origins


def test_runs_are_put_together_over_commits_and_cut_anywhere(tmp_path: Path) -> None:
    database = open_database(tmp_path / "data.duckdb", "256MB", "64MB", (tmp_path,))
    inserts = Inserts(database.writer)
    given = [(("a", 3),), (("a", 2), ("b", 1)), (), (("b", 4), ("a", 1))]
    for number, origins in enumerate(given, 1):
        write(inserts, Commit(number, 1.0, (StreamDelta("t", "t", (), None, None, Counts(), Counts(), origins=origins),)))
    found = Origins(database.writer, "t")
    assert found.flows == ("a", "b")
    assert found.between(0, 11) == (("a", 5), ("b", 5), ("a", 1))
    assert found.between(4, 6) == (("a", 1), ("b", 1))
    assert found.between(5, 10) == (("b", 5),)
    assert found.between(3, 3) == ()
    assert Origins(database.writer, "nobody").between(0, 5) == ()
    database.close()
