"""Fields that come, go and change their type are told once, with a line that shows it; memory stays bounded."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.unit.stream.raws import raw_batch
from workbench.batch import Offset, RawBatch
from workbench.language.definitions import Column
from workbench.store.session import Session, scratch
from workbench.stream import drift_lines
from workbench.stream.decode import Decoder
from workbench.stream.drift import MOST, STEADY, Drift
from workbench.stream.drift_lines import shown_line
from workbench.stream.infer import json_object

COLUMNS = (Column("id", "BIGINT"), Column("country", "VARCHAR"), Column("amount", "DOUBLE"))


@pytest.fixture
def session() -> Session:
    return scratch()


def decoder(session: Session, drift: Drift, inferred: bool = False, format: str = "json") -> Decoder:
    return Decoder(session, COLUMNS, format, inferred=inferred, stream="orders", drift=drift)  # type: ignore[arg-type]


def lines(*rows: dict[str, object], times: int = 1) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows * times).encode()


def csv(file: str, data: bytes) -> RawBatch:
    raw = raw_batch(data, header=True)
    return replace(raw, start=Offset(file, file), offset=Offset(file, file, len(data), data.count(b"\n")))


ROW = {"id": 5, "country": "DE", "amount": 2.5}


def test_a_field_is_told_once_and_counted_on() -> None:
    drift = Drift(lambda: 7.0)
    assert drift.seen("new", "a", 2, {"BIGINT"}, b"one")
    assert not drift.seen("new", "a", 3, {"DOUBLE"}, b"two")
    (found,) = drift.found()
    assert (found.kind, found.field, found.count, found.type, found.sample, found.at) == ("new", "a", 5, "DOUBLE", b"two", 7.0)


def test_a_flood_is_told_to_end_once() -> None:
    drift = Drift()
    assert all(drift.seen("new", f"id-{n}", 1, (), b"") for n in range(MOST))
    assert not drift.seen("new", "x", 1, (), b"")
    assert not drift.seen("new", "id-1", 1, (), b"")
    assert [drift.overflows(), drift.overflows()] == [True, False]
    assert len(drift.found()) == MOST


def test_a_field_vanishes_after_having_been_there_and_comes_back() -> None:
    drift = Drift()
    assert drift.vanished(STEADY, {"a": STEADY, "rare": 10, "never": 0}) == []
    assert drift.vanished(STEADY - 1, {"a": 0, "rare": 0, "never": 0}) == []
    assert drift.vanished(1, {"a": 0, "rare": 0, "never": 0}) == ["a"]
    drift.seen("vanished", "a", 1, (), b"")
    assert drift.vanished(10, {"a": 1}) == []
    assert drift.found() == ()
    assert drift.vanished(STEADY - 1, {"a": 0}) == []


def test_a_young_field_does_not_vanish() -> None:
    drift = Drift()
    drift.vanished(STEADY - 1, {"a": STEADY - 1})
    assert drift.vanished(10 * STEADY, {"a": 0}) == []


def test_what_has_its_column_now_is_settled() -> None:
    drift = Drift()
    drift.seen("new", "Coupon", 1, (), b"")
    drift.seen("retyped", "amount", 1, (), b"")
    drift.settle(["id", "coupon", "amount"])
    assert [one.field for one in drift.found()] == ["amount"]


def test_a_declared_table_tells_fields_that_it_ignores(session: Session) -> None:
    drift = Drift()
    made = decoder(session, drift)
    assert made.decode(raw_batch(lines(ROW))).notices == []
    line = lines(ROW | {"coupon": "X1", "none": None})
    batch = made.decode(raw_batch(line, line=41))
    assert batch.notices == [f"orders: new field `coupon` at line 42 has no column and is not stored: {line.decode().strip()}"]
    assert made.decode(raw_batch(lines(ROW | {"coupon": 3}))).notices == []
    (found,) = drift.found()
    assert (found.kind, found.field, found.type) == ("new", "coupon", "VARCHAR")


def test_a_field_is_found_wherever_it_is_in_the_first_chunk_and_counted_as_it_is(session: Session) -> None:
    drift = Drift()
    data = lines(ROW, ROW | {"extra": 5}, ROW | {"id": "six", "extra": 5}, ROW | {"extra": 2.5, "none": None}) + b"broken\n"
    (notice, _) = decoder(session, drift).decode(raw_batch(data)).notices
    assert "new field `extra` at line 2 has no column and is not stored" in notice
    assert [(one.kind, one.field, one.count, one.type) for one in drift.found()] == [
        ("new", "extra", 2, "DOUBLE"),
        ("retyped", "id", 1, "VARCHAR"),
    ]


@pytest.mark.parametrize("count", [501, 9001])
def test_one_line_of_a_first_chunk_is_enough(session: Session, count: int) -> None:
    drift = Drift()
    rows = [ROW | ({"extra": n} if n == count - 2 else {}) for n in range(count)]
    made = decoder(session, drift)
    made.decode(raw_batch(lines(*rows)))
    made.decode(raw_batch(lines(ROW) + lines(ROW | {"extra": 1}, times=500)))
    assert [(one.field, one.count) for one in drift.found()] == [("extra", 501)]


def test_a_field_that_is_rescued_for_a_table_that_does_not_keep_it_is_not_said_to_be(session: Session) -> None:
    made = Decoder(session, COLUMNS, "json", inferred=True, stream="orders", stored=False)
    (notice,) = made.decode(raw_batch(lines(ROW, ROW | {"extra": 5}))).notices
    assert notice.startswith("orders: new field `extra` at line 2 has no column and is not stored")


def test_a_sample_is_of_the_type_that_most_have(session: Session) -> None:
    drift = Drift()
    wrong = lines(ROW | {"amount": True}, *(ROW | {"amount": f"n{n}"} for n in range(40)), ROW | {"amount": [1]})
    decoder(session, drift).decode(raw_batch(wrong))
    (found,) = drift.found()
    assert (found.type, found.count, b'"n0"' in found.sample) == ("VARCHAR", 42, True)
    decoder(session, drift).decode(raw_batch(lines(ROW | {"amount": False}, times=60)))
    assert (found.type, found.count, b"true" in found.sample) == ("BOOLEAN", 102, True)


def test_lines_of_an_unusual_sort_are_counted_among_others(session: Session) -> None:
    drift = Drift()
    made = decoder(session, drift)
    for _ in range(100):
        made.decode(raw_batch(lines(ROW)))
    made.decode(raw_batch(lines(ROW | {"country": 7}) + lines(ROW, times=150) + lines({"id": "x"}, times=9)))
    assert [(one.field, one.count) for one in drift.found()] == [("country", 1), ("id", 9)]


def test_a_field_of_some_lines_is_found_in_a_large_chunk(session: Session) -> None:
    drift = Drift()
    rows = [ROW | ({"coupon": n} if n % 3 == 0 else {}) for n in range(5000)]
    decoder(session, drift).decode(raw_batch(lines(*rows)))
    (found,) = drift.found()
    assert (found.field, found.type) == ("coupon", "BIGINT")
    assert found.count == 1667


def test_what_is_rescued_is_counted_exactly(session: Session) -> None:
    drift = Drift()
    rows = [ROW | ({"coupon": n, "old": None} if n % 7 == 0 else {}) for n in range(2000)]
    decoder(session, drift, inferred=True).decode(raw_batch(lines(*rows)))
    assert [(one.field, one.count, one.type) for one in drift.found()] == [("coupon", 286, "BIGINT"), ("old", 286, "VARCHAR")]


@pytest.mark.parametrize("times", [1, 2000])
def test_a_type_that_changed_is_told_with_what_becomes_of_the_lines(session: Session, times: int) -> None:
    drift = Drift()
    batch = decoder(session, drift).decode(raw_batch(lines(ROW, {"id": 6, "country": "DE", "amount": "much"}, times=times)))
    (notice,) = batch.notices
    assert notice.startswith("orders: field `amount`, DOUBLE, is a string at line 2: such lines are rejected as _type: ")
    (found,) = drift.found()
    assert (found.kind, found.field, found.type) == ("retyped", "amount", "VARCHAR")
    assert found.count == times


@pytest.mark.parametrize(("good", "wrong"), [(0, 3), (0, 20), (5, 7), (600, 13), (0, 1001)])
def test_lines_of_another_type_are_counted_as_they_are(session: Session, good: int, wrong: int) -> None:
    drift = Drift()
    data = lines(ROW, times=good) + lines(ROW | {"id": "five"}, times=wrong)
    decoder(session, drift).decode(raw_batch(data))
    assert [(found.kind, found.field, found.count) for found in drift.found()] == [("retyped", "id", wrong)]


@pytest.mark.parametrize("count", [300, 1000, 5000])
def test_lines_of_a_sort_that_is_taken_are_counted_too(session: Session, count: int) -> None:
    drift = Drift()
    one = decoder(session, drift)
    for _ in range(100):
        one.decode(raw_batch(lines(ROW)))
    one.decode(raw_batch(lines(ROW | {"country": 7}, times=count)))
    assert [(found.kind, found.field, found.count) for found in drift.found()] == [("retyped", "country", count)]


def test_a_value_that_is_only_wrong_is_no_new_type(session: Session) -> None:
    drift = Drift()
    decoder(session, drift).decode(raw_batch(lines({"id": 1.5}, {"id": 1 << 70}) + b'{"id": \n'))
    assert drift.found() == ()


@pytest.mark.parametrize(("field", "value", "told"), [("country", 49, "VARCHAR, is a number"), ("amount", "2.5", "DOUBLE, is a string")])
def test_a_column_that_comes_to_have_another_sort_and_takes_it(session: Session, field: str, value: object, told: str) -> None:
    drift = Drift()
    made = decoder(session, drift)
    for _ in range(100):
        assert made.decode(raw_batch(lines(ROW))).notices == []
    (notice,) = made.decode(raw_batch(lines(ROW | {field: value}))).notices
    assert f"field `{field}`, {told} at line 1: it is taken, as far as it can be" in notice


def test_a_column_that_always_had_both_is_not_told(session: Session) -> None:
    drift = Drift()
    made = decoder(session, drift)
    for n in range(200):
        made.decode(raw_batch(lines(ROW | {"country": n if n % 2 else "DE"})))
    assert drift.found() == ()


def test_a_field_that_is_gone_is_told_with_a_line_without_it(session: Session) -> None:
    drift = Drift()
    made = decoder(session, drift)
    made.decode(raw_batch(lines(ROW, times=STEADY)))
    assert made.decode(raw_batch(lines({"id": 5, "amount": 1.5}, times=STEADY - 1))).notices == []
    (notice,) = made.decode(raw_batch(lines({"id": 5, "amount": 1.5}))).notices
    assert notice == 'orders: field `country`, which most records had, is missing or null in the last 5,000: {"id": 5, "amount": 1.5}'
    made.decode(raw_batch(lines(ROW)))
    assert drift.found() == ()


def test_a_header_that_changes(session: Session) -> None:
    drift = Drift()
    made = decoder(session, drift, format="csv")
    assert made.decode(csv("a", b"id,country,amount\n1,DE,2.5\n")).notices == []
    batch = made.decode(csv("b", b"id,amount,coupon,\n1,2.5,17,\n2,3.5,18,\n"))
    assert [notice.split(": ")[1] for notice in batch.notices] == [
        "new column `coupon` in b has no column in the table and is not stored",
        "column `country`, which files before had, is not in b",
    ]
    assert [(one.kind, one.field, one.type) for one in drift.found()] == [("new", "coupon", "BIGINT"), ("vanished", "country", "VARCHAR")]
    made.decode(csv("c", b"country,id,amount\nDE,1,2.5\n"))
    assert [one.kind for one in drift.found()] == ["new"]


def test_a_sample_is_one_line_of_text() -> None:
    assert shown_line(b'{"a":\t"\x1b[31m\xff"}\r') == '{"a": "�[31m�"}'


def test_a_record_with_thousands_of_new_fields_is_parsed_once_for_them(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[object] = []

    def counted(line: str | bytes) -> dict[str, object]:
        parsed.append(line)
        return json_object(line)

    monkeypatch.setattr(drift_lines, "json_object", counted)
    fields = "".join(f',"k{i}":{i}' for i in range(2_000))
    notices = decoder(session, Drift()).decode(raw_batch(f'{{"id":1{fields}}}\n'.encode())).notices
    assert len(notices) == MOST + 1
    assert len(parsed) == 2  # and once for the sorts of its values
