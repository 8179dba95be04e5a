"""What a nested value means in a field of CSV: as DuckDB spells it, or as JSON; nothing in it is bent or lost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.stream.raws import outcome, raw_batch
from workbench.language.definitions import Column
from workbench.store.session import scratch
from workbench.stream.decode import Decoder
from workbench.stream.nested_text import spelled_sql

TYPE = ("_type",)
MAP = "MAP(VARCHAR, BIGINT)"

FIELDS: list[tuple[str, str, Any]] = [
    ("STRUCT(x BIGINT)", "{'x': 1}", {"x": 1}),
    ("STRUCT(x BIGINT)", "{x: 1}", {"x": 1}),
    ("STRUCT(x BIGINT)", "{'x': NULL}", {"x": None}),
    ("STRUCT(x BIGINT)", "{'x': oops}", TYPE),
    ("STRUCT(x BIGINT)", "{'x': 1.7}", TYPE),
    ("STRUCT(x BIGINT)", "{'x': }", TYPE),
    ("STRUCT(x BIGINT)", "{'x': 1, 'y': 2}", TYPE),
    ("STRUCT(x BIGINT)", "oops", TYPE),
    ("STRUCT(x BIGINT)", "", None),
    ("STRUCT(x VARCHAR)", "{'x': oops}", {"x": "oops"}),
    ("STRUCT(x VARCHAR)", "{'x': 'say \"hi\"'}", {"x": 'say "hi"'}),
    ("STRUCT(x BIGINT[], y STRUCT(z DATE))", "{'x': [1, NULL], 'y': {'z': 2026-01-02}}", {"x": [1, None], "y": {"z": date(2026, 1, 2)}}),
    ("STRUCT(x BIGINT[], y STRUCT(z DATE))", "{'x': [1, b], 'y': {'z': 2026-01-02}}", TYPE),
    ("STRUCT(x BIGINT[], y STRUCT(z DATE))", "{'x': 5, 'y': {'z': 2026-01-02}}", TYPE),
    ("STRUCT(x BIGINT[], y STRUCT(z DATE))", "{'x': [1], 'y': {'z': 2026-13-02}}", TYPE),
    ("STRUCT(x BIGINT[], y STRUCT(z DATE))", "{'x': [1], 'y': {'q': 2026-01-02}}", TYPE),
    ('STRUCT("a b" DECIMAL(4,1), "it\'s" VARCHAR)', "{'a b': 1.5, 'it\\'s': ok}", {"a b": Decimal("1.5"), "it's": "ok"}),
    ("BIGINT[]", "[1, 2, NULL]", [1, 2, None]),
    ("BIGINT[]", "[]", []),
    ("BIGINT[]", "[1, oops]", TYPE),
    ("BIGINT[]", "[1,]", TYPE),
    ("BIGINT[]", "7", TYPE),
    ("BIGINT[][]", "[[1, 2], NULL, []]", [[1, 2], None, []]),
    ("BIGINT[][]", "[[1, 2.5]]", TYPE),
    ("BIGINT[][]", "[7]", TYPE),
    ("VARCHAR[]", "[a, 1.50, 'b, c']", ["a", "1.50", "b, c"]),
    ("DOUBLE[]", "[1.5, 2]", [1.5, 2.0]),
    ("DOUBLE[]", "[nan]", TYPE),
    ("DOUBLE[]", "[1.5, -Infinity]", TYPE),
    ("DATE[]", "['2026-01-01', 2026-01-02]", [date(2026, 1, 1), date(2026, 1, 2)]),
    ("DATE[]", "[infinity]", TYPE),
    ("BIGINT[2]", "[1, 2]", [1, 2]),
    ("BIGINT[2]", "[1, oops]", TYPE),
    ("BIGINT[2]", "[1, 2, 3]", TYPE),
    (MAP, "{a=1, b=NULL}", [("a", 1), ("b", None)]),
    (MAP, "{}", []),
    (MAP, "{a=oops}", TYPE),
    (MAP, "{a=1, a=2}", TYPE),
    ("MAP(BIGINT, BIGINT[])", "{1=[2], 3=[]}", [(1, [2]), (3, [])]),
    ("MAP(BIGINT, BIGINT[])", "{1=[2], x=[]}", TYPE),
    ("MAP(BIGINT, BIGINT[])", "{1=[2], 01=[]}", TYPE),
    ("UNION(n BIGINT, s VARCHAR)", "x", "x"),
    ("UNION(n BIGINT, s VARCHAR)", '"x"', '"x"'),
    ("UNION(n BIGINT, s VARCHAR)", "7", 7),
    ("UNION(n BIGINT, d DATE)", "2026-01-02", date(2026, 1, 2)),
    ("UNION(n BIGINT, d DATE)", "x", TYPE),
    ("UNION(n BIGINT, d DATE)", '{"n":7}', 7),
    ("UNION(n BIGINT, d DATE)[]", "[7, 2026-01-02, NULL]", [7, date(2026, 1, 2), None]),
    ("UNION(n BIGINT, d DATE)[]", "[7, x]", TYPE),
    ("STRUCT(x BIGINT)", '{"x":1,"other":[]}', {"x": 1}),
    ("STRUCT(x BIGINT)", '{"x":"oops"}', TYPE),
    ("STRUCT(x VARCHAR)", '{"x":"a\\nb\\u00e9"}', {"x": "a\nbé"}),
    ("VARCHAR[]", '["a","b"]', ["a", "b"]),
    ("DOUBLE[]", '[1,"NaN"]', TYPE),
    (MAP, '{"a":1}', [("a", 1)]),
    (MAP, '{"a":"x"}', TYPE),
    (MAP, '{"a":1,}', TYPE),
]


@pytest.mark.parametrize("type_", sorted({type_ for type_, _, _ in FIELDS}))
def test_fields(type_: str) -> None:
    session = scratch()
    decoder = Decoder(session, (Column("b", "VARCHAR"), Column("a", type_)), "csv", (("header", "false"),))
    cases = [(field, expected) for kind, field, expected in FIELDS if kind == type_]
    data = "".join('x,"{}"\n'.format(field.replace('"', '""')) if field else "x,\n" for field, _ in cases)
    found = outcome(decoder.decode(raw_batch(data.encode())))
    assert found == [expected if isinstance(expected, tuple) else ("x", expected) for _, expected in cases]
    session.close()


def test_what_duckdb_writes_is_read() -> None:
    session = scratch()
    kind = "STRUCT(x BIGINT[], y VARCHAR, m MAP(VARCHAR, DOUBLE), t TIMESTAMP)"
    value = "{'x': [1, NULL], 'y': 'it''s, a \"test\" {}', 'm': MAP {'a b': 1.5, 'c=': NULL}, 't': TIMESTAMP '2026-01-01 10:00:00.5'}"
    written = session.execute(f"SELECT ({value}::{kind})::VARCHAR")[0][0]
    batch = Decoder(session, (Column("a", kind),), "text").decode(raw_batch(f"{written}\n".encode()))
    session.register("_read", batch.table)
    assert session.execute("SELECT a::VARCHAR FROM _read") == [(written,)]
    assert batch.mask.tolist() == [0]
    session.close()


@pytest.mark.parametrize("json", [False, True])
def test_a_text_is_parsed_as_often_for_many_fields_as_for_one(json: bool) -> None:
    parse = "try_cast(_given AS JSON)" if json else 'try_cast(_given AS STRUCT("f0" VARCHAR'
    made = [_struct_sql(fields).count(parse) for fields in (1, 30)]
    assert made[0] == made[1] > 0


def test_lists_of_an_enum_that_are_all_empty_can_be_carried() -> None:
    session = scratch()
    kind = "STRUCT(e ENUM('a', 'b')[])"
    batch = Decoder(session, (Column("a", kind),), "json").decode(raw_batch(b'{"a":{"e":[]}}\n{"a":null}\n'))
    session.execute(f"CREATE TABLE _kept (a {kind})")
    session.register("_read", batch.table)
    session.execute("INSERT INTO _kept FROM _read")
    assert session.execute("SELECT a::VARCHAR FROM _kept") == [("{'e': []}",), (None,)]
    session.close()


def _struct_sql(fields: int) -> str:
    kind = f"STRUCT({', '.join(f'f{field} TIMESTAMP' for field in range(fields))})"
    return spelled_sql(kind, "_given", lambda kind, text: text, lambda kind, text, quoted, json: text)
