"""Fields that no longer fit: seen in the snapshot, and their columns added in one step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.integration.bench import Bench
from workbench.errors import PlanOutdated, UsageError
from workbench.protocol import DriftStatus

INFERRED = "CREATE STREAMING TABLE orders AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json');\n"
DECLARED = """-- Orders.
CREATE STREAMING TABLE orders (
  order_id BIGINT NOT NULL,  -- the shop's
  amount   DOUBLE,
  CONSTRAINT positive EXPECT (amount > 0) ON VIOLATION DROP ROW
)
AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json');

CREATE MATERIALIZED VIEW total AS SELECT sum(amount) AS amount FROM STREAM orders;
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    yield made
    made.engine.stop()


def started(bench: Bench, sql: str, *rows: dict[str, Any]) -> None:
    bench.append({"order_id": 1, "amount": 2.5})
    bench.write(sql)
    bench.start()
    arrived(bench, 1)
    if rows:
        bench.append(*rows)
        arrived(bench, 1 + len(rows))


def arrived(bench: Bench, records: int) -> None:
    bench.until("SELECT rows_in FROM workbench.streams WHERE name = 'orders'", [(str(records),)])


def drifts(bench: Bench) -> list[DriftStatus]:
    return wait_until(lambda: list(bench.engine.snapshot().drifts), "a drift")


def add(bench: Bench, field: str) -> str:
    plan = bench.engine.plan_control("orders", "column", {"field": field})
    assert plan.possible, plan.says
    return bench.engine.control("orders", "column", plan.token, {"field": field})


def test_a_snapshot_tells_drifts(bench: Bench) -> None:
    started(bench, DECLARED, {"order_id": 2, "amount": 3.5, "coupon": "X"}, {"order_id": 3, "amount": [1]})
    new, retyped = drifts(bench)
    assert (new.stream, new.field, new.kind, new.type, new.addable) == ("orders", "coupon", "new", "VARCHAR", True)
    assert new.sample == '{"order_id": 2, "amount": 3.5, "coupon": "X"}'
    assert (retyped.field, retyped.kind, retyped.addable) == ("amount", "retyped", False)
    wait_until(lambda: "new field `coupon` at line 2 has no column and is not stored" in bench.notices(), "the notice")


