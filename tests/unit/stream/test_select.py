"""A flow's SELECT: rows in the order of their records, casts to the declared types, and errors that name a line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.unit.stream.raws import NOWHERE, ORDERS, outcome, raw_batch
from workbench.batch import Batch
from workbench.errors import FlowError
from workbench.language.definitions import Column, Expectation, FlowQuery
from workbench.store.session import Session, scratch
from workbench.stream.decode import Decoder
from workbench.stream.select import Selector

DATA = b'{"id":1,"country":"DE","amount":2}\n\n{"id":2,"country":"FR","amount":3}\nbroken\n{"id":3,"country":"DE","amount":4}\n'


@pytest.fixture
def session() -> Iterator[Session]:
    session = scratch()
    yield session
    session.close()


def selector(session: Session, sql: str, columns: str, *rules: Expectation, tables: tuple[str, ...] = ()) -> Selector:
    query = FlowQuery(sql, False, tables, uses_metadata="_metadata" in sql)
    typed = tuple(Column(name, kind) for name, kind in (column.split() for column in columns.split(", ")))
    return Selector(session, query, typed, rules, "clean", "files")


def decoded(session: Session, data: bytes = DATA) -> Batch:
    return Decoder(session, ORDERS, "json").decode(raw_batch(data, byte=100, line=10))


def test_rejected_and_blank_records_keep_a_row_and_filtered_ones_have_none(session: Session) -> None:
    rule = Expectation("small", "double < 8", "drop", NOWHERE)
    query = "SELECT _row, amount * 2 AS double FROM _input WHERE country = 'DE'"
    batch = selector(session, query, "double DOUBLE", rule).select(decoded(session))
    assert outcome(batch, (rule,)) == [(4.0,), None, ("_malformed",), ("small",)]
    assert batch.record is not None
    assert batch.record.tolist() == [0, 1, 3, 4]
    assert batch.rejected.tolist() == [2, 3]
    assert batch.rejected_raw.to_pylist() == [b"broken", DATA.split(b"\n")[4]]
    assert batch.records == 5


def test_metadata_names_the_place(session: Session) -> None:
    query = "SELECT _row, _metadata.file AS f, _metadata.line AS l, _metadata.offset AS o, _metadata.source AS s FROM _input"
    batch = selector(session, query, "f VARCHAR, l BIGINT, o BIGINT, s VARCHAR").select(decoded(session))
    assert outcome(batch) == [
        ("data.log", 11, 100, "files"),
        None,
        ("data.log", 13, 136, "files"),
        ("_malformed",),
        ("data.log", 15, 178, "files"),
    ]


def test_a_join_may_multiply_a_record_and_miss_another(session: Session) -> None:
    session.execute("CREATE TABLE offices (country VARCHAR, office INTEGER); INSERT INTO offices VALUES ('DE', 1), ('DE', 2)")
    query = "SELECT _row, id, office FROM _input JOIN offices USING (country)"
    batch = selector(session, query, "id BIGINT, office INTEGER", tables=("offices",)).select(decoded(session))
    assert batch.record is not None
    assert batch.record.tolist() == [0, 0, 1, 3, 4, 4]
    assert sorted(row for row in outcome(batch) if row and len(row) == 2) == [(1, 1), (1, 2), (3, 1), (3, 2)]


def test_rows_come_back_in_the_order_of_the_records(session: Session) -> None:
    batch = selector(session, "SELECT * FROM (SELECT _row, id FROM _input ORDER BY id DESC)", "id BIGINT").select(decoded(session))
    assert outcome(batch) == [(1,), None, (2,), ("_malformed",), (3,)]


def test_a_result_of_another_type_is_cast_or_rejected(session: Session) -> None:
    query = "SELECT _row, CASE WHEN id = 2 THEN 'x' ELSE id::VARCHAR END AS n FROM _input"
    batch = selector(session, query, "n INTEGER").select(decoded(session))
    assert outcome(batch) == [(1,), None, ("_type",), ("_malformed",), (3,)]


def test_not_null_is_judged_on_the_output(session: Session) -> None:
    query = FlowQuery("SELECT _row, nullif(country, 'FR') AS c FROM _input", False, ())
    batch = Selector(session, query, (Column("c", "VARCHAR", not_null=True),), (), "clean").select(decoded(session))
    assert outcome(batch) == [("DE",), None, ("_not_null",), ("_malformed",), ("DE",)]


def test_a_select_that_fails_names_the_first_line(session: Session) -> None:
    query = "SELECT _row, CASE WHEN id >= 2 THEN error('no ' || id) ELSE id END AS n FROM _input"
    with pytest.raises(FlowError, match=r"clean, data\.log:13: the SELECT failed: .*no"):
        selector(session, query, "n BIGINT").select(decoded(session))


def test_a_batch_without_accepted_records(session: Session) -> None:
    batch = selector(session, "SELECT _row, id FROM _input", "id BIGINT").select(decoded(session, b"\nbroken\n"))
    assert outcome(batch) == [None, ("_malformed",)]
    assert batch.rejected_raw.to_pylist() == [b"broken"]


def test_metadata_names_the_peer_and_the_time_of_each_record(session: Session) -> None:
    query = "SELECT _row, _metadata.peer AS p, _metadata.arrived_at AS t FROM _input"
    raw = raw_batch(DATA, peers=((0, "a:1"), (2, ""), (4, "b:2")), arrivals=((0, 1.5), (3, 2.0)))
    batch = selector(session, query, "p VARCHAR, t TIMESTAMPTZ").select(Decoder(session, ORDERS, "json").decode(raw))
    early, late = datetime(1970, 1, 1, 0, 0, 1, 500000, UTC), datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert outcome(batch) == [("a:1", early), None, (None, early), ("_malformed",), ("b:2", late)]


def test_rows_of_another_streaming_table(session: Session) -> None:
    rows = decoded(session, DATA.replace(b"broken\n", b"").replace(b"\n\n", b"\n")).table
    rule = Expectation("small", "id < 3", "drop", NOWHERE)
    query = "SELECT _row, id, _metadata.arrived_at AS t FROM _input WHERE id > 1"
    selected = selector(session, query, "id BIGINT, t TIMESTAMPTZ", rule).select_rows(rows, 1.5)
    assert selected.table.to_pylist()[0] == {"id": 2, "t": datetime(1970, 1, 1, 0, 0, 1, 500000, UTC)}
    assert selected.verdict.tolist() == [0, 1]
    assert selected.record.tolist() == [1, 2]
    assert selected.raw.to_pylist() == [b'{"id":3,"country":"DE","amount":4.0}']
