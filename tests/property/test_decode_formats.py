"""A value that JSON and Parquet can both write is taken or refused alike, in a column of any type and within lists, structs and maps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.unit.stream.raws import raw_batch
from workbench.batch import ACCEPTED, Batch, Offset, RawBatch
from workbench.language.definitions import Column
from workbench.store.session import Session, scratch
from workbench.stream import json_decode
from workbench.stream.decode import Decoder
from workbench.stream.validate import TYPE_BIT

WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "BIGNUM")
DECIMALS = ("DECIMAL(4,2)", "DECIMAL(18,0)", "DECIMAL(38,20)")
TIMES = ("DATE", "TIME", "TIMETZ", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "INTERVAL")
OTHERS = ("FLOAT", "DOUBLE", "BOOLEAN", "UUID", "BLOB", "BIT", "ENUM('a','1','true')", "JSON", "VARCHAR")
TYPES = (*WHOLE, *DECIMALS, *TIMES, *OTHERS)
EDGES = sorted({sign * (1 << bits) + step for bits in (0, 7, 8, 15, 16, 31, 32, 53, 63) for sign in (1, -1) for step in (-1, 0, 1)})
REALS = (0.0, -0.0, 1.0, 1.5, -2.25, 0.1, 1.1, 4.35, 1e-7, 5e-324, 16777217.0, 3.5e38, 1e300, 9007199254740992.0, math.inf, math.nan)
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- as Parquet keeps one


class Written(NamedTuple):
    """A sort of values: as Arrow has them, how JSON spells one, and the columns in which the spelling alone makes a difference."""

    type: Any
    values: st.SearchStrategy[Any]
    json: Callable[[Any], str]
    unlike: tuple[str, ...] = ()


def number(value: Decimal) -> str:
    return format(value, "f")


def quoted(value: object) -> str:
    return json.dumps(str(value))


wholes = st.sampled_from([edge for edge in EDGES if -(1 << 63) <= edge < 1 << 63])
times = st.integers(-(10**10), 4 * 10**10).map(lambda count: count * 500_000) | st.sampled_from([0, 86_400_000_000, -1, 1])
decimals = st.builds(lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**25), 10**25) | wholes, st.integers(0, 6))
NOON, NEARLY_MIDNIGHT = "12:30:00", "2026-01-01 00:00:00.0000001Z"
words = st.sampled_from(["a", "", "1", "true", "1.5", " 7 ", "0101", "1e1", "1 day", "2026-01-01", NOON, NEARLY_MIDNIGHT])

SORTS = (
    Written(pa.bool_(), st.booleans(), json.dumps),
    Written(pa.int64(), wholes, str),
    Written(pa.uint64(), st.sampled_from([edge for edge in (*EDGES, 1 << 63, (1 << 64) - 1) if edge >= 0]), str),
    Written(pa.float64(), st.sampled_from(REALS), json.dumps, ("VARCHAR", "DOUBLE", "FLOAT")),  # which can hold NaN and Infinity
    Written(pa.decimal128(38, 6), decimals, number, ("JSON", "VARCHAR")),  # where JSON's are DOUBLEs
    Written(pa.decimal256(60, 6), decimals, number, ("JSON", "VARCHAR")),
    Written(pa.string(), words, json.dumps, ("JSON", "BOOLEAN")),  # a text is read as JSON there
    Written(pa.date32(), st.dates(date(1900, 1, 1), date(2200, 1, 1)), quoted, ("BLOB",)),
    Written(pa.time64("us"), times.map(lambda count: (EPOCH + timedelta(microseconds=count)).time()), quoted, ("BLOB", "VARCHAR", "JSON")),
    Written(pa.timestamp("us"), times.map(lambda count: EPOCH + timedelta(microseconds=count)), quoted, ("BLOB", "VARCHAR", "JSON")),
)


@st.composite
def columns(draw: st.DrawFn) -> tuple[str, Any, list[Any], list[str]]:
    """A type, and values for it as Arrow and as JSON write them."""
    sort, kind = draw(st.sampled_from(SORTS)), draw(st.sampled_from(TYPES))
    assume(kind not in sort.unlike)
    values = draw(st.lists(st.none() | sort.values, min_size=1, max_size=12))
    if sort.type == pa.float64() and kind in WHOLE:  # of a large one JSON has the shortest spelling, and not all digits
        values = [None if value is not None and abs(value) > 1e16 else value for value in values]
    texts = ["null" if value is None else sort.json(value) for value in values]
    type_ = sort.type
    for shape in draw(st.lists(st.sampled_from(["list", "struct", "map"]), max_size=2)):
        if shape == "list":
            kind, type_, values, texts = f"{kind}[]", pa.list_(type_), [[value, value] for value in values], [f"[{t},{t}]" for t in texts]
        elif shape == "struct":
            kind, type_ = f"STRUCT(x {kind}, y BIGINT)", pa.struct([("x", type_), ("z", pa.int64())])
            values, texts = [{"x": value, "z": 5} for value in values], [f'{{"x":{text},"z":5}}' for text in texts]
        else:
            kind, type_ = f"MAP(VARCHAR, {kind})", pa.map_(pa.string(), type_)
            values, texts = [[("k", value)] for value in values], [f'{{"k":{text}}}' for text in texts]
    return kind, type_, values, texts


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    found = scratch()
    yield found
    found.close()


def told(session: Session, batch: Batch) -> list[str | None]:
    """Each value as DuckDB writes it; None for one that is refused as of another type."""
    assert set(batch.mask.tolist()) <= {0, TYPE_BIT}
    with session.relation("_told", batch.table):
        texts = [str(text) for (text,) in session.execute("SELECT a::VARCHAR FROM _told")]
    return [text if verdict == ACCEPTED else None for text, verdict in zip(texts, batch.verdict.tolist(), strict=True)]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=columns())
@example(column=("HUGEINT", pa.float64(), [2.0**53, 1.5], ["9007199254740992.0", "1.5"]))
@example(column=("JSON", pa.list_(pa.float64()), [[1.5], [math.nan]], ["[1.5]", "[NaN]"]))
@example(column=("BOOLEAN", pa.int64(), [0, 1], ["0", "1"]))
@example(column=("BIGINT", pa.bool_(), [True, None], ["true", "null"]))
@example(column=("MAP(VARCHAR, INTERVAL)", pa.map_(pa.string(), pa.decimal256(60, 6)), [[("k", Decimal(5))]], ['{"k":5.000000}']))
@example(column=("BIGNUM", pa.decimal128(38, 6), [Decimal(0), Decimal("1.5"), Decimal("1e25")], ["0", "1.5", "1e25"]))
@example(column=("DATE", pa.timestamp("ns"), [1, 0], ['"1970-01-01 00:00:00.000000001"', '"1970-01-01 00:00:00"']))
def test_both_formats_say_the_same(
    session: Session, monkeypatch: pytest.MonkeyPatch, column: tuple[str, Any, list[Any], list[str]]
) -> None:
    kind, type_, values, texts = column
    monkeypatch.setattr(json_decode, "SMALL", 0)
    one = (Column("a", kind),)
    table = pa.table({"a": pa.array(values, type_)})
    lines = raw_batch("".join(f'{{"a":{text}}}\n' for text in texts).encode())
    group = RawBatch(None, 0, Offset("f", "f"), Offset("f", "f", 1, len(table)), 0.0, table=table)
    found = told(session, Decoder(session, one, "parquet").decode(group))
    for exact in (False, True):
        assert told(session, Decoder(session, one, "json", exact=exact).decode(lines)) == found
