"""Pages, changes and history of the SQL pane."""

from __future__ import annotations

from pathlib import Path

from workbench.protocol import Page
from workbench.tui.sql.changes import REFRESHES, Changes
from workbench.tui.sql.history import KEPT as STATEMENTS_KEPT
from workbench.tui.sql.history import History
from workbench.tui.sql.pages import KEPT, PAGE, Pages


def page(offset: int, total: int = 1_000_000) -> Page:
    return Page(offset, tuple((str(i),) for i in range(offset, min(total, offset + PAGE))), total, True, (True,))


def test_only_the_pages_that_are_shown_are_asked_for() -> None:
    pages = Pages()
    assert pages.lacking(0, 10) == []
    pages.take(page(0))
    assert pages.lacking(0, 10) == []
    assert pages.lacking(195, 205) == [200]
    assert pages.lacking(999_990, 1_000_000) == [999_800]
    assert pages.row(3) == ("3",)
    assert pages.row(500) is None


def test_a_page_that_grew_is_asked_for_again() -> None:
    pages = Pages()
    pages.take(Page(0, (("0",),), 1, False))
    pages.total = 50
    assert pages.lacking(0, 10) == [0]


def test_memory_is_bounded_and_the_first_page_stays() -> None:
    pages = Pages()
    for number in range(3 * KEPT):
        pages.take(page(number * PAGE))
    assert sum(pages.row(n * PAGE) is not None for n in range(3 * KEPT)) == KEPT
    assert pages.first()[0] == ("0",)


def test_changes_are_found_by_the_columns_before_the_first_number() -> None:
    changes = Changes()
    numeric = (False, True, True)
    changes.take([("DE", "10", "1.5"), ("FR", "5", "2.0")], numeric)
    assert (changes.keys, changes.amount, changes.changed) == (1, 1, 0)
    changes.take([("FR", "5", "2.0"), ("DE", "14", "1.5"), ("NL", "1", "0")], numeric)
    assert changes.changed == 2
    assert changes.rows[("DE",)].delta == 4
    assert changes.rows[("NL",)].new
    assert ("FR",) not in changes.rows


def test_a_change_is_fresh_once_then_plain_then_gone() -> None:
    changes = Changes()
    rows = [[("DE", "1")], [("DE", "2")], [("DE", "2")], [("DE", "2")]]
    seen = []
    for row in rows:
        changes.take(row, (False, True))
        change = changes.rows.get(("DE",))
        seen.append(None if change is None else change.fresh)
    assert seen == [None, True, False, None]


def test_a_change_of_another_column_counts() -> None:
    changes = Changes()
    changes.take([("DE", "1", "x")], (False, True, False))
    changes.take([("DE", "1", "y")], (False, True, False))
    assert changes.changed == 1
    assert changes.rows[("DE",)].delta == 0


def test_a_single_row_of_numbers_needs_no_key() -> None:
    changes = Changes()
    changes.take([("10",)], (True,))
    changes.take([("12",)], (True,))
    assert changes.rows[()].delta == 2


def test_the_last_twenty_values_are_remembered() -> None:
    changes = Changes()
    for i in range(REFRESHES + 5):
        changes.take([("DE", str(i))], (False, True))
    assert list(changes.history[("DE",)]) == [float(i) for i in range(5, REFRESHES + 5)]
    changes.take([("FR", "1")], (False, True))
    assert set(changes.history) == {("FR",)}


def test_history_is_newest_first_and_each_once(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "history.jsonl"
    history = History(file)
    for sql in ("select 1", "select\n2", "select 1"):
        history.add(sql)
    assert history.statements == ["select 1", "select\n2"]
    assert History(file).statements == history.statements


def test_history_survives_a_damaged_file_and_a_missing_disk(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_bytes(b'"select 1"\n{broken\n\xff\xfe\n42\n"select 2"\n')
    assert History(file).statements == ["select 2", "select 1"]
    blocked = History(file / "below-a-file")
    blocked.add("select 3")
    assert blocked.statements == ["select 3"]


def test_the_history_file_is_shortened(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_text("".join(f'"select {i}"\n' for i in range(3 * STATEMENTS_KEPT)), "utf-8")
    assert len(History(file).statements) == STATEMENTS_KEPT
    assert len(file.read_text("utf-8").splitlines()) == STATEMENTS_KEPT
