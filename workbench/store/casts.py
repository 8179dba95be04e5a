"""Which values may become values of another type."""

from __future__ import annotations

from workbench.errors import QueryError
from workbench.store.session import Session

_VALUES = {
    "'1 day'": ("INTERVAL",),
    "0": ("INT", "DOUBLE", "FLOAT", "DECIMAL", "BIGNUM", "BOOLEAN"),
    "'2020-01-01'": ("DATE", "TIMESTAMP"),
    "'00:00:00'": ("TIME",),
    "'00000000-0000-0000-0000-000000000000'": ("UUID",),
    "'1'": ("BIT",),
    "'0123456789abcdef'": ("BLOB",),
    "MAP {}": ("MAP",),
}
"""A value of each type that fits every type which takes any; the first whose name is part of the type's."""


def converts(session: Session, given: str, wanted: str) -> bool:
    """Whether values of one type may become another's; DuckDB tells only when it meets a value, so it is given one.

    Of a type that no value is known of (ENUM, and what DuckDB has yet to add) they may: whoever meets one will see.
    """
    if given == wanted or "VARCHAR" in (given, wanted) or "JSON" in (given, wanted):
        return True
    kinds = _kind(given), _kind(wanted)
    if kinds == ("list", "list"):
        return converts(session, given.rpartition("[")[0], wanted.rpartition("[")[0])
    if kinds == ("STRUCT", "STRUCT"):
        ours, theirs = _fields(session, given), _fields(session, wanted)
        shared = ours.keys() & theirs.keys()
        return bool(shared) and all(converts(session, ours[name], theirs[name]) for name in shared)
    if kinds == ("STRUCT", "MAP"):
        _, item = _parts(session, wanted)
        return all(converts(session, field, item) for field in _fields(session, given).values())
    if kinds == ("MAP", "MAP"):
        return all(converts(session, *pair) for pair in zip(_parts(session, given), _parts(session, wanted), strict=True))
    if kinds[0] == kinds[1] == "UNION":
        return True
    return _takes(session, given, wanted)


def _takes(session: Session, given: str, wanted: str) -> bool:
    """Whether DuckDB makes the other type of a value of the first; TRY_CAST, since an error would end the transaction."""
    kind = _kind(given)
    if kind == "STRUCT":
        value = f"row({', '.join('NULL' for _ in _fields(session, given))})"
    elif kind == "list":
        size = int(given.rpartition("[")[2][:-1] or 0)
        value = f"[{', '.join(['NULL'] * size)}]"
    elif kind == "UNION":
        return False
    else:
        value = next((value for value, names in _VALUES.items() if any(name in kind for name in names)), "")
    try:
        return not value or session.execute(f"SELECT TRY_CAST(CAST({value} AS {given}) AS {wanted}) IS NOT NULL") == [(True,)]
    except QueryError:  # refused before it is tried
        return False


def _fields(session: Session, kind: str) -> dict[str, str]:
    return {name.lower(): field for name, field in session.describe(f"SELECT unnest(NULL::{kind})")}


def _parts(session: Session, kind: str) -> tuple[str, str]:
    """The types of a MAP's keys and values."""
    (_, key), (_, value) = session.describe(f"SELECT map_keys(NULL::{kind}) AS k, map_values(NULL::{kind}) AS v")
    return key.removesuffix("[]"), value.removesuffix("[]")


def _kind(kind: str) -> str:
    return "list" if kind.endswith("]") else kind.split("(", 1)[0]
