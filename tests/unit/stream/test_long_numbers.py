"""A number that a DOUBLE takes for another is found, and keeps its digits."""

from __future__ import annotations

import random
from decimal import Decimal

import numpy as np
import pytest

from tests.unit.stream.raws import raw_batch
from workbench.language.definitions import Column
from workbench.store.session import scratch
from workbench.stream.decode import Decoder
from workbench.stream.decode_lines import rows_of
from workbench.stream.decode_types import Typed
from workbench.stream.long_numbers import all_spelled_out, exact_kinds, long_numbers, spelled_out


def found(data: bytes) -> bool:
    return len(long_numbers(np.frombuffer(data, np.uint8))) > 0


@pytest.mark.parametrize(
    "number",
    [
        "7.0000000000000000001",
        "6.9999999999999999999",
        "4503599627370497.3",
        "12345678901.00000001",
        "7.0000000000000001e0",
        "84.442185152504811",
    ],
)
@pytest.mark.parametrize("shift", range(16))
def test_a_long_number_is_found_wherever_it_stands(number: str, shift: int) -> None:
    line = b'{"%s":%s,"b":1.5}\n' % (b"x" * shift, number.encode())
    assert found(line)


@pytest.mark.parametrize("shift", range(16))
def test_others_are_not(shift: int) -> None:
    assert not found(b'{"%s":1767225600000000,"e":12.5,"at":"2026-01-01T10:11:12.123456Z","f":1767.5}\n' % (b"x" * shift))


def test_every_number_with_a_fraction_that_a_double_bends_is_found() -> None:
    dice = random.Random(7)
    for _ in range(3000):
        whole = dice.randrange(2, 10 ** dice.randint(1, 16))
        behind = "".join(dice.choice(("0", "9", str(dice.randint(0, 9)))) for _ in range(dice.randint(1, 24)))
        text = f"{whole}.{behind}"
        if Decimal(repr(float(text))) != Decimal(text):
            assert found(b'{"%s":%s}\n' % (b"k" * dice.randint(0, 9), text.encode())), text


def test_they_matter_to_exact_types_alone() -> None:
    kinds = ("DOUBLE", "INTEGER", "VARCHAR[]", "STRUCT(a DOUBLE, b UINTEGER[])", "MAP(VARCHAR, DECIMAL(9,2))", "DECIMAL(18,3)", "HUGEINT[]")
    assert exact_kinds(Typed(kind, kind, False) for kind in kinds) == {kind: kind for kind in kinds[-3:]}


NUMBER = "7.0000000000000000001"


def test_numbers_are_put_in_quotes_in_the_fields_that_need_it() -> None:
    line = f'{{"s":"a:{NUMBER}","é":[1, {NUMBER}, 0.84442185152504811], "b":{NUMBER},"é":2}}'
    wanted = line.replace(f"[1, {NUMBER}, 0.84442185152504811]", f'[1, "{NUMBER}", "0.84442185152504811"]')
    assert spelled_out(line, {"é": "DECIMAL(9,2)[]", "s": "BIGINT"}) == wanted
    assert spelled_out(f"[{NUMBER}", {"a": "BIGINT"}) == f"[{NUMBER}"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("BIGINT", "<>"),
        ("DOUBLE", "N"),
        ("BIGINT", '[N,{"a":N}]'),
        ("BIGINT[]", '[<>, <>,[N],{"a":N},<>,]'),
        ("BIGINT[2][]", "[[<>],N,[<>,nan]]"),
        ("STRUCT(a BIGINT, b JSON, c STRUCT(a DOUBLE, d BIGINT)[])", '{"a" : <>,"b":N, "c":[{"a":N,"d":<>},N],"e":N,"a":<>}'),
        ("STRUCT(a JSON, b BIGINT)", '{"a":{"b":N,"c":[{"b":N}]},"b":<>}'),
        ('STRUCT("b""]" BIGINT, c DOUBLE)', '{"b\\"]":<>,"c":N,"x":"\\",N,"}'),
        ("MAP(VARCHAR, BIGINT[])", '{"a":[<>],"b":N,"N":[[N],<>]}'),
        ("MAP(VARCHAR, JSON)", '{"a":[N],"b":N}'),
        ("UNION(a BIGINT, b VARCHAR)", '{"a":<>,"b":N}'),
        ("BIGINT", '"N"'),
    ],
)
def test_a_number_is_put_in_quotes_where_its_place_in_the_type_is_exact(kind: str, value: str) -> None:
    given, wanted = (value.replace("<>", one).replace("N", NUMBER) for one in (NUMBER, f'"{NUMBER}"'))
    assert spelled_out(f'{{"p":{given}}}', {"p": kind}) == f'{{"p":{wanted}}}'


def test_many_lines_are_spelled_out_at_once() -> None:
    number = NUMBER
    both = {
        f'{{"p": {number} ,"q":-1.5e-00000000000007}}': f'{{"p": "{number}" ,"q":"-1.5e-00000000000007"}}',
        f'{{"x":"a:{number}","é":{number}\t}}': f'{{"x":"a:{number}","é":"{number}"\t}}',
        f'{{"x":{number},"p":1.5}}': f'{{"x":{number},"p":1.5}}',
        f'{{"x":{{"p":{number}}},"p":{number}}}': f'{{"x":{{"p":{number}}},"p":"{number}"}}',
        f'{{"x":[{{"p":{number}}}]}}': f'{{"x":[{{"p":{number}}}]}}',
        f'{{"\\u0070":{number}}}': f'{{"\\u0070":"{number}"}}',
        f'{{"x":"\\",\\"p\\":{number},\\""}}': f'{{"x":"\\",\\"p\\":{number},\\""}}',
        f'{{"x":1,\n"p":{number}}}': f'{{"x":1,\n"p":"{number}"}}',
        f'{{"x":[nan,],"p":{number}}}': f'{{"x":[nan,],"p":"{number}"}}',
        f'{{"p":0{number}}}': f'{{"p":0{number}}}',
        f'{{"p":{number}x}}': f'{{"p":{number}x}}',
    }
    found = all_spelled_out([line.encode() for line in both], dict.fromkeys(("p", "q", "é"), "DECIMAL(38,19)"))
    assert [line.decode() for line in found] == list(both.values())


def test_decimals_keep_all_their_digits() -> None:
    dice = random.Random(3)
    texts = [f"{dice.randrange(-99999, 99999)}.{dice.randrange(10**18):018d}" for _ in range(500)]
    session = scratch()
    decoder = Decoder(session, (Column("p", "DECIMAL(38,18)"), Column("d", "DOUBLE")), "json")
    data = "".join(f'{{"d":{text},"p":{text}}}\n' for text in texts)
    batch = decoder.decode(raw_batch(data.encode()))
    assert batch.table.column("p").to_pylist() == [Decimal(text) for text in texts]
    assert batch.table.column("d").to_pylist() == [float(text) for text in texts]
    session.close()


def test_rows_are_told_once() -> None:
    assert rows_of(np.array([5, 0, 6, 30]), np.array([0, 5, 20, 40])).tolist() == [0, 1, 2]
