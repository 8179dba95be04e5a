"""Records that hold newlines, as counted framings give them: each is one record in every format, to its quarantine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.unit.stream.raws import ORDERS, outcome, raw_batch
from workbench.batch import RawBatch
from workbench.language.definitions import Column, FlowQuery, Format
from workbench.store.session import Session, scratch
from workbench.stream.decode import Decoder
from workbench.stream.select import Selector


@pytest.fixture
def session() -> Iterator[Session]:
    session = scratch()
    yield session
    session.close()


def batch_of(*records: bytes) -> RawBatch:
    starts = np.cumsum([0, *(len(record) + 1 for record in records)], dtype=np.int64)
    return raw_batch(b"".join(record + b"\n" for record in records), starts=starts)


PRETTY = b'{\n  "id": 1,\n  "country": "DE",\n  "amount": 2\n}'
TEXT = (Column("line", "VARCHAR"),)


@pytest.mark.parametrize("many", [1, 700])
@pytest.mark.parametrize("exact", [False, True])
def test_json(session: Session, exact: bool, many: int) -> None:
    records = [PRETTY, b'{"id":2}', b"not\njson", b"", b"\n"] * many
    batch = Decoder(session, ORDERS, "json", exact=exact).decode(batch_of(*records))
    assert outcome(batch) == [(1, "DE", 2.0), (2, None, None), ("_malformed",), None, None] * many
    assert batch.rejected_raw.to_pylist() == [b"not\njson"] * many


def test_text(session: Session) -> None:
    batch = Decoder(session, TEXT, "text").decode(batch_of(b"two\nlines", b"one\r", b"", b"\xff\n"))
    assert outcome(batch) == [("two\nlines",), ("one",), None, ("_malformed",)]


def test_csv(session: Session) -> None:
    decoder = Decoder(session, ORDERS, "csv", (("header", "false"),))
    batch = decoder.decode(batch_of(b'1,"D\nE",2', b"2,FR,3", b"3,A\nT,4", b"4,IT,5"))
    assert outcome(batch) == [(1, "D\nE", 2.0), (2, "FR", 3.0), ("_malformed",), (4, "IT", 5.0)]
    assert batch.rejected_raw.to_pylist() == [b"3,A\nT,4"]


@pytest.mark.parametrize(("kind", "record"), [("json", b"not\njson"), ("text", b"\xff\n\xff")])
def test_they_reach_quarantine_whole_through_a_select(session: Session, kind: Format, record: bytes) -> None:
    columns = ORDERS if kind == "json" else TEXT
    selector = Selector(session, FlowQuery("SELECT _row, 1 AS one FROM _input", False, ()), (Column("one", "INTEGER"),), (), "t")
    batch = selector.select(Decoder(session, columns, kind).decode(batch_of(PRETTY, record, b"")))
    assert batch.rejected_raw.to_pylist() == [record]
    assert batch.line_start.tolist() == [0, len(PRETTY) + 1, len(PRETTY) + len(record) + 2, len(PRETTY) + len(record) + 3]
