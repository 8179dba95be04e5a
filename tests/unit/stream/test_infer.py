"""Columns inferred from the first records."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.language.definitions import Format
from workbench.store.session import scratch
from workbench.stream.infer import infer_columns, infer_format, infer_options


def inferred(sample: bytes, format: Format, path: str = "") -> str:
    session = scratch()
    options = infer_options(sample, format, (), path)
    columns = infer_columns(session, sample, format, options, path)
    session.close()
    return ", ".join(f"{column.name} {column.type}" for column in columns)


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (b"1 2", "BIGINT"),
        (b"1 2.5", "DOUBLE"),
        (b"1 null", "BIGINT"),
        (b"null null", "VARCHAR"),
        (b'1 "x"', "VARCHAR"),
        (b"1 true", "VARCHAR"),
        (b"9223372036854775808", "VARCHAR"),
        (b"true false", "BOOLEAN"),
        (b'"x" "y"', "VARCHAR"),
        (b'"2026-01-01T00:00:00Z" "2026-01-01T00:00:00.5+02:00"', "TIMESTAMPTZ"),
        (b'"2026-01-01"', "DATE"),
        (b'"2026-13-01"', "VARCHAR"),
        (b'{"x":1} [2]', "JSON"),
        (b'{"x":1} 2', "VARCHAR"),
    ],
)
def test_json_types(values: bytes, type_: str) -> None:
    assert inferred(b"".join(b'{"a":%s}\n' % value for value in values.split()), "json") == f"a {type_}"


def test_json_columns_come_in_the_order_of_their_first_sight() -> None:
    sample = b'{"b":1}\nnot json\n[1]\n{"a":2,"b":3,"B":"other case"}\n' + b"[" * 100_000 + b"\n"
    assert inferred(sample, "json") == "b BIGINT, a BIGINT"
    assert inferred(b"\n", "json") == ""


@pytest.mark.parametrize(
    ("sample", "path", "expected"),
    [
        (b"id,at,zip\n1,2026-01-01,01234\n2,,5\n", "", "id BIGINT, at DATE, zip VARCHAR"),
        (b'id;name\n1;"a;b"\n2;c,d\n', "", "id BIGINT, name VARCHAR"),
        (b"id\tname\n1\tx,y\n", "", "id BIGINT, name VARCHAR"),
        (b"1|2.5|true\n3|4|false\n", "", "column0 BIGINT, column1 DOUBLE, column2 BOOLEAN"),
        (b'a,b\n1,"x\ny"\n2\n', "", "a BIGINT, b VARCHAR"),
        (b"only\n1\n", "x.tsv", "only BIGINT"),
        (b"", "", ""),
    ],
)
def test_csv(sample: bytes, path: str, expected: str) -> None:
    assert inferred(sample, "csv", path) == expected


def test_given_csv_options_stay() -> None:
    given = (("delimiter", "|"), ("header", "true"))
    assert infer_options(b"1,2\n3,4\n", "csv", given) == given


def test_text_and_parquet(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"id": pa.array([1], pa.int32()), "tags": [["a"]]}), path)
    assert inferred(b"", "parquet", str(path)) == "id INTEGER, tags VARCHAR[]"
    pq.write_table(pa.table({"half": pa.array([[1.5]], pa.list_(pa.float16())), "long": pa.array([1], pa.decimal256(50))}), path)
    assert inferred(b"", "parquet", str(path)) == "half FLOAT[], long VARCHAR"
    assert inferred(b"x\n", "text") == "value VARCHAR"


@pytest.mark.parametrize(
    ("sample", "format"),
    [
        (b'{"a": 1}\n', "json"),
        (b'\n \xef\xbb\xbf{"a": 1}\n', "text"),
        (b'\xef\xbb\xbf{"a": 1}\n', "json"),
        (b"id,name\n1,a\n", "csv"),
        (b'"id"\tname\n', "csv"),
        (b"id;name.first\r\n", "csv"),
        (b"id,id\n", "text"),
        (b"1,2\n", "text"),
        (b"one word\n", "text"),
        (b"error, again\n", "text"),
        (b"word\n", "text"),
        (b"[1, 2]\n", "text"),
        (b"\xff\xfe,a\n", "text"),
        (b"", "text"),
    ],
)
def test_the_first_record_tells_the_format(sample: bytes, format: Format) -> None:
    assert infer_format(sample) == format