def test_a_column_of_an_inferred_table_takes_what_was_rescued(bench: Bench) -> None:
    rows = [{"order_id": n, "amount": 1.5, "coupon": n * 10, "other": {"a": n}} for n in range(2, 5)]
    started(bench, INFERRED, *rows, {"order_id": 5, "amount": 1.5, "coupon": None, "other": 1})
    assert [one.field for one in drifts(bench)] == ["coupon", "other"]
    plan = bench.engine.plan_control("orders", "column", {"field": "coupon"})
    assert plan.says[0] == "orders gets the column coupon BIGINT; records fill it from now on."
    assert "3 stored rows get their values out of _rescued_data." in plan.says
    assert bench.engine.control("orders", "column", plan.token, {"field": "coupon"}) == "orders has the column coupon BIGINT now"
    bench.append({"order_id": 6, "amount": 1.5, "coupon": 60})
    arrived(bench, 6)
    assert bench.ask("SELECT order_id, coupon, _rescued_data FROM orders ORDER BY order_id") == [
        ("1", None, None),
        ("2", "20", '{"other":{"a":2}}'),
        ("3", "30", '{"other":{"a":3}}'),
        ("4", "40", '{"other":{"a":4}}'),
        ("5", None, '{"coupon":null,"other":1}'),
        ("6", "60", None),
    ]
    assert [one.field for one in drifts(bench)] == ["other"]
    assert bench.engine.check_data() == []
    assert not bench.engine.plan_control("orders", "column", {"field": "coupon"}).possible
    bench.engine.stop()
    bench.start()
    assert add(bench, "other") == "orders has the column other VARCHAR now"  # found in the stored rows
    bench.append({"order_id": 7, "amount": 1.5, "coupon": 70, "other": [1]})
    arrived(bench, 7)
    assert bench.ask("SELECT order_id, other FROM orders WHERE other IS NOT NULL ORDER BY order_id") == [
        ("2", '{"a":2}'), ("3", '{"a":3}'), ("4", '{"a":4}'), ("5", "1"), ("7", "[1]"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a b", 'quo"ted', "sla/sh~", "select", "größe"])
def test_names_that_are_no_plain_words(bench: Bench, name: str) -> None:
    started(bench, INFERRED, {"order_id": 2, "amount": 1.5, name: "x"})
    drifts(bench)
    add(bench, name)
    quoted = '"' + name.replace('"', '""') + '"'
    assert bench.ask(f"SELECT {quoted}, _rescued_data FROM orders ORDER BY order_id") == [(None, None), ("x", None)]


def test_a_column_of_a_declared_table_is_written_into_its_file(bench: Bench) -> None:
    started(bench, DECLARED, {"order_id": 2, "amount": 3.5, "coupon": "X"})
    drifts(bench)
    plan = bench.engine.plan_control("orders", "column", {"field": "coupon"})
    assert plan.says[0] == "pipelines/main.sql:5 gets the column coupon VARCHAR in the list of orders:"
    assert plan.says[1] == "  coupon VARCHAR,"
    done = bench.engine.control("orders", "column", plan.token, {"field": "coupon"})
    assert done == "pipelines/main.sql:5: orders has the column coupon VARCHAR now"
    text = (bench.root / "pipelines" / "main.sql").read_text()
    assert text == DECLARED.replace("  amount   DOUBLE,\n", "  amount   DOUBLE,\n  coupon VARCHAR,\n")
    bench.append({"order_id": 3, "amount": 1.0, "coupon": "Y"})
    arrived(bench, 3)
    assert bench.ask("SELECT order_id, coupon FROM orders ORDER BY order_id") == [("1", None), ("2", None), ("3", "Y")]
    bench.until("SELECT amount FROM total", [("7.0",)])
    assert bench.engine.snapshot().drifts == ()
    assert bench.engine.problems == ()
    rewind = bench.engine.plan_control("orders", "rewind", {"beginning": True})
    bench.engine.control("orders", "rewind", rewind.token, {"beginning": True})
    bench.until("SELECT count(coupon) FROM orders", [("2",)])
    assert bench.engine.check_data() == []


def test_a_file_that_changed_meanwhile_is_not_written(bench: Bench) -> None:
    started(bench, DECLARED, {"order_id": 2, "amount": 3.5, "coupon": "X"})
    drifts(bench)
    plan = bench.engine.plan_control("orders", "column", {"field": "coupon"})
    changed = DECLARED + "-- more\n"
    bench.write(changed)
    with pytest.raises(PlanOutdated):
        bench.engine.control("orders", "column", plan.token, {"field": "coupon"})
    assert (bench.root / "pipelines" / "main.sql").read_text() == changed


def test_windows_line_ends_stay(bench: Bench) -> None:
    bench.append({"order_id": 1, "amount": 2.5, "coupon": 1})
    (bench.root / "pipelines" / "main.sql").write_bytes(DECLARED.replace("\n", "\r\n").encode())
    bench.start()
    arrived(bench, 1)
    drifts(bench)
    add(bench, "coupon")
    expected = DECLARED.replace("  amount   DOUBLE,\n", "  amount   DOUBLE,\n  coupon BIGINT,\n")
    assert (bench.root / "pipelines" / "main.sql").read_bytes() == expected.replace("\n", "\r\n").encode()


def test_what_cannot_be_added_says_why(bench: Bench) -> None:
    chosen = "CREATE STREAMING TABLE orders AS SELECT order_id FROM STREAM read_files('in/*.ndjson', format => 'json');"
    started(bench, chosen, {"order_id": 2, "amount": 3.5, "coupon": "X"})
    assert [(one.field, one.addable) for one in drifts(bench)] == [("coupon", False)]
    plan = bench.engine.plan_control("orders", "column", {"field": "coupon"})
    assert not plan.possible
    assert "chosen by its definition" in plan.says[0]
    with pytest.raises(UsageError, match="No field is named"):
        bench.engine.plan_control("orders", "column", {})


def test_a_field_that_a_declared_schema_lacks_is_news_and_one_that_the_select_leaves_out_is_not(bench: Bench) -> None:
    bench.write("CREATE STREAMING TABLE s AS SELECT a FROM STREAM read_files('in/*.ndjson', schema => 'a BIGINT, b BIGINT');")
    bench.append({"a": 1, "b": 2}, {"a": 3, "b": 4, "coupon": "X"})
    bench.start()
    bench.until("SELECT count(*) FROM s", [("2",)])
    bench.append(*({"a": n, "b": 2, "coupon": "X"} for n in range(5)))
    drifts = wait_until(lambda: bench.engine.snapshot().drifts)
    assert [(drift.kind, drift.field) for drift in drifts] == [("new", "coupon")]
    wait_until(lambda: "new field `coupon`" in bench.notices())


@pytest.mark.parametrize(("sql", "way"), [(INFERRED, "_rescued_data, '/_row'"), (DECLARED, "another name in the SELECT")])
def test_a_field_with_a_name_that_is_given_out_gets_no_column(bench: Bench, sql: str, way: str) -> None:
    started(bench, sql, {"order_id": 2, "amount": 1.5, "_row": 7})
    assert [(one.field, one.addable) for one in drifts(bench)] == [("_row", False)]
    plan = bench.engine.plan_control("orders", "column", {"field": "_row"})
    assert not plan.possible
    assert "_row is given out here" in plan.says[0]
    assert way in plan.says[1]


def test_a_second_table_of_an_inferred_one_takes_all_its_columns(bench: Bench) -> None:
    second = "CREATE STREAMING TABLE second AS SELECT * FROM STREAM orders;\nCREATE MATERIALIZED VIEW third AS SELECT * FROM second;\n"
    started(bench, INFERRED + second, {"order_id": 2, "amount": 1.5, "coupon": "X"})
    assert bench.engine.problems == ()
    bench.until("SELECT order_id, _rescued_data FROM second ORDER BY 1", [("1", None), ("2", '{"coupon":"X"}')])
    bench.engine.refresh("third")
    bench.until("SELECT order_id, _rescued_data FROM third ORDER BY 1", [("1", None), ("2", '{"coupon":"X"}')])
    assert not bench.engine.plan_control("second", "column", {"field": "coupon"}).possible
    add(bench, "coupon")
    bench.append({"order_id": 3, "amount": 1.5, "coupon": "Y", "more": 1})
    bench.until(
        "SELECT order_id, coupon, _rescued_data FROM orders WHERE order_id > 1 ORDER BY 1", [("2", "X", None), ("3", "Y", '{"more":1}')]
    )
    bench.until(
        "SELECT order_id, coupon, _rescued_data FROM second WHERE order_id > 1 ORDER BY 1",
        [("2", None, '{"coupon":"X"}'), ("3", "Y", '{"more":1}')],
    )
    assert bench.engine.problems == ()
    assert bench.engine.check_data() == []
    bench.engine.stop()
    bench.start()
    bench.append({"order_id": 4, "amount": 1.5})
    bench.until("SELECT count(*) FROM second", [("4",)])


def test_a_new_field_in_the_first_batch_is_noticed_though_its_first_line_lacks_it(bench: Bench) -> None:
    bench.append({"order_id": 1, "amount": 1}, {"order_id": 2, "amount": 1, "extra": 5}, {"order_id": 3, "amount": [1], "extra": 5})
    bench.write(DECLARED)
    bench.start()
    arrived(bench, 3)
    found = [(one.kind, one.field, one.count, one.type) for one in drifts(bench)]
    assert found == [("new", "extra", 1, "BIGINT"), ("retyped", "amount", 1, "JSON")]


def test_a_field_that_the_select_leaves_out_is_not_said_to_be_kept(bench: Bench) -> None:
    chosen = "CREATE STREAMING TABLE orders AS SELECT order_id, amount FROM STREAM read_files('in/*.ndjson', format => 'json');"
    started(bench, chosen, {"order_id": 2, "amount": 1, "e2": 5})
    drifts(bench)
    wait_until(lambda: "new field `e2` at line 2 has no column and is not stored" in bench.notices())
    assert "_rescued_data" not in bench.notices()
