"""Records that a source frames by itself: it tells where each begins, and newlines inside them end nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest

from tests.unit.stream.raws import ORDERS, RULES, outcome, raw_batch
from workbench.batch import Overlong, RawBatch
from workbench.language.definitions import Column
from workbench.store.session import Session, scratch
from workbench.stream import json_decode
from workbench.stream.decode import Decoder

PRETTY = b'\n{"id": 7,\n "country": "DE",\n "amount": 2.5}\n'
TWO = b'{"id":1,"country":"DE","amount":1}\n{"id":2,"country":"DE","amount":1}'
PLAIN = b'{"id":9,"country":"DE","amount":3}'


@pytest.fixture(params=["fast", "exact"])
def session(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    if request.param == "fast":
        monkeypatch.setattr(json_decode, "SMALL", 0)
    session = scratch()
    yield session
    session.close()


def framed(records: Sequence[bytes]) -> RawBatch:
    """As a socket with a length before each record gives them."""
    ended = [record + b"\n" for record in records]
    return replace(raw_batch(b"".join(ended)), starts=np.array([0, *accumulate(map(len, ended))], np.int64))


def test_a_record_over_several_lines_is_one(session: Session) -> None:
    batch = Decoder(session, ORDERS, "json", rules=RULES).decode(framed([PRETTY, PLAIN, b"", PLAIN]))
    assert outcome(batch, RULES) == [(7, "DE", 2.5), (9, "DE", 3.0), None, (9, "DE", 3.0)]


def test_two_objects_in_one_record_are_malformed_and_kept_whole(session: Session) -> None:
    """As many lines as records, for a blank one is among them: the lines must not be taken for the records."""
    batch = Decoder(session, ORDERS, "json", rules=RULES).decode(framed([TWO, b"", PLAIN]))
    assert outcome(batch, RULES) == [("_malformed",), None, (9, "DE", 3.0)]
    assert batch.rejected_raw.to_pylist() == [TWO]


def test_records_without_newlines_inside_go_the_same_way_as_lines(session: Session) -> None:
    batch = Decoder(session, ORDERS, "json", rules=RULES).decode(framed([PLAIN, PLAIN]))
    assert outcome(batch, RULES) == [(9, "DE", 3.0)] * 2


def test_a_text_keeps_its_newlines(session: Session) -> None:
    batch = Decoder(session, (Column("line", "VARCHAR"),), "text").decode(framed([b"one\ntwo", b"three"]))
    assert batch.table["line"].to_pylist() == ["one\ntwo", "three"]


def test_a_record_that_its_sender_did_not_end_is_malformed_whatever_it_looks_like(session: Session) -> None:
    lost = (Overlong(2, 20, 7, b'20 {"id', cut=True), Overlong(3, 28, 9, b"x", cut=False))
    batch = Decoder(session, (Column("line", "VARCHAR"),), "text").decode(replace(framed([]), overlong=lost))
    assert outcome(batch) == [("_malformed",), ("_too_long",)]
    assert batch.rejected_raw.to_pylist() == [b'20 {"id', b"x"]
