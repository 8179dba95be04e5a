"""Column types: from the way people write them to DuckDB's own name."""

from __future__ import annotations

from difflib import get_close_matches

from workbench.language.tokens import Text, Token, closing, literal, quote, split

_ALIASES = {
    "BIGINT": "INT8 INT64 LONG OID",
    "INTEGER": "INT INT4 INT32 INTEGRAL SIGNED",
    "SMALLINT": "INT2 INT16 SHORT",
    "TINYINT": "INT1",
    "HUGEINT": "INT128",
    "UBIGINT": "UINT64",
    "UINTEGER": "UINT32",
    "USMALLINT": "UINT16",
    "UTINYINT": "UINT8",
    "UHUGEINT": "UINT128",
    "BIGNUM": "VARINT",
    "DOUBLE": "FLOAT8",
    "FLOAT": "FLOAT4 REAL",
    "BOOLEAN": "BOOL LOGICAL",
    "VARCHAR": "TEXT STRING CHAR BPCHAR NVARCHAR CHARACTER",
    "BLOB": "BYTEA BINARY VARBINARY",
    "BIT": "BITSTRING",
    "TIMESTAMP": "DATETIME TIMESTAMP_US",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
    "TIME WITH TIME ZONE": "TIMETZ",
    "UUID": "GUID",
    "DECIMAL": "NUMERIC DEC",
    "DATE": "",
    "TIME": "",
    "TIME_NS": "",
    "TIMESTAMP_S": "",
    "TIMESTAMP_MS": "",
    "TIMESTAMP_NS": "",
    "TIMESTAMPTZ_NS": "",
    "INTERVAL": "",
    "JSON": "",
    "VARIANT": "",
    "GEOMETRY": "",
}
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases.split())}
_NESTED = ("STRUCT", "ROW", "MAP", "UNION", "ENUM", "LIST")
_KNOWN = "Types are BIGINT, INTEGER, DOUBLE, DECIMAL(18,2), VARCHAR, BOOLEAN, DATE, TIMESTAMPTZ, UUID, JSON and all others of DuckDB."
MOST_DIGITS = 38
_SECOND = {("DOUBLE", "PRECISION"): "DOUBLE", ("CHARACTER", "VARYING"): "VARCHAR"}


def type_name(text: Text, tokens: list[Token]) -> str:
    """DuckDB's name of a type, as DESCRIBE shows it.

    Raises:
        PipelineError: no such type; the hint names near ones.
    """
    first = tokens[0]
    word = first.text.upper()
    if first.kind not in ("word", "name"):
        raise text.mistake(first, f"expected a type, found {first.sql}", "Write BIGINT, DOUBLE, VARCHAR, BOOLEAN, TIMESTAMPTZ, …")
    if len(tokens) > 1 and tokens[1].symbol("<"):
        raise text.between(tokens, f"{word}<…> is not DuckDB's way to write this type", _spark_hint(word))
    rest = tokens[1:]
    if word in _NESTED and rest and rest[0].symbol("("):
        end = closing(tokens, 1)
        base, rest = _nested(text, word, tokens[2:end], tokens), tokens[end + 1 :]
    else:
        base, rest = _plain(text, first, rest)
    return base + _brackets(text, rest)


def _plain(text: Text, first: Token, rest: list[Token]) -> tuple[str, list[Token]]:
    word = first.text.upper()
    for (one, two), name in _SECOND.items():
        if word == one and rest and rest[0].word(two):
            word, rest = name, rest[1:]
    if word in ("TIMESTAMP", "TIME") and [t.text.upper() for t in rest[:3]] in (["WITH", "TIME", "ZONE"], ["WITHOUT", "TIME", "ZONE"]):
        word, rest = word + (" WITH TIME ZONE" if rest[0].word("WITH") else ""), rest[3:]
    if word not in _NAMES:
        near = get_close_matches(word, [*_NAMES, *_NESTED], 1)
        raise text.mistake(first, f"there is no type {first.text}", f"Did you mean {near[0]}?" if near else _KNOWN)
    name = _NAMES[word]
    if rest and rest[0].symbol("("):
        end = closing(rest, 0)
        numbers = [t.text for t in rest[1:end] if t.kind == "number"]
        inside, rest = rest[: end + 1], rest[end + 1 :]
        if name == "DECIMAL" and numbers:
            return _decimal(text, [first, *inside], numbers), rest
    return "DECIMAL(18,3)" if name == "DECIMAL" else name, rest


def _decimal(text: Text, tokens: list[Token], numbers: list[str]) -> str:
    digits, places = numbers[0], numbers[1] if len(numbers) > 1 else "0"
    if not (digits.isdigit() and places.isdigit() and 1 <= int(digits) <= MOST_DIGITS and int(places) <= int(digits)):
        hint = "Write DECIMAL(18,2): all digits, and how many of them are behind the point."
        raise text.between(tokens, f"a DECIMAL has 1 to {MOST_DIGITS} digits, and no more behind the point", hint)
    return f"DECIMAL({int(digits)},{int(places)})"


def _nested(text: Text, word: str, inner: list[Token], whole: list[Token]) -> str:
    parts = split(inner)
    if not parts or not all(parts):
        raise text.between(whole, f"{word} needs its parts", "Write STRUCT(a BIGINT, b VARCHAR), MAP(VARCHAR, BIGINT), ENUM('a', 'b').")
    if word == "ENUM":
        return f"ENUM({', '.join(literal(p[0].text) for p in parts)})"
    if word == "MAP":
        return f"MAP({', '.join(type_name(text, p) for p in parts)})"
    if word == "LIST":
        return f"{type_name(text, parts[0])}[]"
    fields = []
    for part in parts:
        if len(part) < 2:
            raise text.between(part, f"a field of {word} needs a name and a type", f"Write {word}(a BIGINT, b VARCHAR).")
        plain = part[0].kind == "word" and part[0].names
        fields.append(f"{part[0].text if plain else quote(part[0].text)} {type_name(text, part[1:])}")
    return f"{'UNION' if word == 'UNION' else 'STRUCT'}({', '.join(fields)})"


def _brackets(text: Text, rest: list[Token]) -> str:
    out = ""
    while rest:
        if rest[0].word("ARRAY"):
            out, rest = out + "[]", rest[1:]
            continue
        end = closing(rest, 0)
        if not rest[0].symbol("[") or end > 2:
            raise text.mistake(rest[0], f"{rest[0].sql} does not belong to the type", "A comma may be missing before it.")
        out, rest = out + f"[{rest[1].text if end == 2 else ''}]", rest[end + 1 :]
    return out


def _spark_hint(word: str) -> str:
    return {"ARRAY": "Write BIGINT[].", "MAP": "Write MAP(VARCHAR, BIGINT)."}.get(word, "Write STRUCT(a BIGINT, b VARCHAR).")
