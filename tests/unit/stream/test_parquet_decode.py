"""What a value of a row group means in a declared column of another type, and values that its own type does not allow."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.stream.raws import outcome
from workbench.batch import Batch, Offset, RawBatch
from workbench.language.definitions import Column
from workbench.store.session import scratch
from workbench.stream.decode import Decoder

TYPE, MALFORMED = ("_type",), ("_malformed",)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
MIDNIGHT, MORNING = EPOCH.replace(2026), EPOCH.replace(2026, hour=5)
MOST = (1 << 63) - 1

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
    ("BOOLEAN", pa.array([0, 1, 2]), [False, True, TYPE]),
    ("DATE", pa.array([MIDNIGHT, MORNING]), [date(2026, 1, 1), TYPE]),
    ("DATE", pa.array(["2026-01-01", "2026-01-01 05:00"]), [date(2026, 1, 1), TYPE]),
    ("TIME", pa.array([MORNING]), [TYPE]),
    ("TIMESTAMP", pa.array(["2026-01-01T05:00:00+05:00", "infinity"]), [MIDNIGHT, TYPE]),
    ("TIMESTAMP", pa.array([MORNING.replace(tzinfo=UTC)]), [MORNING]),
    ("TIMESTAMP", pa.array([1_767_243_600_000_000_001], pa.timestamp("ns")), [MORNING]),
    ("TIMESTAMP", pa.array([5]), [TYPE]),
    ("TIMETZ", pa.array(["05:00:00+02"]), ["05:00:00+02"]),
    ("JSON", pa.array(['{"x":1}', "[1,]"]), ['{"x":1}', TYPE]),
    ("BIGINT[]", pa.array([["1", "x"], ["2"]]), [TYPE, [2]]),
    ("BIGINT[]", pa.array([[1.5], [2.0]]), [TYPE, [2]]),
    ("BIGINT[]", pa.array(["[1, x]", "[1]"]), [TYPE, [1]]),
    ("STRUCT(x BIGINT)", pa.array([{"x": "1"}, {"x": "oops"}, None]), [{"x": 1}, TYPE, None]),
    ("STRUCT(x BIGINT)", pa.array([{"x": 1, "y": 2}]), [{"x": 1}]),
    ("STRUCT(x BIGINT)", pa.array([{"y": 1}]), [{"x": None}]),
    ("STRUCT(x BIGINT)", pa.array([5]), [TYPE]),
]


def _counts(counts: list[int], kind: Any) -> Any:
    width = np.int64 if kind.bit_width == 64 else np.int32
    return pa.Array.from_buffers(kind, len(counts), [None, pa.py_buffer(np.array(counts, width).tobytes())])


UNSOUND: list[tuple[str, Any, list[Any]]] = [
    ("TIMESTAMP", _counts([0, -MOST - 1], pa.timestamp("us")), [EPOCH, MALFORMED]),
    ("TIMESTAMP", _counts([1 << 62, 0], pa.timestamp("s")), [MALFORMED, EPOCH]),
    ("TIMESTAMP_MS", _counts([-(1 << 62), 0], pa.timestamp("ms")), [MALFORMED, EPOCH]),
    ("TIMESTAMP_NS", _counts([-MOST - 1], pa.timestamp("ns")), [MALFORMED]),
    ("VARCHAR", _counts([0, 1 << 62], pa.timestamp("s", "UTC")), ["1970-01-01 00:00:00+00", MALFORMED]),
    ("VARCHAR", _counts([86_399_999_999, -1], pa.time64("us")), ["23:59:59.999999", MALFORMED]),
    ("VARCHAR", _counts([0, 1 << 30], pa.time32("ms")), ["00:00:00", MALFORMED]),
    (
        "VARCHAR",
        pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32).tobytes()), pa.py_buffer(b"\xffa")]),
        [MALFORMED, "a"],
    ),
    (
        "DECIMAL(4,2)",
        pa.Array.from_buffers(pa.decimal128(4, 2), 2, [None, pa.py_buffer((10**30).to_bytes(16, "little") + bytes([5, *[0] * 15]))]),
        [MALFORMED, Decimal("0.05")],
    ),
    (
        "VARCHAR",
        pa.ListArray.from_arrays(pa.array([0, 1, 2]), pa.StructArray.from_arrays([_counts([1 << 62, 0], pa.timestamp("ms"))], ["t"])),
        [MALFORMED, "[{'t': '1970-01-01 00:00:00'}]"],
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


@pytest.mark.parametrize(("type_", "values", "expected"), VALUES, ids=[f"{kind}-{values.type}" for kind, values, _ in VALUES])
def test_nothing_is_bent(type_: str, values: Any, expected: list[Any]) -> None:
    assert outcome(decoded(type_, values)) == [one if isinstance(one, tuple) else (one,) for one in expected]


@pytest.mark.parametrize(("type_", "values", "expected"), UNSOUND, ids=[f"{kind}-{values.type}" for kind, values, _ in UNSOUND])
def test_a_value_that_its_type_does_not_allow_is_malformed(type_: str, values: Any, expected: list[Any]) -> None:
    batch = decoded(type_, values)
    assert outcome(batch) == [one if isinstance(one, tuple) else (one,) for one in expected]
    assert batch.rejected_raw.to_pylist() == [b'{"a":null}']
