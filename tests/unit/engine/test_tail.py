"""The tail: the last records of a stream, whatever became of them, formatted when somebody looks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.stream.raws import ORDERS, RULES, raw_batch
from workbench.engine import tail
from workbench.engine.tail import TailRing
from workbench.protocol import TailRow
from workbench.store.commit import Counts, StreamDelta
from workbench.store.session import Session, scratch
from workbench.stream.decode import Decoder
from workbench.stream.pending import Cut, PendingRead
from workbench.stream.rejections import RuleBook, rejections

BOOK = RuleBook(("positive", "german"), frozenset({"german"}))
COLUMNS = ("id", "country", "amount")


@pytest.fixture
def session() -> Iterator[Session]:
    session = scratch()
    yield session
    session.close()


def cut_of(session: Session, data: bytes, line: int = 0) -> Cut:
    batch = Decoder(session, ORDERS, "json", rules=RULES).decode(raw_batch(data, line=line))
    (piece,) = PendingRead((batch,), whole=True).cut(0)
    return piece


def delta_of(cuts: list[Cut], first_id: int = 1) -> StreamDelta:
    return StreamDelta("orders", "orders", COLUMNS, None, rejections(cuts, BOOK, first_id, "read_files x"), Counts(), Counts())


def order(id: int, country: str = "DE", amount: float = 1.5) -> bytes:
    return f'{{"id":{id},"country":"{country}","amount":{amount}}}\n'.encode()


def test_each_record_is_shown_with_its_line_and_what_was_wrong_with_it(session: Session) -> None:
    cuts = [
        cut_of(session, order(1) + b"not json\n" + b"\n" + order(2, "FR"), line=9),
        cut_of(session, order(3, "DE", -1) + b"{}\n"),
    ]
    ring = TailRing()
    ring.add(delta_of(cuts, first_id=40), cuts, BOOK)
    shown = ring.tail("orders", 100, 6)
    assert (shown.columns, shown.numeric, shown.total) == (COLUMNS, (True, False, True), 6)
    assert list(shown.rows) == [
        TailRow(0.0, 10, ("1", "DE", "1.5")),
        TailRow(0.0, 11, (), ("_malformed",), True, "not json", 40),
        TailRow(0.0, 13, ("2", "FR", "1.5"), ("german",)),
        TailRow(0.0, 1, ("3", "DE", "-1.0"), ("positive",), True, '{"id":3,"country":"DE","amount":-1}', 41),
        TailRow(0.0, 2, ("", "", ""), ("_not_null", "positive", "german"), True, "{}", 42),
    ]


def test_only_the_end_of_a_commit_and_of_the_stream_is_kept(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "PER_COMMIT", 3)
    monkeypatch.setattr(tail, "KEPT", 5)
    ring = TailRing()
    for first in range(0, 40, 4):
        cuts = [cut_of(session, b"".join(order(first + i) for i in range(4)))]
        ring.add(delta_of(cuts), cuts, BOOK)
    assert [row.cells[0] for row in ring.tail("orders", 100, 40).rows] == ["34", "35", "37", "38", "39"]
    assert [row.cells[0] for row in ring.tail("orders", 2, 40).rows] == ["38", "39"]
    assert not ring.tail("orders", 0, 40).rows
    assert not ring.tail("nothing", 9, 0).rows


def test_what_is_forgotten_is_gone(session: Session) -> None:
    ring = TailRing()
    cuts = [cut_of(session, order(1))]
    ring.add(delta_of(cuts), cuts, BOOK)
    ring.forget("orders")
    shown = ring.tail("orders", 9, 1)
    assert (shown.columns, shown.rows) == ((), ())
