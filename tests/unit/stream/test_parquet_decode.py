"""What a value of a row group means in a declared column of another type, and values that its own type does not allow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.stream.raws import outcome
from workbench.batch import Batch, Offset, RawBatch
from workbench.errors import FlowError, QueryCancelled, QueryError
from workbench.language.definitions import Column
from workbench.store.session import Session, scratch
from workbench.stream import parquet_sound
from workbench.stream.decode import Decoder

TYPE, MALFORMED = ("_type",), ("_malformed",)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
MIDNIGHT, MORNING = EPOCH.replace(2026), EPOCH.replace(2026, hour=5)
MOST = (1 << 63) - 1
FAR = pa.array([Decimal("1.250"), None], pa.decimal256(50, 3))
TEXT_MAP = pa.map_(pa.string(), pa.float64())

VALUES: list[tuple[str, Any, list[Any]]] = [
    ("BIGINT", pa.array([1.0, 1.5, None, 1e19]), [1, TYPE, None, TYPE]),
    ("BIGINT", pa.array(["1", "1.5", "0x1F", " 2"]), [1, TYPE, TYPE, 2]),
    ("BIGINT", pa.array([1 << 63, 5], pa.uint64()), [TYPE, 5]),
    ("BIGINT", pa.array(["1", "x"]).dictionary_encode(), [1, TYPE]),
    ("BIGINT", pa.nulls(1), [None]),
    ("DOUBLE", pa.array(["1.5", "nan", "1e400"]), [1.5, TYPE, TYPE]),
    ("DOUBLE", pa.array([(1 << 53) + 1]), [float(1 << 53)]),
    ("DOUBLE", pa.array(np.array([1.5], np.float16)), [1.5]),
    ("FLOAT", pa.array([0.5, 1e39]), [0.5, TYPE]),
    ("DECIMAL(4,2)", pa.array([Decimal("1.234"), Decimal("1.250")]), [TYPE, Decimal("1.25")]),
    ("DECIMAL(4,2)", pa.array([1.1, 1.234]), [Decimal("1.10"), TYPE]),
    ("DECIMAL(4,2)", pa.array([Decimal("1.25"), Decimal(10) ** 40], pa.decimal256(50, 3)), [Decimal("1.25"), TYPE]),
    ("BOOLEAN", pa.array([0, 1, None]), [TYPE, TYPE, None]),
    ("BOOLEAN", pa.array([0.0, 1.0]), [TYPE, TYPE]),
    ("BOOLEAN[]", pa.array([[0], [None]]), [TYPE, [None]]),
    *(
        (kind, pa.array([True, None]), [TYPE, None])
        for kind in ("BIGINT", "DOUBLE", "DECIMAL(4,2)", "HUGEINT", "BIGNUM", "BIT", "ENUM('true')")
    ),
    ("STRUCT(x BIGINT)", pa.array([{"x": True}, {"x": None}]), [TYPE, {"x": None}]),
    ("MAP(VARCHAR, DOUBLE)", pa.array([[("a", False)], []], pa.map_(pa.string(), pa.bool_())), [TYPE, []]),
    ("BIT", pa.array([5]), [TYPE]),
    ("DECIMAL(38,20)", pa.array([1.1]), [Decimal("1.10000000000000000000")]),
    ("HUGEINT", pa.array([-1.7014118346046923e38, 1e18]), [TYPE, Decimal(10**18)]),
    ("UHUGEINT", pa.array([2e38, -1.0, 5.0]), [TYPE, TYPE, Decimal(5)]),
    ("DATE", pa.array([MIDNIGHT, MORNING]), [date(2026, 1, 1), TYPE]),
    ("DATE", pa.array(["2026-01-01", "2026-01-01 05:00"]), [date(2026, 1, 1), TYPE]),
    ("TIME", pa.array([MORNING]), [TYPE]),
    ("TIMESTAMP", pa.array(["2026-01-01T05:00:00+05:00", "infinity"]), [MIDNIGHT, TYPE]),
    ("TIMESTAMP", pa.array([MORNING.replace(tzinfo=UTC)]), [MORNING]),
    ("TIMESTAMP", pa.array([1_767_243_600_000_000_001], pa.timestamp("ns")), [MORNING]),
    ("TIMESTAMP", pa.array([5]), [TYPE]),
    ("TIMETZ", pa.array(["05:00:00+02"]), ["05:00:00+02"]),
    ("JSON", pa.array(['{"x":1}', "[1,]"]), ['{"x":1}', TYPE]),
    ("JSON", pa.array([1.5, float("nan"), float("-inf"), None]), ["1.5", TYPE, TYPE, None]),
    ("JSON", pa.array([[1.0, float("nan")], [0.5]]), [TYPE, "[0.5]"]),
    ("JSON", pa.array([{"x": float("inf")}, {"x": None}]), [TYPE, '{"x":null}']),
    ("JSON", pa.array([b"1", None]), [TYPE, None]),
    ("JSON", pa.array([{"x": [b"a"]}, {"x": [None]}]), [TYPE, '{"x":[null]}']),
    ("JSON", pa.array([True]), ["true"]),
    ("JSON[]", pa.array([[float("nan")], [1e18]]), [TYPE, ["1000000000000000000.0"]]),
    *((kind, FAR, [TYPE, None]) for kind in ("INTERVAL", "BLOB", "BIT", "VARCHAR[]", "TIME", "BOOLEAN", "ENUM('1.250')", "DECIMAL(4,2)[]")),
    ("JSON", FAR, ["1.250", None]),
    ("VARCHAR", FAR, ["1.250", None]),
    ("HUGEINT", pa.array([Decimal(1 << 70), Decimal("0.5")], pa.decimal256(50, 3)), [Decimal(1 << 70), TYPE]),
    ("JSON", pa.StructArray.from_arrays([FAR], ["x"]), ['{"x":1.25}', '{"x":null}']),
    ("VARCHAR", pa.StructArray.from_arrays([FAR], ["x"]), ['{"x":1.25}', '{"x":null}']),
    ("BLOB[]", pa.array([[Decimal("1.25")], [None]], pa.list_(pa.decimal256(50, 3))), [TYPE, [None]]),
    ("BLOB", pa.array(["1.25", b"\\x00".decode()]), [b"1.25", b"\0"]),
    ("BIGINT", pa.array([b"5"]), [TYPE]),
    ("BLOB", pa.array([date(2026, 1, 1)]), [TYPE]),
    ("UUID", pa.array([b"0123456789abcdef", b"no"]), ["30313233-3435-3637-3839-616263646566", TYPE]),
    ("VARCHAR", pa.array([[1e18, None]]), ["[1000000000000000000.0,null]"]),
    ("VARCHAR", pa.array([1e18]), ["1e+18"]),
    ("DATE", pa.array(["2026-01-01T00:00:00.0000001Z", "2026-01-01T00:00:00.0000000Z"]), [TYPE, date(2026, 1, 1)]),
    ("TIMESTAMP", pa.array([date(2026, 1, 1)]), [MIDNIGHT]),
    ("MAP(VARCHAR, BIGINT)", pa.array([{"a": 1, "b": None}, {"a": 1.5, "b": None}, None]), [[("a", 1), ("b", None)], TYPE, None]),
    (
        "MAP(BIGINT, BIGINT)",
        pa.array([[("1", 1.0), ("2", None)], [("1", 1.0), ("01", 2.0)], [("x", 1.0)]], TEXT_MAP),
        [[(1, 1), (2, None)], TYPE, TYPE],
    ),
    ("STRUCT(a BIGINT, b BIGINT)", pa.array([[("a", 1.0)], [("b", 1.5)], None], TEXT_MAP), [{"a": 1, "b": None}, TYPE, None]),
    ("STRUCT(x BIGINT)", pa.array([{"X": 1.0}]), [{"x": 1}]),
    ("BIGINT[2]", pa.array([[1.0, 2.0], [1.0], [1.0, 0.5]]), [[1, 2], TYPE, TYPE]),
    ("BIGINT[]", pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2)), [[1, 2], None]),
    ("DECIMAL(4,2)[]", pa.array([[Decimal("1.25"), None]], pa.list_(pa.decimal256(50, 3), 2)), [[Decimal("1.25"), None]]),
    ("UNION(n BIGINT, s VARCHAR)", pa.array([5.0, 1.5, None]), [5, "1.5", None]),
    ("UNION(n BIGINT, s DATE)", pa.array([{"n": 5.0}, {"n": 1.5}]), [5, TYPE]),
    ("BIGINT[]", pa.array([["1", "x"], ["2"]]), [TYPE, [2]]),
    ("BIGINT[]", pa.array([[1.5], [2.0]]), [TYPE, [2]]),
    ("BIGINT[]", pa.array(["[1, x]", "[1]"]), [TYPE, [1]]),
    ("STRUCT(x BIGINT)", pa.array([{"x": "1"}, {"x": "oops"}, None]), [{"x": 1}, TYPE, None]),
    ("STRUCT(x BIGINT)", pa.array([{"x": 1, "y": 2}]), [{"x": 1}]),
    ("STRUCT(x BIGINT)", pa.array([{"y": 1}]), [{"x": None}]),
    ("STRUCT(x BIGINT)", pa.array([5]), [TYPE]),
    ("BIGINT", pa.array(["1", "x"], pa.string_view()), [1, TYPE]),
    ("BIGINT[]", pa.array([["1"], ["x"]], pa.list_(pa.string_view())), [[1], TYPE]),
    ("BLOB", pa.array([b"a", b"a long one, not held in the view"], pa.binary_view()), [b"a", b"a long one, not held in the view"]),
    ("DOUBLE[]", pa.array([[1.5], None, [2, None]], pa.list_(pa.float16())), [[1.5], None, [2, None]]),
    ("DOUBLE[]", pa.array([[1.5], None, [2, None]], pa.list_view(pa.float16())), [[1.5], None, [2, None]]),
    ("STRUCT(x FLOAT)", pa.array([{"x": 1.5}, None], pa.struct([("x", pa.float16())])), [{"x": 1.5}, None]),
    ("DECIMAL(4,2)[]", pa.array([[Decimal("1.25")], [Decimal(10) ** 40]], pa.list_(pa.decimal256(50, 3))), [[Decimal("1.25")], TYPE]),
    ("MAP(VARCHAR, FLOAT)", pa.array([[("a", 1.5)]], pa.map_(pa.string(), pa.float16())), [[("a", 1.5)]]),
    ("VARCHAR[]", pa.array([["a"], []], pa.list_(pa.dictionary(pa.int32(), pa.string()))), [["a"], []]),
    ("TIME", pa.array([86_399_999_999_999], pa.time64("ns")), [time(23, 59, 59, 999_999)]),
    ("TIMETZ", pa.array([1_999], pa.time64("ns")), ["00:00:00.000001+00"]),
    ("TIMESTAMP[]", pa.array([[1_767_243_600_000_000_001]], pa.list_(pa.timestamp("ns", "UTC"))), [[MORNING]]),
]


def _counts(counts: list[int], kind: Any) -> Any:
    width = np.int64 if kind.bit_width == 64 else np.int32
    return pa.Array.from_buffers(kind, len(counts), [None, pa.py_buffer(np.array(counts, width).tobytes())])


def _utf8(letters: bytes) -> Any:
    """Texts of one byte each."""
    ends = np.arange(len(letters) + 1, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(letters), [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(letters)])


UNSOUND: list[tuple[str, Any, list[Any]]] = [
    ("TIMESTAMP", _counts([0, -MOST - 1], pa.timestamp("us")), [EPOCH, MALFORMED]),
    ("TIMESTAMP", _counts([1 << 62, 0], pa.timestamp("s")), [MALFORMED, EPOCH]),
    ("TIMESTAMP_MS", _counts([-(1 << 62), 0], pa.timestamp("ms")), [MALFORMED, EPOCH]),
    ("TIMESTAMP_NS", _counts([-MOST - 1], pa.timestamp("ns")), [MALFORMED]),
    ("TIMESTAMPTZ", _counts([MOST, 0], pa.timestamp("ms", "UTC")), [MALFORMED, EPOCH.replace(tzinfo=UTC)]),
    ("VARCHAR", _counts([0, 1 << 62], pa.timestamp("s", "UTC")), ["1970-01-01 00:00:00+00", MALFORMED]),
    ("VARCHAR", _counts([86_399_999_999, -1], pa.time64("us")), ["23:59:59.999999", MALFORMED]),
    ("VARCHAR", _counts([0, 1 << 30], pa.time32("ms")), ["00:00:00", MALFORMED]),
    ("VARCHAR", _counts([0, -(1 << 31)], pa.date32()), ["1970-01-01", MALFORMED]),
    ("INTERVAL", _counts([0, MOST], pa.duration("s")), [pa.MonthDayNano([0, 0, 0]), MALFORMED]),
    ("INTERVAL", _counts([0, -MOST], pa.duration("ms")), [pa.MonthDayNano([0, 0, 0]), MALFORMED]),
    ("VARCHAR", pa.StructArray.from_arrays([_counts([MOST, 1], pa.duration("s"))], ["d"]), [MALFORMED, '{"d":"00:00:01"}']),
    ("VARCHAR", _utf8(b"\xffa"), [MALFORMED, "a"]),
    ("VARCHAR", pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0]), _utf8(b"a\xff")), ["a", MALFORMED, None, "a"]),
    (
        "VARCHAR[]",
        pa.ListArray.from_arrays(pa.array([0, 1, 2, 2]), pa.DictionaryArray.from_arrays(pa.array([0, 1]), _utf8(b"a\xff"))),
        [["a"], MALFORMED, []],
    ),
    (
        "DECIMAL(4,2)",
        pa.Array.from_buffers(pa.decimal128(4, 2), 2, [None, pa.py_buffer((10**30).to_bytes(16, "little") + bytes([5, *[0] * 15]))]),
        [MALFORMED, Decimal("0.05")],
    ),
    (
        "VARCHAR",
        pa.ListArray.from_arrays(pa.array([0, 1, 2]), pa.StructArray.from_arrays([_counts([1 << 62, 0], pa.timestamp("ms"))], ["t"])),
        [MALFORMED, '[{"t":"1970-01-01 00:00:00"}]'],
    ),
]


HOURS = _counts([3_600_000_000, 3_000_000 * 3_600_000_000, -3_000_000 * 3_600_000_000], pa.duration("us"))
HOUR = pa.MonthDayNano([0, 0, 3_600_000_000_000])
EACH = pa.array([0, 1, 2, 3])
LONG: list[tuple[str, Any, list[Any]]] = [
    ("INTERVAL", HOURS, [HOUR, TYPE, TYPE]),
    ("VARCHAR", HOURS, ["01:00:00", "3000000:00:00", "-3000000:00:00"]),
    ("INTERVAL[]", pa.ListArray.from_arrays(EACH, HOURS), [[HOUR], TYPE, TYPE]),
    ("INTERVAL[1]", pa.FixedSizeListArray.from_arrays(HOURS, 1), [[HOUR], TYPE, TYPE]),
    ("INTERVAL[]", pa.array([["01:00:00"], ["3000000:00:00"]]), [[HOUR], TYPE]),
    ("STRUCT(d INTERVAL)", pa.StructArray.from_arrays([HOURS], ["d"]), [{"d": HOUR}, TYPE, TYPE]),
    ("STRUCT(n BIGINT, d INTERVAL)", pa.StructArray.from_arrays([HOURS], ["d"]), [{"n": None, "d": HOUR}, TYPE, TYPE]),
    ("MAP(BIGINT, INTERVAL)", pa.MapArray.from_arrays(EACH, pa.array([1, 2, 3]), HOURS), [[(1, HOUR)], TYPE, TYPE]),
    (
        "STRUCT(d INTERVAL[])[]",
        pa.ListArray.from_arrays(EACH, pa.StructArray.from_arrays([pa.ListArray.from_arrays(EACH, HOURS)], ["d"])),
        [[{"d": [HOUR]}], TYPE, TYPE],
    ),
]


def decoded(type_: str, values: Any) -> Batch:
    session = scratch()
    table = pa.table({"a": values})
    batch = Decoder(session, (Column("a", type_),), "parquet").decode(
        RawBatch(None, 0, Offset("f", "f"), Offset("f", "f", 1, len(table)), 0.0, table=table)
    )
    session.close()
    return batch


@pytest.mark.parametrize(("type_", "values", "expected"), VALUES + LONG, ids=[f"{kind}-{values.type}" for kind, values, _ in VALUES + LONG])
def test_nothing_is_bent(type_: str, values: Any, expected: list[Any]) -> None:
    assert outcome(decoded(type_, values)) == [one if one in (TYPE, MALFORMED) else (one,) for one in expected]


@pytest.mark.parametrize(("type_", "values", "expected"), UNSOUND, ids=[f"{kind}-{values.type}" for kind, values, _ in UNSOUND])
def test_a_value_that_its_type_does_not_allow_is_malformed(type_: str, values: Any, expected: list[Any]) -> None:
    batch = decoded(type_, values)
    assert outcome(batch) == [one if one in (TYPE, MALFORMED) else (one,) for one in expected]
    assert batch.rejected_raw.to_pylist() == [b'{"a":null}']


NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
MOMENTS = {"TIMESTAMP_S": "s", "TIMESTAMP_MS": "ms", "TIMESTAMP": "us", "TIMESTAMPTZ": "us", "TIMESTAMP_NS": "ns", "TIMESTAMPTZ_NS": "ns"}
MOMENT = 1_767_243_600_999_999_999
SOURCES = [pa.timestamp(unit, zone) for unit in NANOSECONDS for zone in (None, "UTC", "Europe/Berlin")]


@pytest.mark.parametrize("kind", SOURCES, ids=str)
@pytest.mark.parametrize("type_", MOMENTS)
def test_a_moment_loses_only_what_is_finer_than_its_type(type_: str, kind: Any) -> None:
    counts = [MOMENT // NANOSECONDS[kind.unit], -1, None]
    batch = decoded(type_, pa.array(counts, pa.int64()).cast(kind))
    unit = NANOSECONDS[MOMENTS[type_]]
    expected = [None if count is None else count * NANOSECONDS[kind.unit] // unit for count in counts]
    assert batch.mask.tolist() == [0, 0, 0]
    assert batch.table.column(0).cast(pa.int64()).to_pylist() == expected


@pytest.mark.parametrize("kind", SOURCES, ids=str)
def test_a_moment_is_a_date_at_midnight_only_and_never_a_time_of_day(kind: Any) -> None:
    day = 86_400 * 1_000_000_000 // NANOSECONDS[kind.unit]
    values = pa.array([day, -day, day + 1], pa.int64()).cast(kind)
    assert outcome(decoded("DATE", values)) == [(date(1970, 1, 2),), (date(1969, 12, 31),), TYPE]
    assert outcome(decoded("TIME", values)) == [TYPE, TYPE, TYPE]


@pytest.mark.parametrize("bad", [[], [0], [4_999], [17, 18, 3_000], list(range(5_000))], ids=len)
def test_a_few_wrong_values_are_found_with_few_looks(bad: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def look(array: Any) -> bool:
        looks.append(len(array))
        return SOUND(array)

    monkeypatch.setattr(parquet_sound, "_is_sound", look)
    letters = bytearray(b"a" * 5_000)
    for row in bad:
        letters[row] = 0xFF
    table, wrong = parquet_sound.sound(pa.table({"a": _utf8(bytes(letters))}), "f")
    assert np.flatnonzero(wrong).tolist() == bad
    assert table.column(0).null_count == len(bad)
    assert len(looks) <= 1 + 64 * len(bad)


SOUND = parquet_sound._is_sound


def test_a_column_that_cannot_be_read_is_named() -> None:
    kind = pa.fixed_shape_tensor(pa.float16(), [1])
    tensors = pa.ExtensionArray.from_storage(kind, pa.array([[1.5]], kind.storage_type))
    with pytest.raises(FlowError, match=r"f: the column a cannot be read as extension<arrow\.fixed_shape_tensor") as caught:
        decoded("VARCHAR", tensors)
    assert "without this column" in caught.value.hint
    with pytest.raises(FlowError, match=r"f: the column a cannot be read as run_end_encoded"):
        decoded("VARCHAR", pa.RunEndEncodedArray.from_arrays([1], pa.array([Decimal(1)], pa.decimal256(50))))


@pytest.mark.parametrize("error", [QueryCancelled("The query was cancelled."), QueryError("Out of Memory Error: no more")], ids=str)
def test_a_look_at_a_cast_that_fails_is_no_answer(error: QueryError, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next row group of the schema is read."""
    session = scratch()
    decoder = Decoder(session, (Column("a", "BIGINT"),), "parquet")
    raw = RawBatch(None, 0, Offset("f", "f"), Offset("f", "f", 1, 1), 0.0, table=pa.table({"a": [5.0]}))
    with monkeypatch.context() as broken:
        broken.setattr(session, "describe", _failing(session, error))
        with pytest.raises(QueryError) as caught:
            decoder.decode(raw)
    assert caught.value is error
    assert outcome(decoder.decode(raw)) == [(5,)]
    session.close()


def _failing(session: Session, error: QueryError) -> Callable[[str], list[tuple[str, str]]]:
    describe = session.describe

    def failing(sql: str) -> list[tuple[str, str]]:
        if "CAST" in sql.upper():
            raise error
        return describe(sql)

    return failing
